"""h_t = tanh(W h_{t-1} + U x_t) along the tree of a batch's prefixes, with NumPy alone.

Shapes: n names or nodes, F features, H hidden.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.prefixes import Level, Places, prefix_tree
from model.symbols import Symbols
from model.text import normalise_lines
from model.vocabulary import NOTHING, Vocabulary

BLOCK = 512
"""States that are computed together: enough for BLAS, few enough for the cache."""

Floats = NDArray[np.float32]


class States:
    """W and U, laid out for speed; what they were made of is not changed."""

    least_part = 1024
    """Names that are worth a thread of their own; of fewer, BLAS shares each product."""

    def __init__(self, W: Floats, U: Floats, vocabulary: Vocabulary) -> None:
        """W (H, H) and U (H, F), whose columns are the vocabulary's features."""
        # Transposed once: a batch holds records as rows, so h W' and gathered columns of U.
        self._W = np.ascontiguousarray(W.T, np.float32)  # (H, H)
        # U x_t in one row: the column of the longest n-gram and those of all its endings.
        self._sums = np.array(U.T, np.float32, order="C")  # (F, H), always a copy
        self._sums[NOTHING] = 0.0
        # What stands before each name: h_0 is 0, so W makes nothing of it.
        self._start = self._sums[vocabulary.start : vocabulary.start + 1].copy()  # (1, H)
        for grams in vocabulary.by_length:
            self._sums[grams] += self._sums[vocabulary.ending[grams]]
        self.hidden = len(self._W)
        self._vocabulary = vocabulary

    def text(self, names: Sequence[str]) -> Symbols:
        """Names as the vocabulary reads them."""
        return self._vocabulary.flatten_lines(normalise_lines(names))

    def tree(self, text: Symbols, names: Places) -> list[Level]:
        """The tree of these of the names, which should be in order as `by_beginning` has it."""
        return prefix_tree(self._vocabulary, text, names)

    def last(self, tree: Sequence[Level], n: int) -> Floats:
        """h_T (n, H) of the n names of a tree."""
        last = np.zeros((n, self.hidden), np.float32)
        if n == 1:
            last[0] = self._of_one(tree)
            return last
        carried = self._start
        for level in tree:
            h = self._states(carried, level)
            if level.names.size:
                last[level.names] = h[level.inner :][level.ends]
            carried = h[: level.inner] @ self._W
        return last

    def _of_one(self, tree: Sequence[Level]) -> Floats:
        """h_T (H,) of the one name of a tree, in as few calls as can be: they are what it costs."""
        if not tree:
            return np.zeros(self.hidden, np.float32)
        *inner, whole = tree
        carried = self._start[0]
        for level in inner:
            carried = np.tanh(carried + self._sums[level.features[0]]) @ self._W
        x = self._sums[whole.features[0]] + self._sums[whole.closing[0]]
        return np.asarray(np.tanh(carried + x))

    def _states(self, carried: Floats, level: Level) -> Floats:
        """h (n, H) of a level's nodes, from what W makes of the prefixes above them.

        Block by block, so that a block stays in the cache.
        """
        inner = level.inner
        states = np.empty((len(level.features), self.hidden), np.float32)
        for start in range(0, len(states), BLOCK):
            block = slice(start, start + BLOCK)
            a = states[block]
            carried.take(level.parents[block], 0, out=a, mode="clip")
            a += self._sums.take(level.features[block], 0)
            if start + len(a) > inner:
                marked = level.closing[max(start - inner, 0) : start + len(a) - inner]
                a[len(a) - len(marked) :] += self._sums.take(marked, 0)
            np.tanh(a, out=a)
        return states
