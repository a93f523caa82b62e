"""CSV and TSV: every cell comes out as it went in.

Shapes: n rows, W columns.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from pipeline.bulk.blocks import Readable, blocks
from pipeline.bulk.cells import texts
from pipeline.bulk.csv_rows import first_row, quoted, row_end, row_of, specials
from pipeline.bulk.faults import Fault
from pipeline.bulk.lines import Piece, escaped, lines
from pipeline.bulk.named import named
from pipeline.bulk.parts import Input, Part, Reading, place_of, recut

_MARK = "\ufeff".encode()


def read(stream: Readable, reading: Reading, delimiter: bytes) -> Input:
    """The rows below the titles.

    Raises:
        ValueError: there is no row of titles.
    """
    left = blocks(stream, reading.encoding, partial(row_end, delimiter=delimiter))
    first = next(left, b"")
    if not first:
        raise ValueError("the input is empty; expected a row of titles")
    cells, end = first_row(first, delimiter)
    titles = [cell.decode(errors="replace") for cell in cells]
    schema = pa.schema([(title, pa.string()) for title in titles])

    def parts(start: int) -> Iterator[Part]:
        table = _Table(schema, place_of(reading.column, titles), delimiter)
        whole = recut(map(table.part, filter(None, chain([first[end:]], left))), reading.rows)
        yield from islice(chain([next(whole, table.nothing)], whole), start, None)

    return Input(schema, None, parts)


class _Table(NamedTuple):
    schema: pa.Schema
    name: int
    delimiter: bytes

    @property
    def nothing(self) -> Part:
        nothing = pa.nulls(0, pa.string())
        return Part(self.schema.empty_table(), nothing, nothing)

    def part(self, block: bytes) -> Part:
        """The rows of a block, which has at least one."""
        if _is_utf8(block):
            table, unlike = self._parsed(block)
        else:
            # pyarrow cannot hand out the text of a row that is no UTF-8.
            table, unlike = self._parsed(block.decode("latin-1").encode())
            table = pa.table([_from_latin(column) for column in table.columns], table.schema)
            unlike = [(row, text.decode().encode("latin-1")) for row, text in unlike]
        names, faults = named(table.column(self.name).combine_chunks())
        part = Part(table, names, faults)
        return self._with(unlike, part) if unlike else part

    def _parsed(self, block: bytes) -> tuple[pa.Table, list[tuple[int, bytes]]]:
        """The rows that have W cells; the text of each other one, and which row it is."""
        unlike: list[tuple[int, bytes]] = []

        def keep(row: csv.InvalidRow) -> str:
            unlike.append((row.number - 1, row.text.encode()))
            return "skip"

        titles = [str(i) for i in range(len(self.schema))]  # those in the file may be the same
        if block.startswith(_MARK):
            block = _MARK + block  # it is a cell's: pyarrow takes one off whatever it reads
        table = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=titles),
            csv.ParseOptions(
                delimiter=self.delimiter.decode(),
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=keep,
            ),
            csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(titles, pa.string()),
                strings_can_be_null=False,
            ),
        )
        return table.rename_columns(self.schema.names), unlike

    def _with(self, unlike: list[tuple[int, bytes]], like: Part) -> Part:
        """Rows among which those of too few or too many cells are at their places."""
        rows = list(zip(*(self._fitted(text) for _, text in unlike), strict=True))
        columns = [pa.array(cells, pa.binary()).view(pa.string()) for cells in rows]
        faults = pa.repeat(Fault.WRONG_NUMBER_OF_FIELDS.value, len(unlike))
        count = len(like.names) + len(unlike)
        is_unlike = np.zeros(count, bool)
        is_unlike[[row for row, _ in unlike]] = True
        order = np.empty(count, np.int64)
        order[~is_unlike] = np.arange(len(like.names))
        order[is_unlike] = np.arange(len(like.names), count)
        rest = pa.concat_tables([like.rest, pa.table(columns, self.schema)])
        return Part(
            rest.take(pa.array(order)),
            pa.concat_arrays([like.names, pa.nulls(len(unlike), pa.string())]).take(order),
            pa.concat_arrays([like.faults, faults]).take(order),
        )

    def _fitted(self, row: bytes) -> list[bytes]:
        """W cells; what is too many stands in the last one as text."""
        cells, _ = first_row(row, self.delimiter)
        last = len(self.schema) - 1
        if len(cells) > last:
            cells[last:] = [row_of(cells[last:], self.delimiter)]
        return cells + [b""] * (last + 1 - len(cells))


def write(
    rest: pa.Table, answers: pa.Table, delimiter: bytes, *, header: bool
) -> Iterator[bytes | memoryview]:
    """The rows as text, and before them the titles if they are wanted."""
    titles = [title.encode() for title in (*rest.column_names, *answers.column_names)]
    if header:
        yield row_of(titles, delimiter) + b"\n"

    special = bytes(specials(delimiter))

    def cells(values: pa.Array) -> pa.Array:
        found = texts(values)
        return found if _is_number(values.type) else escaped(found, special, quoted)

    columns = [*rest.columns, *answers.columns]
    pieces = [Piece(delimiter if i else b"", column, cells) for i, column in enumerate(columns)]
    yield from lines(pieces, b"\n", null=b"")


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _from_latin(column: pa.ChunkedArray) -> pa.Array:
    cells = [cell.decode().encode("latin-1") for cell in column.cast(pa.binary()).to_pylist()]
    return pa.array(cells, pa.binary()).view(pa.string())
