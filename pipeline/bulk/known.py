"""Answers that are kept while a job runs, so that a name that comes again is not read again.

Shapes: N rows.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import count

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.bulk.answers import NONE, Answers, Pile
from pipeline.bulk.texts import Distinct

MOST = 500_000
"""Names that are kept, some 200 bytes each; with the next part all of them are forgotten."""


class Known:
    """Names, and their answers, which may come later."""

    def __init__(self, k: int) -> None:
        self._ids: dict[str, int] = defaultdict(count().__next__)  # in the order in which they came
        self._places = np.zeros(0, np.int32)  # of each id, among the answers
        self._pile = Pile(k)

    @property
    def full(self) -> bool:
        """Whether to begin anew."""
        return len(self._ids) >= MOST

    def enter(self, names: Distinct) -> tuple[NDArray[np.int32], pa.LargeStringArray]:
        """The place (N,) of each row's name, and the names that are new, to be read in order."""
        texts, before = names.texts.to_pylist(), len(self._ids)
        ids = np.fromiter(map(self._ids.__getitem__, texts), np.int32, len(texts))
        new = names.texts.filter(pa.array(ids >= before))
        # In order, those stand together that begin alike.
        order = pc.sort_indices(new)
        places = np.empty(len(new), np.int32)
        places[order] = np.arange(before, len(self._ids))
        self._places = np.append(self._places, places)
        return np.append(self._places[ids], np.int32(NONE))[names.rows], new.take(order)

    def fill(self, answers: Iterable[Answers]) -> Answers:
        """All answers, now that those of the names that were entered next are there."""
        for more in answers:
            self._pile.add(more)
        return self._pile.answers
