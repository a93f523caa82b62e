"""Where the rows of CSV text end, and which cells a row has.

A cell is quoted where it begins with a quote; a quote further on stands for itself.
"""

import re
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

QUOTE, NEWLINE, RETURN = b'"\n\r'
_NEAR = 1 << 14
"""Bytes at a block's end that are looked at first."""


def row_end(block: bytes, delimiter: bytes) -> int:
    r"""Where the last row ends that is certainly complete, in bytes; 0 where none is.

    The block begins with a row. A carriage return at its end may be half of a line's end.

    >>> row_end(b'a,b\nc,"d\n', b",")
    4
    """
    if b'"' not in block:
        return max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1
    text = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    if not _tidy(text, quotes, delimiter):
        return _end_of_untidy(block, delimiter)
    near = max(len(text) - _NEAR, 0)
    return _end_of_tidy(text, quotes, near) or _end_of_tidy(text, quotes, 0)


def _end_of_tidy(text: NDArray[np.uint8], quotes: NDArray[np.intp], start: int) -> int:
    """The last row's end, looked for from this place on."""
    tail = text[start:]
    ends = start + np.flatnonzero((tail == NEWLINE) | (tail == RETURN))
    ends = ends[(ends < len(text) - 1) | (text[ends] == NEWLINE)]
    outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def _tidy(text: NDArray[np.uint8], quotes: NDArray[np.intp], delimiter: bytes) -> bool:
    """Whether each quote opens or closes a cell, or is one of two within a quoted cell.

    If so, one stands outside of quotes wherever the number of quotes so far is even.
    """
    beside = np.zeros(256, bool)
    beside[[QUOTE, NEWLINE, RETURN, delimiter[0]]] = True
    opening, closing = quotes[::2], quotes[1::2]
    before, after = opening[opening > 0] - 1, closing[closing < len(text) - 1] + 1
    return bool(beside[text[before]].all() and beside[text[after]].all())


def _end_of_untidy(block: bytes, delimiter: bytes) -> int:
    end = 0
    for cell in _cell(delimiter).finditer(block):
        if cell["end"] not in (b"", delimiter) and cell.end() < len(block):
            end = cell.end()
    return end


def first_row(text: bytes, delimiter: bytes) -> tuple[list[bytes], int]:
    r"""The cells of the first row, and where it ends.

    >>> first_row(b'a,"b,\n"c\r\nd', b",")
    ([b'a', b'b,\nc'], 10)
    """
    cells = []
    for cell in _cell(delimiter).finditer(text):
        cells.append((cell["quoted"] or b"").replace(b'""', b'"') + cell["plain"])
        if cell["end"] != delimiter:
            return cells, cell.end()
    raise AssertionError("an empty text has one cell")


def row_of(cells: Iterable[bytes], delimiter: bytes) -> bytes:
    r"""The cells as one row, quoted where they need it.

    >>> row_of([b"a", b"b,c"], b",")
    b'a,"b,c"'
    """
    special = specials(delimiter)
    return delimiter.join(cell if special.isdisjoint(cell) else quoted(cell) for cell in cells)


def specials(delimiter: bytes) -> frozenset[int]:
    """The bytes that cannot stand in a cell without quotes."""
    return frozenset(delimiter + b'"\r\n')


def quoted(cell: bytes) -> bytes:
    """The cell between quotes, its own ones doubled."""
    return b'"' + cell.replace(b'"', b'""') + b'"'


@cache
def _cell(delimiter: bytes) -> re.Pattern[bytes]:
    d = re.escape(delimiter)
    return re.compile(
        rb'(?:"(?P<quoted>[^"]*+(?:""[^"]*+)*+)(?:"|\Z))?'
        rb"(?P<plain>[^\r\n" + d + rb"]*+)(?P<end>\r\n|\r|\n|" + d + rb"|\Z)"
    )
