"""Many sets of languages as texts, each distinct one put together once.

Shapes: N names, C languages, M members of all sets.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MEMBERS, BITS = 8, 8
"""So many members, of so many bits each, fit into one number."""


def coded(
    order: NDArray[np.intp], sets: NDArray[np.bool_], codes: Sequence[str]
) -> tuple[NDArray[np.int32], list[str]]:
    """The set of each row (N, C) as a place (N,) among the texts that are returned too.

    A text has the codes of the members in the row's `order` (N, C). No set may be empty.

    >>> ids, texts = coded(np.array([[1, 0], [0, 1]]), np.ones((2, 2), bool), ["de", "nl"])
    >>> [texts[i] for i in ids]
    ['nl de', 'de nl']
    """
    inside = np.take_along_axis(sets, order, 1)
    members, sizes = order[inside], inside.sum(axis=1)  # (M,), (N,)
    ends = sizes.cumsum()
    starts = ends - sizes
    short = (sizes <= MEMBERS) & (len(codes) < 1 << BITS)
    turn = np.arange(len(members)) - np.repeat(starts, sizes)
    # From 1 on, so that a last member of 0 is not lost.
    shifted = (members + 1).astype(np.uint64) << (BITS * (turn % MEMBERS)).astype(np.uint64)
    keys = np.bitwise_or.reduceat(shifted, starts) if len(starts) else shifted
    distinct, place = np.unique(keys[short], return_inverse=True)
    texts = [_text(key, codes) for key in distinct.tolist()]
    ids = np.empty(len(sizes), np.int32)
    ids[short] = place
    (long,) = (~short).nonzero()
    ids[long] = len(texts) + np.arange(len(long))
    texts += [" ".join(codes[c] for c in members[starts[i] : ends[i]].tolist()) for i in long]
    return ids, texts


def _text(key: int, codes: Sequence[str]) -> str:
    places = key.to_bytes(MEMBERS * BITS // 8, "little").rstrip(b"\0")
    return " ".join(codes[place - 1] for place in places)
