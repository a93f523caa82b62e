"""Many names as one array of symbols, so that NumPy can work on all of them at once.

Shapes: N names, Q symbols of all names and what stands between them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

START, END = "\x02", "\x03"  # `normalise` leaves no control character in a name
BETWEEN = "\x00"
"""Stands before each name that has no marks, and after the last, so that no n-gram runs over."""

Codes = NDArray[np.int32]
Integers = NDArray[np.int64]


class Symbols(NamedTuple):
    """Names one after the other; with marks, each starts with START and ends with END."""

    codes: Codes
    """(Q,) code points."""
    starts: Integers
    """(N,) where each name's first step stands in `codes`."""
    lengths: Integers
    """(N,) steps of each name, marks included."""

    def steps(self) -> Integers:
        """(P,) where the steps of all names stand in `codes`, name by name."""
        before = np.cumsum(self.lengths) - self.lengths
        return np.repeat(self.starts - before, self.lengths) + np.arange(self.lengths.sum())


def flatten(names: Sequence[str], marks: bool) -> Symbols:
    """The symbols of normalised names.

    >>> flatten(["ab", "c"], marks=False).starts.tolist()
    [1, 4]
    """
    before, after = (START, END) if marks else (BETWEEN, "")
    joined = before + (after + before).join(names) + after + BETWEEN if names else BETWEEN
    codes = np.frombuffer(joined.encode("utf-32-le"), np.int32)
    lengths = np.fromiter(map(len, names), np.int64, len(names))
    strides = lengths + len(before + after)
    starts = np.cumsum(strides) - strides
    return Symbols(codes, starts, strides) if marks else Symbols(codes, starts + 1, lengths)
