"""CSV and TSV: every cell comes out as it went in, and no row is lost.

Arrow parses. What it does not take, a row with more or fewer fields than there are titles, is put
back into its place here.
"""

import csv
import functools
import io
from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from pipeline.bulk.cells import BYTES, as_bytes, joined, name_cells, text, whole, write_lines
from pipeline.bulk.faults import Fault
from pipeline.bulk.formats import CELLS, Format, Part, Reading, Source, beside, check_column
from pipeline.bulk.recut import recut
from pipeline.bulk.unpacked import unpacked

BLOCK = 2**24
"""Bytes that are parsed together; no row may be longer."""

DELIMITERS = {Format.CSV: ",", Format.TSV: "\t"}


def schema(source: Source, format: Format, reading: Reading) -> pa.Schema:
    """The titles of the columns."""
    with unpacked(source, reading.encoding) as stream:
        return next(_tables(stream, DELIMITERS[format])).schema.remove(0)


def parts(source: Source, format: Format, reading: Reading, first: int) -> Iterator[Part]:
    """The file in parts, from the `first` on.

    Raises:
        ValueError: there is no row of titles; a row is too long, or a quote is not closed.
    """
    with unpacked(source, reading.encoding) as stream:
        for table in recut(_tables(stream, DELIMITERS[format]), reading.rows, first):
            odd, rest = whole(table.column(0)), table.remove_column(0)
            check_column(reading.column, rest.column_names)
            names, faults = name_cells(rest[reading.column])
            names = pc.if_else(odd, pa.scalar(None, names.type), names)
            faults = pc.if_else(odd, Fault.WRONG_NUMBER_OF_FIELDS.value, faults)
            yield Part(rest.replace_schema_metadata({CELLS: b""}), names, faults)


def write(rest: pa.Table, new: pa.Table, out: BinaryIO, format: Format, *, header: bool) -> None:
    """Rows as text; fields are quoted where they must be."""
    delimiter = DELIMITERS[format].encode()
    table = beside(rest, new)

    def quoted(cells: pa.Array) -> pa.Array:
        marks = (pc.match_substring(cells, mark) for mark in (delimiter, b'"', b"\n", b"\r"))
        must = functools.reduce(pc.or_, marks)
        if not pc.any(must).as_py():
            return cells
        doubled = pc.replace_substring(cells, b'"', b'""')
        quote = pa.scalar(b'"', BYTES)
        return pc.if_else(must, joined([quote, doubled, quote], b""), cells)

    if header:
        titles = quoted(pa.array([title.encode() for title in table.column_names], BYTES))
        out.write(delimiter.join(titles.to_pylist()) + b"\n")
    lines = joined([as_bytes(column, quoted) for column in table.columns], delimiter)
    write_lines(lines, out)


def _tables(stream: BinaryIO, delimiter: str) -> Iterator[pa.Table]:
    """All rows in order; a column before their own says whether a row is odd.

    The first table has no rows, only the titles.
    """
    odd: deque[Any] = deque()
    titles: list[str] = []
    number = 1  # of the next row
    for batch in _batches(stream, delimiter, odd):
        table = pa.table(batch)
        if not titles:
            titles = [text(column.slice(0, 1))[0].as_py() for column in table.columns]
            table, number = table.slice(1), 2
            yield _flagged(table.slice(0, 0), titles, odd=False)
        while odd and odd[0].number <= number + len(table):
            row = odd.popleft()
            before = table.slice(0, row.number - number)
            table, number = table.slice(len(before)), row.number + 1
            yield _flagged(before, titles, odd=False)
            yield _flagged(_kept(row, delimiter), titles, odd=True)
        yield _flagged(table, titles, odd=False)
        number += len(table)
    for row in odd:
        yield _flagged(_kept(row, delimiter), titles, odd=True)


def _batches(stream: BinaryIO, delimiter: str, odd: deque[Any]) -> Iterator[pa.RecordBatch]:
    """All rows with the right number of fields, the titles first; the others go to `odd`."""

    def keep(row: Any) -> str:
        odd.append(row)
        return "skip"

    try:
        yield from arrow_csv.open_csv(
            stream,
            # Without threads, so that rows are numbered; titles may be there twice.
            arrow_csv.ReadOptions(
                use_threads=False, block_size=BLOCK, autogenerate_column_names=True
            ),
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=keep,
            ),
            arrow_csv.ConvertOptions(
                default_column_type=pa.binary(), strings_can_be_null=False, null_values=[]
            ),
        )
    except pa.ArrowInvalid as error:  # whose text may show cells
        if "Empty CSV" in str(error):
            raise ValueError("it is empty; expected a row of titles") from None
        raise ValueError(
            f"a row is longer than {BLOCK >> 20} MiB, or a quote is never closed"
        ) from None


def _flagged(table: pa.Table, titles: list[str], *, odd: bool) -> pa.Table:
    flags = pa.repeat(pa.scalar(odd), len(table))
    return pa.table([flags, *table.columns], ["", *titles])


def _kept(row: Any, delimiter: str) -> pa.Table:
    """A row with too few or too many fields; what is too much stays in the last, as it stood."""
    fields = next(csv.reader(io.StringIO(row.text, newline=""), delimiter=delimiter), [])
    n = row.expected_columns
    if len(fields) > n:
        tail = io.StringIO()
        csv.writer(tail, delimiter=delimiter, lineterminator="").writerow(fields[n - 1 :])
        fields = [*fields[: n - 1], tail.getvalue()]
    cells = [field.encode() for field in fields] + [b""] * (n - len(fields))
    return pa.table([pa.array([cell], pa.binary()) for cell in cells], [*map(str, range(n))])
