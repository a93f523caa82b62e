"""A column of strings that takes the bytes of its letters; Python's own take some 60 more each.

Whoever has no pyarrow uses lists: what is here takes any sequence of strings.
"""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

CHUNK = 8192
"""Strings that are made at once by whoever goes through a column."""

Ints = NDArray[np.int64]


class Texts(Sequence[str]):
    """Strings as an Arrow array has them; a slice is a list of Python's."""

    def __init__(self, column: Any) -> None:
        """An Arrow array of strings, chunked or not, or a dictionary of them."""
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            begin, end, step = place.indices(len(self))
            if step != 1:
                return [self[i] for i in range(begin, end, step)]
            strings: list[str] = self.column.slice(begin, max(end - begin, 0)).to_pylist()
            return strings
        string: str = self.column[place].as_py()
        return string

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), CHUNK):
            yield from self.column.slice(begin, CHUNK).to_pylist()


def taken(texts: Sequence[str], rows: Ints) -> Sequence[str]:
    """The strings at these places, in this order."""
    if isinstance(texts, Texts):
        return Texts(texts.column.take(rows))
    return [texts[row] for row in rows.tolist()]


def numbered(texts: Sequence[str]) -> tuple[Sequence[str], Ints]:
    """The distinct strings, sorted by code points, and for each text which of them it is.

    >>> numbered(["b", "a", "b"])
    (['a', 'b'], array([1, 0, 1]))
    """
    if not isinstance(texts, Texts):
        distinct = sorted(set(texts))
        place = {text: number for number, text in enumerate(distinct)}
        return distinct, np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))
    import pyarrow as pa
    import pyarrow.compute as pc

    column = texts.column
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    used = pc.unique(column.indices)  # a part of a column has the dictionary of the whole
    strings = column.dictionary.take(used)
    order = pc.sort_indices(strings)  # UTF-8 sorts as code points do
    number = np.zeros(len(column.dictionary), np.int64)
    number[used.take(order).to_numpy()] = np.arange(len(order))
    return Texts(strings.take(order)), number[column.indices.to_numpy()]
