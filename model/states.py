"""h_t = tanh(W h_{t-1} + U x_t) along the tree of a batch's prefixes, with NumPy alone.

Shapes: n names or nodes, F features, H hidden.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.lookup import Ids
from model.prefixes import Level, Places
from model.vocabulary import NOTHING, Vocabulary

BLOCK = 512
"""States that are computed together: enough for BLAS, few enough for the cache."""

Floats = NDArray[np.float32]


class States:
    """W and U, laid out for speed; what they were made of is not changed."""

    def __init__(self, W: Floats, U: Floats, vocabulary: Vocabulary) -> None:
        """W (H, H) and U (H, F), whose columns are the vocabulary's features."""
        # Transposed once: a batch holds records as rows, so h W' and gathered columns of U.
        self._W = np.ascontiguousarray(W.T, np.float32)  # (H, H)
        # U x_t in one row: the column of the longest n-gram and those of all its endings.
        self._sums = np.array(U.T, np.float32, order="C")  # (F, H), always a copy
        self._sums[NOTHING] = 0.0
        for grams in vocabulary.by_length:
            self._sums[grams] += self._sums[vocabulary.ending[grams]]
        self.hidden = len(self._W)

    def last(self, tree: Sequence[Level], n: int) -> Floats:
        """h_T (n, H) of the n names of a tree."""
        last = np.zeros((n, self.hidden), np.float32)
        if n == 1:
            last[0] = self._of_one(tree)
            return last
        h = last[:1]  # h_0
        for level in tree:
            h = self._next(h, level.parents, level.features)
            last[level.names] = h[level.ends]
        return last

    def _of_one(self, tree: Sequence[Level]) -> Floats:
        """h_T (H,) of the one name of a tree, in as few calls as can be: they are what it costs."""
        h = np.zeros(self.hidden, np.float32)
        for level in tree:
            h = np.tanh(h @ self._W + self._sums[level.features[0]])
        return h

    def _next(self, h: Floats, parents: Places, columns: Ids) -> Floats:
        """tanh(W h + U x) (n, H) of n nodes, block by block so that a block stays in the cache."""
        states = np.empty((len(parents), self.hidden), np.float32)
        for start in range(0, len(parents), BLOCK):
            block = slice(start, start + BLOCK)
            state = states[block]
            np.matmul(h.take(parents[block], 0), self._W, out=state)
            state += self._sums.take(columns[block], 0)
            np.tanh(state, out=state)
        return states
