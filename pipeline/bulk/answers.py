"""What a model says of many names, as arrays: small enough to be kept of many.

Shapes: N names, C languages, k languages told of each.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.answer import DECIMALS
from model.classifier import Classifier, Judged
from model.compiled import CompiledStates
from model.limits import MAX_NAME_LENGTH
from model.prefixes import Places
from model.text import normalise_all
from model.verdict import JUDGEMENTS, Judgement
from pipeline.bulk.faults import Fault
from pipeline.bulk.sets import coded
from pipeline.bulk.told import told, told_in_loops

NONE = -1
"""Stands for an id where there is none."""

OUTCOMES: tuple[Judgement | Fault, ...] = (
    *JUDGEMENTS,
    Fault.NO_NAME,
    Fault.TOO_LONG,
    Fault.NOTHING_READABLE,
)
"""What a model can make of a text."""


class Answers(NamedTuple):
    """Of N texts; one that cannot be read has `NONE` for its languages and its set."""

    languages: NDArray[np.int16]
    """(N, k) the most probable ones, by their places in the model, the best first."""
    probabilities: NDArray[np.float32]
    """(N, k), rounded as in every answer; NaN where there is no language."""
    outcomes: NDArray[np.int8]
    """(N,) places in `OUTCOMES`."""
    sets: NDArray[np.int32]
    """(N,) places in `texts`."""
    texts: Sequence[str]
    """Each set that occurs, as codes with spaces between them, the most probable first."""

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What there is of each text."""
        return self.languages, self.probabilities, self.outcomes, self.sets

    def put(self, places: Places | slice, others: "Answers") -> None:
        """Write the arrays of others into these places."""
        for ours, theirs in zip(self.arrays, others.arrays, strict=True):
            ours[places] = theirs

    @classmethod
    def nothing(cls, names: int, k: int) -> Self:
        """Of so many texts, of which nothing is known."""
        return cls(
            np.full((names, k), NONE, np.int16),
            np.full((names, k), np.nan, np.float32),
            np.full(names, NONE, np.int8),
            np.full(names, NONE, np.int32),
            (),
        )

    @classmethod
    def of(
        cls, classifier: Classifier, names: pa.LargeStringArray, top_k: int, coverage: float
    ) -> Self:
        """What the model makes of these texts.

        Raises:
            ArtifactError, ValueError: as `Classifier.judge`.
        """
        faults = _faults(names)
        (good,) = (faults == NONE).nonzero()
        judged = classifier.judge(names.take(good).to_pylist(), coverage=coverage)
        read = cls._judged(judged, classifier, top_k)
        if len(good) == len(names):
            return read
        whole = cls.nothing(len(names), top_k)._replace(texts=read.texts)
        whole.put(good, read)
        (bad,) = (faults != NONE).nonzero()
        whole.outcomes[bad] = faults[bad]
        return whole

    @classmethod
    def _judged(cls, judged: Judged, classifier: Classifier, top_k: int) -> Self:
        tell = told_in_loops if isinstance(classifier.states, CompiledStates) else told
        languages, best, keys = tell(judged.probabilities, judged.sets, top_k)
        codes = [language.code for language in classifier.languages]
        sets, texts = coded(keys, judged.probabilities, judged.sets, codes)
        rounded = best.astype(np.float64).round(DECIMALS).astype(np.float32)
        return cls(languages, rounded, judged.judgements.astype(np.int8), sets, texts)


def _faults(names: pa.LargeStringArray) -> NDArray[np.int8]:
    """(N,) why a text cannot be read, as a place in `OUTCOMES`; `NONE`: it can be."""
    lengths = pc.utf8_length(names).to_numpy()
    faults = np.full(len(names), NONE, np.int8)
    faults[lengths == 0] = OUTCOMES.index(Fault.NO_NAME)
    faults[lengths > MAX_NAME_LENGTH] = OUTCOMES.index(Fault.TOO_LONG)
    # What has a letter can be read; to normalise all twice would take a tenth of what follows.
    lettered = pc.or_(pc.utf8_is_alpha(names), pc.utf8_is_title(names))
    (doubtful,) = ((faults == NONE) & ~lettered.to_numpy(zero_copy_only=False)).nonzero()
    unreadable = [not read for read in normalise_all(names.take(doubtful).to_pylist())]
    faults[doubtful[unreadable]] = OUTCOMES.index(Fault.NOTHING_READABLE)
    return faults


class Pile:
    """Answers laid one upon the other."""

    def __init__(self, k: int) -> None:
        self._room = Answers.nothing(0, k)
        self._texts: dict[str, int] = {}
        self._size = 0

    def add(self, more: Answers) -> None:
        """Answers of further texts."""
        end = self._size + len(more.outcomes)
        if end > len(self._room.outcomes):
            self._grow(max(end, 2 * self._size))
        new = [self._texts.setdefault(text, len(self._texts)) for text in more.texts]
        # `NONE` is the last place of an array, so that it stays what it is.
        sets = np.array([*new, NONE], np.int32)[more.sets]
        self._room.put(slice(self._size, end), more._replace(sets=sets))
        self._size = end

    @property
    def answers(self) -> Answers:
        """All so far, in the order in which they came; what is added later is not among them."""
        languages, probabilities, outcomes, sets = (a[: self._size] for a in self._room.arrays)
        return Answers(languages, probabilities, outcomes, sets, list(self._texts))

    def _grow(self, room: int) -> None:
        larger = Answers.nothing(room, self._room.languages.shape[1])
        larger.put(slice(self._size), self.answers)
        self._room = larger
