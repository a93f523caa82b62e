"""JSON Lines: an object a line.

Shapes: n rows.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc
from orjson import dumps, loads

from pipeline.bulk import cells
from pipeline.bulk.blocks import Readable, blocks
from pipeline.bulk.faults import Fault
from pipeline.bulk.lines import Piece, lines
from pipeline.bulk.named import named
from pipeline.bulk.parts import MOST_BYTES, Input, Part, Reading, place_of, recut

Item = dict[str, Any]
OTHERS = "other_fields"
"""The column of what no other one has: the keys that turn up late, and lines that are no object."""

_OPENING = pa.field("line", pa.binary(), metadata={"json": "an object without its end"})
_LONG_NUMBER = re.compile(rb"\d{19}")


def read(stream: Readable, reading: Reading) -> Input:
    """The lines, as they stand or with a column for each key of the first part's objects."""
    left = blocks(stream, reading.encoding, lambda block: block.rfind(b"\n") + 1)
    head, rows, size = list[bytes](), 0, 0
    while rows < reading.rows and size < MOST_BYTES and (block := next(left, b"")):
        head.append(block)
        rows, size = rows + block.count(b"\n"), size + len(block)
    keys = _keys(head, reading.rows) if head else [reading.column]

    def parts(start: int) -> Iterator[Part]:
        place_of(reading.column, keys)
        first = (head.pop(0) for _ in range(len(head)))
        found = (_Lines.of(block).part(reading, keys) for block in chain(first, left))
        whole = recut(found, reading.rows)
        nothing = _Lines.of(b"").part(reading, keys)
        yield from islice(chain([next(whole, nothing)], whole), start, None)

    titles = keys if reading.keep_lines else [*keys, _others(keys)]
    return Input(pa.schema([(title, pa.string()) for title in titles]), None, parts)


def _keys(head: Iterable[bytes], rows: int) -> list[str]:
    items = chain.from_iterable(_Lines.of(block).items for block in head)
    return list(dict.fromkeys(key for item in islice(items, rows) for key in item or ()))


def _others(keys: list[str]) -> str:
    title = OTHERS
    while title in keys:
        title += "_"
    return title


class _Lines(NamedTuple):
    """The lines (n,) of a block."""

    lines: list[bytes]
    items: list[Item | None]
    """What is no object is None."""
    repaired: list[int]
    """Places of lines that were no JSON as they stood."""

    @classmethod
    def of(cls, block: bytes) -> Self:
        """A block's, each without its end."""
        found = block.split(b"\n")
        read = cls(found if found[-1] else found[:-1], [], [])
        for row, line in enumerate(read.lines):
            try:
                item = loads(line)
            except ValueError:
                item, read.lines[row] = _repaired(line)
                read.repaired.append(row)
            read.items.append(item if type(item) is dict else None)
        return read

    def part(self, reading: Reading, keys: list[str]) -> Part:
        """With the lines as they are, or with these keys as columns."""
        names, faults = self._named(reading.column)
        return Part(self._openings() if reading.keep_lines else self._columns(keys), names, faults)

    def _named(self, column: str) -> tuple[pa.Array, pa.Array]:
        values = [item.get(column) if item else None for item in self.items]
        odd: dict[int, Fault] = {}
        for row, (value, item) in enumerate(zip(values, self.items, strict=True)):
            if item is None:
                odd[row] = Fault.NOT_JSON
            elif value is not None and type(value) is not str:
                odd[row] = Fault.NOT_TEXT
        for row in self.repaired:
            if "\ufffd" in str(values[row]):
                odd.setdefault(row, Fault.NOT_UTF8)
        for row in odd:
            values[row] = None
        names, faults = named(pa.array(values, pa.string()))
        if odd:
            known = pa.array([odd.get(row) for row in range(len(values))], pa.string())
            faults = pc.coalesce(known, faults)
        return names, faults

    def _openings(self) -> pa.Table:
        """The lines as they are up to the end of the object, which is still to come."""
        openings = [
            b'{"line":' + dumps(line.removesuffix(b"\r").decode()) + b","
            if item is None
            else line[: line.rindex(b"}")] + (b"," if item else b"")
            for line, item in zip(self.lines, self.items, strict=True)
        ]
        return pa.table([pa.array(openings, pa.binary())], pa.schema([_OPENING]))

    def _columns(self, keys: list[str]) -> pa.Table:
        columns = {key: self._column(key) for key in keys}
        known = set(keys)
        others = [
            line.removesuffix(b"\r").decode() if item is None else _beyond(known, item, line)
            for item, line in zip(self.items, self.lines, strict=True)
        ]
        return pa.table({**columns, _others(keys): pa.array(others, pa.string())})

    def _column(self, key: str) -> pa.Array:
        values = [item.get(key) if item else None for item in self.items]
        try:
            return pa.array(values, pa.string())
        except pa.ArrowException:
            texts = map(_text, values, repeat(key), self.lines)
            return pa.array(texts, pa.string())


def _beyond(known: set[str], item: Item, line: bytes) -> str | None:
    """What else is in an object, as JSON.

    >>> _beyond({"a"}, {"a": 1, "b": 2}, b'{"a": 1, "b": 2}')
    '{"b":2}'
    """
    if item.keys() <= known:
        return None
    exact = _exact(item, line)
    return _dumped({key: exact[key] for key in exact if key not in known})


def _text(value: Any, key: str, line: bytes) -> str | None:
    """The value of a key as a cell; JSON unless it is text.

    >>> _text("a", "b", b'{"b": "a"}'), _text([1.5, None], "b", b'{"b": [1.5, null]}')
    ('a', '[1.5,null]')
    """
    if value is None or type(value) is str:
        return value
    return _dumped(value if type(value) is int else _exact({key: value}, line)[key])


def _exact(item: Item, line: bytes) -> Item:
    """The object of a line, with every digit of its whole numbers."""
    if not _LONG_NUMBER.search(line):
        return item
    try:
        return Item(json.loads(line))
    except ValueError:  # thousands of digits
        return item


def _dumped(value: Any) -> str:
    try:
        return dumps(value).decode()
    except TypeError:  # more digits than orjson can write
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _repaired(line: bytes) -> tuple[Any, bytes]:
    """What a line is with U+FFFD for what is no UTF-8, and the line so; None if it is no JSON."""
    line = line.removesuffix(b"\r").decode(errors="replace").encode()
    try:
        return loads(line), line
    except ValueError:
        return None, line


def write(rest: pa.Table, answers: pa.Table) -> Iterator[memoryview]:
    """The rows as objects; those that come as lines get the answers at their ends."""
    columns = [*zip(rest.schema, rest.columns, strict=True)]
    columns += zip(answers.schema, answers.columns, strict=True)
    pieces, start = [], b"{"
    for field, column in columns:
        if field.equals(_OPENING, check_metadata=True):
            pieces.append(Piece(b"", column, lambda openings: openings))
            start = b""
        else:
            pieces.append(Piece(start + dumps(field.name) + b":", column, cells.json))
            start = b","
    yield from lines(pieces, b"}\n", null=b"null")
