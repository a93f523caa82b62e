"""What is said of a name: the shapes that the command line prints and the service sends.

Shapes: N names, C languages.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from model.artifact import Language

DECIMALS = 6
"""Places of a probability in words; float32 has not many more."""

PLACE_BITS = 16

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


class LanguageProbability(TypedDict):
    """One line of an answer."""

    code: str
    language: str
    probability: float


class Answer(TypedDict):
    """A name as it was sent, and what the model makes of it."""

    name: str
    verdict: str
    """confident, ambiguous or unknown."""
    reason: str
    """Why, as a code: see `model.verdict.Reason`."""
    set: list[str]
    """Codes of the languages that hold the true one as often as asked, the most probable first."""
    languages: list[LanguageProbability]
    """The most probable first."""


def descending(probabilities: Floats) -> Places:
    """(N, C) the places of each row's probabilities, the highest first; of equals the first first.

    >>> descending(np.array([[0.2, 0.5, 0.3]], np.float32)).tolist()
    [[1, 2, 0]]
    """
    # Floats from 0 on are in order as their bits are; to sort whole numbers takes a third of the
    # time that a stable argsort takes.
    keys = (~probabilities.view(np.uint32)).astype(np.uint64) << PLACE_BITS
    keys |= np.arange(probabilities.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    return (keys & np.uint64((1 << PLACE_BITS) - 1)).astype(np.intp)


def ranked(
    probabilities: Floats,
    order: Places,
    languages: Sequence[Language],
    top_k: int | None = None,
    threshold: float = 0.0,
) -> list[list[LanguageProbability]]:
    """Each row of probabilities (N, C) in words, the highest first as `order` (N, C) has them.

    Only the `top_k` most probable, and none below `threshold`.
    """
    order = order[:, :top_k]
    values = np.take_along_axis(probabilities, order, 1)
    lengths = (values >= np.float32(threshold)).sum(axis=1)
    titles = [(language.code, language.name) for language in languages]
    return [
        [
            {"code": titles[c][0], "language": titles[c][1], "probability": p}
            for c, p in zip(best[:length], row, strict=False)
        ]
        for best, row, length in zip(
            order.tolist(),
            values.astype(np.float64).round(DECIMALS).tolist(),
            lengths.tolist(),
            strict=True,
        )
    ]


def members(
    sets: NDArray[np.bool_], order: Places, languages: Sequence[Language]
) -> list[list[str]]:
    """Each row's set (N, C) as codes, in the row's `order` (N, C)."""
    inside = np.take_along_axis(sets, order, 1)
    codes = [languages[c].code for c in order[inside].tolist()]
    ends = [0, *inside.sum(axis=1).cumsum().tolist()]
    return [codes[start:end] for start, end in pairwise(ends)]
