"""Rows as lines of text, made column by column.

Shapes: n rows.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_NULL = pa.nulls(1, pa.binary())

Cells = Callable[[pa.Array], pa.Array]
"""From values (n,) to their texts (n,); a null stays one."""
ROWS = 1 << 15
"""How many rows become text at a time."""


class Piece(NamedTuple):
    """What each line gets of a column."""

    before: bytes
    """Stands before the cell."""
    column: pa.ChunkedArray
    cells: Cells


def lines(pieces: Sequence[Piece], end: bytes, null: bytes) -> Iterator[memoryview]:
    """The text of n rows: all pieces of a row and then its end."""
    table = pa.table([piece.column for piece in pieces], [str(i) for i in range(len(pieces))])
    for start in range(0, len(table), ROWS):
        parts: list[pa.Array | bytes] = []
        for piece, column in zip(pieces, table.slice(start, ROWS).columns, strict=True):
            if pa.types.is_dictionary(column.type):
                parts += [_spread(column, piece, null)]
            else:
                parts += [piece.before, piece.cells(column.combine_chunks())]
        yield _content(joined(*parts, end, null=null))


def _spread(column: pa.ChunkedArray, piece: Piece, null: bytes) -> pa.Array:
    """What to write of ids (n,): each distinct value becomes text once."""
    # Ids of 8 bits might be too few for what several chunks hold.
    wide = column.cast(pa.dictionary(pa.int32(), column.type.value_type))
    ids = wide.unify_dictionaries().combine_chunks()
    cells = pa.concat_arrays([piece.cells(ids.dictionary).cast(pa.binary()), _NULL])
    return joined(piece.before, cells, null=null).take(ids.indices.fill_null(len(cells) - 1))


def joined(*parts: pa.Array | bytes, null: bytes) -> pa.Array:
    """Bytes (n,) of texts (n,) one beside the other, of which one at least is no constant."""
    cells = [pa.scalar(p) if isinstance(p, bytes) else p.cast(pa.binary()) for p in parts]
    return pc.binary_join_element_wise(
        *cells, pa.scalar(b""), null_handling="replace", null_replacement=null
    )


def escaped(texts: pa.Array, special: bytes, escape: Callable[[bytes], bytes]) -> pa.Array:
    """Bytes (n,) of texts (n,), those escaped that have a special byte in them."""
    cells = texts.cast(pa.binary())
    is_special = np.zeros(256, bool)
    is_special[list(special)] = True
    places = np.flatnonzero(is_special[np.frombuffer(_content(cells), np.uint8)])
    if not len(places):
        return cells
    starts = _offsets(cells)
    rows = np.unique(np.searchsorted(starts - starts[0], places, side="right") - 1)
    found = cells.take(pa.array(rows)).to_pylist()
    changed = [None if cell is None else escape(cell) for cell in found]
    where = np.zeros(len(cells), bool)
    where[rows] = True
    return pc.replace_with_mask(cells, pa.array(where), pa.array(changed, pa.binary()))


def _content(cells: pa.Array) -> memoryview:
    """The bytes of all cells (n,), one after the other."""
    content = cells.buffers()[2]
    if not len(cells) or content is None:
        return memoryview(b"")
    starts = _offsets(cells)
    return memoryview(content)[starts[0] : starts[-1]]


def _offsets(cells: pa.Array) -> NDArray[np.int32]:
    """Where each cell (n,) begins, and where the last one ends: (n + 1,)."""
    offsets = np.frombuffer(cells.buffers()[1], np.int32)
    return offsets[cells.offset : cells.offset + len(cells) + 1]
