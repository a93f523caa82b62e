"""Many names as one array of symbols, so that NumPy can work on all of them at once.

Shapes: N names, Q symbols of all names and what stands between them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.text import lines_of

START, END = "\x02", "\x03"  # `normalise` leaves no control character in a name
BETWEEN = "\x00"
"""Stands around names that have no marks, so that no n-gram runs over."""
AROUND = START, END, BETWEEN

Codes = NDArray[np.int32]
Integers = NDArray[np.int64]


class Symbols(NamedTuple):
    """Names one after the other; with marks, START stands before each and END after it."""

    codes: Codes
    """(Q,) code points."""
    starts: Integers
    """(N,) where each name's first character stands in `codes`."""
    lengths: Integers
    """(N,) characters of each name."""

    def places(self) -> Integers:
        """(P,) where the characters of all names stand in `codes`, name by name."""
        before = np.cumsum(self.lengths) - self.lengths
        return np.repeat(self.starts - before, self.lengths) + np.arange(self.lengths.sum())

    @property
    def ends(self) -> Integers:
        """(N,) where what follows each name stands in `codes`; with marks it is END."""
        return self.starts + self.lengths

    def widened(self) -> "Symbols":
        """The same, with the marks around each name as characters of it."""
        return Symbols(self.codes, self.starts - 1, self.lengths + 2)


def flatten(names: Sequence[str], marks: bool) -> Symbols:
    """The symbols of normalised names.

    >>> flatten(["ab", "c"], marks=False).starts.tolist()
    [1, 4]
    """
    return flatten_lines(lines_of(names), marks)


def flatten_lines(lines: str, marks: bool) -> Symbols:
    """The same of one text, in which a line break follows each name."""
    apart = between(marks)
    joined = apart[-1] + lines.replace("\n", apart)
    codes = np.frombuffer(joined.encode("utf-32-le"), np.int32)
    (stops,) = (codes == ord(apart[0])).nonzero()
    ends = stops[stops > 0]
    starts = np.append(1, ends + len(apart))[:-1]
    return Symbols(codes, starts, ends - starts)


def between(marks: bool) -> str:
    """What stands between two names; its last symbol stands before the first one too."""
    return END + START if marks else BETWEEN
