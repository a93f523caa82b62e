"""Parquet: every column keeps its type; new ones are written as the ids that they are."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.bulk.cells import is_text, text
from pipeline.bulk.formats import CELLS, Format, Part, Reading, Source, beside
from pipeline.bulk.recut import recut
from pipeline.bulk.texts import check_text, missing, texts


def schema(source: Source, format: Format, reading: Reading) -> pa.Schema:
    """The columns with their types.

    Raises:
        ValueError: it is no Parquet file, or comes by a pipe; the names are not text.
    """
    found = _open(source).schema_arrow
    if found.names.count(reading.column) == 1:
        check_text(found.field(reading.column).type, reading.column)
    return found


def parts(source: Source, format: Format, reading: Reading, first: int) -> Iterator[Part]:
    """The file in parts, from the `first` on."""
    # A file stores a text once for all rows that have it: its ids spare us to find them again.
    file, kept = _open(source, ids=reading.column), _open(source).schema_arrow
    groups, left_out = _groups_from(file, first * reading.rows)
    tables = (pa.table(b) for b in file.iter_batches(reading.rows, row_groups=groups))
    for table in recut(_without(tables, left_out), reading.rows):
        names = texts(table[reading.column], reading.column)
        yield Part(table.cast(kept), names, missing(names))


def width(source: Path) -> float:
    """About how many bytes a row takes."""
    found = _open(source).metadata
    size = sum(found.row_group(i).total_byte_size for i in range(found.num_row_groups))
    return float(size / max(found.num_rows, 1))


def rows(source: Path) -> int:
    """How many rows there are."""
    return int(_open(source).metadata.num_rows)


def write(rest: pa.Table, new: pa.Table, out: BinaryIO, format: Format, *, header: bool) -> None:
    """Rows as one row group; the cells of a text file become text."""
    if CELLS in (rest.schema.metadata or {}):
        cells = [text(column) for column in rest.columns]
        rest = pa.Table.from_arrays(cells, names=rest.column_names)
    table = beside(rest, new)
    with _writer(out, table.schema) as writer:
        writer.write_table(table, row_group_size=max(1, len(table)))


def join(parts: Sequence[Path], out: BinaryIO) -> None:
    """One file with the row groups of all parts."""
    with _writer(out, _open(parts[0]).schema_arrow) as writer:
        for table in _in_turn(parts):
            writer.write_table(table, row_group_size=max(1, len(table)))


def _in_turn(parts: Sequence[Path]) -> Iterator[pa.Table]:
    """The tables of these files, each read while the one before is used."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(pq.read_table, parts[0])
        for part in parts[1:]:
            table, coming = coming.result(), reader.submit(pq.read_table, part)
            yield table
        yield coming.result()


def _writer(out: BinaryIO, schema: pa.Schema) -> pq.ParquetWriter:
    # A dictionary of numbers is seldom smaller than they are, and takes longest to make.
    texts = [field.name for field in schema if is_text(field.type)]
    return pq.ParquetWriter(out, schema, use_dictionary=texts, compression="snappy")


def _open(source: Source, ids: str = "") -> pq.ParquetFile:
    if not isinstance(source, Path):
        raise ValueError("parquet cannot come by a pipe; expected a file, or another format")
    try:
        return pq.ParquetFile(source, read_dictionary=[ids] if ids else None)
    except pa.ArrowInvalid as error:
        raise ValueError(f"it is no whole Parquet file: {error}") from error


def _groups_from(file: pq.ParquetFile, row: int) -> tuple[list[int], int]:
    """The row groups from this row on, and how many rows before it they begin with."""
    groups = list(range(file.num_row_groups))
    while groups and (size := file.metadata.row_group(groups[0]).num_rows) <= row:
        row -= size
        groups.pop(0)
    return groups, row


def _without(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The rows but for so many at the beginning."""
    for table in tables:
        yield table.slice(rows)
        rows = max(0, rows - len(table))
