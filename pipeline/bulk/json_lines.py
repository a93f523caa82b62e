"""JSON Lines: a line stays as it is, byte for byte, and gets the new keys at its end.

Where a line is written down in another format, its keys become columns: those of the first part's
lines. Keys that only turn up later are kept in one more column, as JSON.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from pipeline.bulk.cells import BYTES, as_json, joined, write_lines
from pipeline.bulk.faults import Fault
from pipeline.bulk.formats import Format, Part, Reading, Source, beside
from pipeline.bulk.unpacked import unpacked

LINE, GOOD = "line", "good"
"""The columns of a part: a line, and whether it is a JSON object."""

KEYS = b"keys"
"""The columns that lines become, as JSON in a part's metadata."""

OTHER = "other_fields"
"""Where the keys go that are not among them, or a line that is no object."""


def schema(source: Source, format: Format, reading: Reading) -> pa.Schema:
    """The keys of the first part's lines."""
    for part in parts(source, format, reading, 0):
        return pa.schema([(key, pa.string()) for key in _keys(part.rest)])
    raise ValueError("it is empty; expected a JSON object on each line")


def parts(source: Source, format: Format, reading: Reading, first: int) -> Iterator[Part]:
    """The file in parts, from the `first` on. Lines of white space are no rows."""
    with unpacked(source, reading.encoding) as stream:
        lines = (stripped for line in stream if (stripped := line.rstrip(b"\r\n")).strip())
        keys: list[str] | None = None
        number = 0
        while rows := list(islice(lines, reading.rows)):
            objects = [_object(row) for row in rows]
            if keys is None:
                keys = list(dict.fromkeys(key for found in objects if found for key in found))
            if number >= first:
                yield _part(rows, objects, keys, reading.column)
            number += 1


def write(rest: pa.Table, new: pa.Table, out: BinaryIO, format: Format, *, header: bool) -> None:
    """Rows as lines."""
    if not is_lines(rest):
        opened, closed = pa.scalar(b"{", BYTES), pa.scalar(b"}", BYTES)
        write_lines(joined([opened, _members(beside(rest, new)), closed], b""), out)
        return
    rows = zip(*(rest[title].to_pylist() for title in (LINE, GOOD)), strict=True)
    added = _members(new).to_pylist()
    lines = [_with(line, good, more) for (line, good), more in zip(rows, added, strict=True)]
    write_lines(pa.array(lines, BYTES), out)


def is_lines(rest: pa.Table) -> bool:
    """Whether a table holds the lines of a file rather than its columns."""
    return KEYS in (rest.schema.metadata or {})


def columns(rest: pa.Table) -> pa.Table:
    """The lines of a part as columns of text, for other formats."""
    keys = _keys(rest)
    known = set(keys)
    cells: dict[str, list[str | None]] = {key: [] for key in keys}
    other: list[str | None] = []
    for line in rest[LINE].to_pylist():
        found = _object(line)
        if found is None:
            found, left = {}, line.decode("utf-8", "replace")
        else:
            more = {key: value for key, value in found.items() if key not in known}
            left = _text(more) if more else None
        for key, column in cells.items():
            column.append(_text(found[key]) if key in found else None)
        other.append(left)
    return pa.table(
        {key: pa.array(column, pa.string()) for key, column in cells.items()}
        | {OTHER: pa.array(other, pa.string())}
    )


def _part(
    lines: list[bytes], objects: list[dict[str, Any] | None], keys: list[str], column: str
) -> Part:
    found = [_name(each, column) for each in objects]
    names = [None if isinstance(name, Fault) else name for name in found]
    faults = [name if isinstance(name, Fault) else None for name in found]
    metadata = {KEYS: json.dumps(keys).encode()}
    good = [each is not None for each in objects]
    rest = pa.table({LINE: pa.array(lines, BYTES), GOOD: pa.array(good, pa.bool_())})
    rest = rest.replace_schema_metadata(metadata)
    return Part(rest, pa.array(names, pa.large_string()), pa.array(faults, pa.string()))


def _name(found: dict[str, Any] | None, column: str) -> str | Fault:
    if found is None:
        return Fault.NOT_JSON
    value = found.get(column)
    if value is None or value == "":
        return Fault.NO_NAME
    return value if isinstance(value, str) else Fault.NOT_TEXT


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _with(line: bytes, good: bool, more: bytes) -> bytes:
    """A line with more members.

    >>> _with(b'{"a": 1}', True, b'"b":2')
    b'{"a": 1,"b":2}'
    """
    if not good:
        return b'{"line":%b,%b}' % (orjson.dumps(line.decode("utf-8", "replace")), more)
    inside = line.rstrip()[:-1]
    return b"%b%b%b}" % (inside, b"" if inside.strip() == b"{" else b",", more)


def _members(table: pa.Table) -> pa.Array:
    """(N,) the cells of each row as members of an object."""
    members = [
        joined([pa.scalar(orjson.dumps(title), BYTES), as_json(column)], b":")
        for title, column in zip(table.column_names, table.columns, strict=True)
    ]
    return joined(members, b",")


def _keys(rest: pa.Table) -> list[str]:
    return list(json.loads(rest.schema.metadata[KEYS]))


def _text(value: Any) -> str | None:
    """A value as text: strings as they are, null as nothing, others as JSON."""
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
