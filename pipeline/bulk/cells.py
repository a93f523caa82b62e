"""Columns of cells as text, as JSON and as names.

Shapes: N rows.
"""

from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.bulk.faults import Fault

Array: TypeAlias = pa.Array | pa.ChunkedArray
BYTES = pa.large_binary()


def joined(columns: list[Array], between: bytes) -> Array:
    """(N,) the cells of each row, one after the other; a null is nothing."""
    return pc.binary_join_element_wise(
        *columns, pa.scalar(between, BYTES), null_handling="replace", null_replacement=b""
    )


def write_lines(lines: pa.Array, out: BinaryIO) -> None:
    """Lines (N,) of bytes, none of which is null, each with its end."""
    ended = joined([lines, pa.scalar(b"", BYTES)], b"\n")
    _, ends, values = ended.buffers()
    size = np.frombuffer(ends, np.int64)[len(ended)]
    out.write(memoryview(values)[:size] if size else b"")


def name_cells(column: Array) -> tuple[pa.Array, pa.Array]:
    """(N,) the names in a column of bytes, and (N,) what is wrong with the others."""
    cells = whole(column)
    empty = pc.equal(pc.binary_length(cells), 0)
    none = pa.scalar(None, pa.string())
    faults = pc.if_else(empty, Fault.NO_NAME.value, none)
    try:
        names = cells.cast(pa.large_string())
    except pa.ArrowInvalid:
        names = pa.array([_utf8(cell) for cell in cells.to_pylist()], pa.large_string())
        faults = pc.if_else(pc.is_null(names), Fault.NOT_UTF8.value, faults)
    return pc.if_else(empty, none.cast(pa.large_string()), names), faults


def text(column: Array) -> pa.Array:
    """Bytes as text: what is no UTF-8 becomes U+FFFD."""
    cells = whole(column)
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([cell.decode("utf-8", "replace") for cell in cells.to_pylist()])


def as_bytes(
    column: Array, change: Callable[[pa.Array], pa.Array] = lambda cells: cells
) -> pa.Array:
    """(N,) cells of any type as they are written, each through `change`; a null stays one."""
    return _by_value(whole(column), lambda cells: change(_written(cells)))


def as_json(column: Array) -> pa.Array:
    """(N,) cells of any type as JSON values."""
    return pc.fill_null(_by_value(whole(column), _json), b"null")


def whole(column: Array) -> pa.Array:
    """A column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _by_value(column: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A change to each cell; of a dictionary, to each of its values."""
    if pa.types.is_dictionary(column.type):
        return change(column.dictionary).take(column.indices)
    return change(column)


def _written(cells: pa.Array) -> pa.Array:
    kind = cells.type
    if pa.types.is_nested(kind):
        return _each(cells, lambda value: orjson.dumps(value, default=str))
    if not is_text(kind):
        try:
            cells = cells.cast(pa.string())
        except pa.ArrowNotImplementedError:  # durations and the like
            return _each(cells, lambda value: str(value).encode())
    return cells.cast(BYTES)


def _json(cells: pa.Array) -> pa.Array:
    kind = cells.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return cells.cast(pa.string()).cast(BYTES)
    if pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(cells), cells, pa.scalar(None, kind))
        return finite.cast(pa.string()).cast(BYTES)
    if pa.types.is_nested(kind):
        return _each(cells, lambda value: orjson.dumps(value, default=str))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        cells = text(cells)
    elif not is_text(kind):
        cells = _written(cells).cast(pa.large_string())
    return _each(cells, orjson.dumps)


def _each(cells: pa.Array, write: Callable[[Any], bytes]) -> pa.Array:
    return pa.array([None if value is None else write(value) for value in cells.to_pylist()], BYTES)


def is_text(kind: pa.DataType) -> bool:
    """Whether it is text, bytes, or ids of such."""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return inner in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), BYTES)


def _utf8(cell: bytes) -> str | None:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return None
