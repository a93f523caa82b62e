"""Answers that are kept while a job runs, so that a name that comes again is not read again.

Shapes: N rows.
"""

from collections.abc import Iterable
from itertools import repeat

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.bulk.answers import NONE, Answers, Pile
from pipeline.bulk.texts import Distinct

MOST = 500_000
"""Names that are kept, some 200 bytes each; with the next part all of them are forgotten."""


class Known:
    """Names in the order in which they came, and their answers, which may come later."""

    def __init__(self, k: int) -> None:
        self._place: dict[str, int] = {}
        self._entered = 0
        self._pile = Pile(k)

    @property
    def full(self) -> bool:
        """Whether to begin anew."""
        return self._entered >= MOST

    def enter(self, names: Distinct) -> tuple[NDArray[np.int32], list[str]]:
        """The place (N,) of each row's name, and the names that are new, to be read in order."""
        texts = names.texts.to_pylist()
        places = np.full(len(texts) + 1, NONE, np.int32)
        places[:-1] = np.fromiter(map(self._place.get, texts, repeat(NONE)), np.int32, len(texts))
        (new,) = (places[:-1] == NONE).nonzero()
        # In order, those stand together that begin alike.
        new = new[pc.sort_indices(names.texts.take(new)).to_numpy()]
        fresh = [texts[i] for i in new.tolist()]
        end = self._entered + len(fresh)
        places[new] = range(self._entered, end)
        self._place.update(zip(fresh, range(self._entered, end), strict=True))
        self._entered = end
        return places[names.rows], fresh

    def fill(self, answers: Iterable[Answers]) -> Answers:
        """All answers, now that those of the names that were entered next are there."""
        for more in answers:
            self._pile.add(more)
        return self._pile.answers
