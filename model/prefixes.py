"""Names that begin alike share their first states: a batch as the tree of its prefixes.

Level d of the tree has a node for each distinct prefix of d + 1 steps. Its state follows from its
parent's on the level above, so one product a level computes each state once, however many names
begin with it; equal names cost nothing. The answers are those of reading each name alone.

Shapes: N names, n nodes of a level, m names that end on it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from model.lookup import Ids
from model.symbols import START, Integers, Symbols
from model.vocabulary import Vocabulary

Places = NDArray[np.intp]

SORTED_BY = 8
"""Symbols by which names are sorted, each by its low byte, as many as a whole number has bytes. Of
names that part later, or only in other bytes, some may miss a shared state."""


CHUNK = 8192
"""Names whose prefixes make one tree."""


class Level(NamedTuple):
    """The prefixes of one length."""

    features: Ids
    """(n,) the longest learned n-gram in which each ends; its own endings are in it."""
    parents: Places
    """(n,) the nodes of the level above that they go on from; 0 on the first."""
    names: Places
    """(m,) the names that end on this level, by their places in the order given …"""
    ends: Places
    """(m,) … and the nodes that they are."""


def trees(vocabulary: Vocabulary, names: Sequence[str]) -> Iterator[tuple[Places, list[Level]]]:
    """The trees of normalised names, each with the places of its names among them."""
    text = vocabulary.flatten(names)
    order = by_beginning(text)
    for start in range(0, len(order), CHUNK):
        places = order[start : start + CHUNK]
        yield places, prefix_tree(vocabulary, text, places)


def prefix_tree(vocabulary: Vocabulary, text: Symbols, names: Places) -> list[Level]:
    """The levels of these names (N,), which should be in order as `by_beginning` has it."""
    if len(names) == 1:
        return _chain(vocabulary, text, int(names[0]))
    branches = list(_branches(text, names))
    if not branches:
        return []
    features = vocabulary.longest(text, np.concatenate([branch.at for branch in branches]))
    last = np.cumsum([len(branch.at) for branch in branches])
    parted = np.split(features, last[:-1])
    return [Level(part, *branch[1:]) for part, branch in zip(parted, branches, strict=True)]


def _chain(vocabulary: Vocabulary, text: Symbols, name: int) -> list[Level]:
    """The tree of one name, which has no branches."""
    start, length = int(text.starts[name]), int(text.lengths[name])
    features = vocabulary.longest(text, np.arange(start, start + length))
    first, none = np.zeros(1, np.intp), np.zeros(0, np.intp)
    inner = [Level(features[d : d + 1], first, none, none) for d in range(length - 1)]
    return [*inner, Level(features[-1:], first, first, first)] if length else []


class _Branches(NamedTuple):
    at: Integers  # (n,) where the last symbol of each prefix stands in the text
    parents: Places
    names: Places
    ends: Places


def _branches(text: Symbols, names: Places) -> Iterator[_Branches]:
    starts, lengths = text.starts[names], text.lengths[names]
    shares = np.ones(len(names), bool)  # its whole prefix with the name before
    shares[:1] = False
    node = np.zeros(len(names), np.intp)
    place = np.arange(len(names))
    for d in range(int(lengths.max(initial=0))):
        # A name that ended on the level above has here what no name holds inside.
        codes = text.codes[starts + d]
        shares[1:] &= codes[1:] == codes[:-1]
        alive = lengths > d
        if not alive.all():
            starts, lengths, shares = starts[alive], lengths[alive], shares[alive]
            node, place = node[alive], place[alive]
        (fresh,) = (~shares).nonzero()
        parents = node[fresh]
        node = (~shares).cumsum() - 1
        (ending,) = (lengths == d + 1).nonzero()
        yield _Branches(starts[fresh] + d, parents, place[ending], node[ending])


def by_beginning(text: Symbols) -> Places:
    """(N,) the names in an order in which those stand together that begin alike."""
    if len(text.starts) == 1:
        return np.zeros(1, np.intp)
    low = np.zeros(text.codes.size + SORTED_BY + 1, np.uint8)
    low[: text.codes.size] = text.codes & 0xFF
    after_mark = text.starts + (text.codes[text.starts] == ord(START))
    beginnings = sliding_window_view(low, SORTED_BY)[after_mark]  # (N, SORTED_BY)
    return np.argsort(beginnings.view(">u8").ravel().astype(np.uint64))
