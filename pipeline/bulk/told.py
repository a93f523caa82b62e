"""What is told of many names: the most probable languages, and the set as one number.

Shapes: N names, C languages, k of them told.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.answer import descending

MEMBERS, BITS = 8, 8
"""So many members, of so many bits each, fit into one number."""


class Told(NamedTuple):
    """Of N names."""

    languages: NDArray[np.int16]
    """(N, k) the most probable ones, by their places in the model, the best first."""
    probabilities: NDArray[np.float32]
    """(N, k)"""
    keys: NDArray[np.uint64]
    """(N,) the members of the set in the same order, the first in the lowest bits, each as its
    place from 1 on; 0 where there are more than fit."""


def told(probabilities: NDArray[np.float32], sets: NDArray[np.bool_], k: int) -> Told:
    """Of probabilities (N, C) and sets (N, C), none of them empty."""
    order = descending(probabilities)
    best = order[:, :k]
    return Told(
        best.astype(np.int16),
        np.take_along_axis(probabilities, best, 1),
        _keys(order, np.take_along_axis(sets, order, 1)),
    )


def told_in_loops(probabilities: NDArray[np.float32], sets: NDArray[np.bool_], k: int) -> Told:
    """The same, in compiled loops, which need not sort what is not told."""
    from pipeline.bulk import told_loops

    N, C = probabilities.shape
    said = Told(np.empty((N, k), np.int16), np.empty((N, k), np.float32), np.zeros(N, np.uint64))
    told_loops.most_probable(probabilities, said.languages, said.probabilities)
    if fits(C):
        told_loops.keys(probabilities, sets, said.keys)
    return said


def fits(C: int) -> bool:
    """Whether a number's bits suffice for the places of so many languages."""
    return C < 1 << BITS


def _keys(order: NDArray[np.intp], inside: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(N,) from the order (N, C) of languages, and which of them are in the set."""
    N, C = order.shape
    if not N or not fits(C):
        return np.zeros(N, np.uint64)
    places, sizes = order[inside] + 1, inside.sum(axis=1)
    starts = sizes.cumsum() - sizes
    turn = np.arange(len(places)) - np.repeat(starts, sizes)
    shifted = places.astype(np.uint64) << (BITS * (turn % MEMBERS)).astype(np.uint64)
    return np.where(sizes <= MEMBERS, np.bitwise_or.reduceat(shifted, starts), np.uint64(0))
