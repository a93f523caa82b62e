"""Names that begin alike share their first states: a batch as the tree of its prefixes.

Level d of the tree has a node for each distinct prefix of d + 1 characters that a name goes on
from, and one for each distinct whole name of that length, which is read with its end mark. A state
follows from its parent's on the level above, so each is computed once, however many names begin
with it, and what W makes of it once for all that go on from there; equal names cost nothing. The
answers are those of reading each name alone.

Shapes: N names, n nodes of a level, w whole names among them, m names that end on it.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from model.lookup import Ids
from model.symbols import Codes, Integers, Symbols
from model.vocabulary import Vocabulary

Places = NDArray[np.intp]

SORTED_BY = 8
"""Symbols by which names are sorted, each by its low byte, as many as a whole number has bytes. Of
names that part later, or only in other bytes, some may miss a shared state."""


class Level(NamedTuple):
    """The prefixes of one length, and after them the whole names of that length."""

    features: Ids
    """(n,) the longest learned n-gram in which each ends; its own endings are in it."""
    parents: Places
    """(n,) the prefixes of the level above that they go on from; 0 on the first."""
    closing: Ids
    """(w,) the same as `features`, of the whole names with their end mark; 0 without marks."""
    names: Places
    """(m,) the names that end on this level, by their places in the order given …"""
    ends: Places
    """(m,) … and which of the w they are."""

    @property
    def inner(self) -> int:
        """How many of the nodes are prefixes that a name goes on from: the first n - w."""
        return len(self.features) - len(self.closing)


def prefix_tree(vocabulary: Vocabulary, text: Symbols, names: Places) -> list[Level]:
    """The levels of these names (N,), which should be in order as `by_beginning` has it."""
    if len(names) == 1:
        return _chain(vocabulary, text, int(names[0]))
    (place,) = text.lengths[names].nonzero()  # an empty name ends nowhere
    if not place.size:
        return []
    starts, lengths = text.starts[names[place]], text.lengths[names[place]]
    nodes = _nodes(_shared(text.codes, starts, lengths), lengths)
    at = starts[nodes.name] + nodes.depth
    read = np.concatenate([at, at[nodes.whole] + 1])
    features, closing = np.split(vocabulary.longest(text, read), [len(at)])
    parts = zip(
        parts_of(np.bincount(nodes.depth)),
        parts_of(np.bincount(nodes.depth[nodes.whole])),
        parts_of(np.bincount(lengths - 1)),
        strict=True,
    )
    place = place[nodes.ended]
    return [
        Level(features[n], nodes.parents[n], closing[w], place[m], nodes.ends[m])
        for n, w, m in parts
    ]


def _chain(vocabulary: Vocabulary, text: Symbols, name: int) -> list[Level]:
    """The tree of one name, which has no branches."""
    start, length = int(text.starts[name]), int(text.lengths[name])
    if not length:
        return []
    found = vocabulary.longest(text, np.arange(start, start + length + 1))
    first, none = np.zeros(1, np.intp), np.zeros(0, np.intp)
    inner = [Level(found[d : d + 1], first, found[:0], none, none) for d in range(length - 1)]
    return [*inner, Level(found[length - 1 : length], first, found[length:], first, first)]


class _Nodes(NamedTuple):
    """M nodes of N names, level by level; of each level the whole names come last."""

    name: Places  # (M,) the first name that has it
    depth: Integers  # (M,)
    whole: NDArray[np.bool_]  # (M,)
    parents: Places  # (M,)
    ended: Places  # (N,) the names, the shortest first …
    ends: Places  # (N,) … and which of its level's whole names each is


def _nodes(shared: Integers, lengths: Integers) -> _Nodes:
    """From the names' lengths and how much each shares with the one before."""
    N, before = len(lengths), np.append(0, lengths[:-1])
    # The one before does not go on from its end, so that this one has no prefix from it there.
    first = np.minimum(shared, np.maximum(before - 1, 0))
    own = np.maximum(lengths - 1 - first, 0)
    prefixes = np.repeat(np.arange(N), own)
    depth = np.arange(len(prefixes)) - np.repeat(_begins(own) - first, own)
    new = (shared < lengths) | (before != lengths)  # not the same name as the one before
    (wholes,) = new.nonzero()
    name, depth = np.append(prefixes, wholes), np.append(depth, lengths[wholes] - 1)
    order = _in_order(depth)
    name, depth, whole = name[order], depth[order], order >= len(prefixes)
    # A node goes on from the last prefix of the level above that its name, or one before it, has.
    keys = depth * N + name
    prefix_keys = keys[~whole]
    begins = np.searchsorted(prefix_keys, np.arange(int(lengths.max())) * N)
    above = np.searchsorted(prefix_keys, keys - N, side="right") - 1
    parents = np.where(depth > 0, above - begins[depth - 1], 0)
    ended = _in_order(lengths)
    ends = new[ended].cumsum() - 1 - _begins(np.bincount(lengths[wholes]))[lengths[ended]]
    return _Nodes(name, depth, whole, parents, ended, ends)


def _shared(codes: Codes, starts: Integers, lengths: Integers) -> Integers:
    """(N,) how many characters each name has in common with the one before; none is empty."""
    begins = _begins(lengths)
    depth = np.arange(int(lengths.sum())) - np.repeat(begins, lengths)
    mine = codes[np.repeat(starts, lengths) + depth]
    # What follows the end of a name is no character, so there they differ at the latest.
    others = codes.take(np.repeat(np.roll(starts, 1), lengths) + depth, mode="clip")
    alike = np.where(mine == others, np.repeat(lengths, lengths), depth)
    shared = np.minimum.reduceat(alike, begins)
    shared[0] = 0
    return np.asarray(shared)


def _begins(sizes: Integers) -> Integers:
    """Where each part begins, of parts of these sizes that follow one another."""
    return np.asarray(np.cumsum(sizes) - sizes)


def _in_order(values: Integers) -> Places:
    """The places of numbers from 0 up, the smallest first; in linear time where they are small."""
    return np.argsort(values.astype(np.min_scalar_type(values.max(initial=0))), kind="stable")


def parts_of(sizes: Integers) -> list[slice]:
    """Where each part is, of parts of these sizes that follow one another."""
    begins = _begins(sizes)
    return list(map(slice, begins.tolist(), (begins + sizes).tolist()))


def by_beginning(text: Symbols) -> Places:
    """(N,) the names in an order in which those stand together that begin alike."""
    if len(text.starts) == 1:
        return np.zeros(1, np.intp)
    low = np.zeros(text.codes.size + SORTED_BY + 1, np.uint8)
    low[: text.codes.size] = text.codes & 0xFF
    np.maximum(low, 1, out=low)
    low[text.ends] = 0  # whole names before those that go on
    beginnings = sliding_window_view(low, SORTED_BY)[text.starts]  # (N, SORTED_BY)
    return np.argsort(beginnings.view(">u8").ravel().astype(np.uint64))
