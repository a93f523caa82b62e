"""Parquet: row groups in, one row group a part out.

Shapes: n rows.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.bulk.named import named, readable
from pipeline.bulk.parts import MOST_BYTES, Input, Part, Reading, beside, place_of, recut
from pipeline.bulk.texts import check_text

_IDS = pa.dictionary(pa.int32(), pa.string())
_BATCH = 1 << 17
_SAMPLE = 1 << 10
_BUFFER = 1 << 20
"""Bytes of a column that are fetched at a time: a row group may be larger than the memory."""


def read(path: Path, reading: Reading) -> Input:
    """The rows; parts of wide ones have fewer than asked for.

    Raises:
        ValueError: it is no Parquet file.
    """
    with _opened(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
        sample = next(file.iter_batches(_SAMPLE, use_threads=False), schema.empty_table())
    rows = min(reading.rows, max(MOST_BYTES // max(_width(sample), 1), 1))

    def parts(start: int) -> Iterator[Part]:
        name = place_of(reading.column, schema.names)
        check_text(schema.field(name).type, reading.column)
        table = _Table(path, schema, metadata, name)
        batches = table.parts(start * rows, min(rows, _BATCH))
        whole = recut(batches, rows, most_bytes=math.inf)
        yield from chain([next(whole, table.nothing)], whole) if start == 0 else whole

    return Input(schema, metadata.num_rows, parts)


def rows_of(path: Path) -> int:
    """How many rows there are.

    Raises:
        ValueError: it is no Parquet file.
    """
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def _opened(path: Path, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, metadata=metadata, pre_buffer=False, buffer_size=_BUFFER)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path.name} is no Parquet file: {error}") from error


def _width(rows: pa.RecordBatch | pa.Table) -> int:
    """Bytes of a row, without the texts that ids stand for: they are there once."""
    columns = [of for of in rows.columns if not pa.types.is_dictionary(of.type)]
    return int(sum(of.nbytes for of in columns) // max(len(rows), 1))


class _Table(NamedTuple):
    path: Path
    schema: pa.Schema
    metadata: pq.FileMetaData
    name: int

    @property
    def nothing(self) -> Part:
        return self._part(pa.RecordBatch.from_pylist([], self.schema))

    def parts(self, after: int, rows: int) -> Iterator[Part]:
        """What comes after so many rows, in parts of any length up to `rows`.

        What is before their row group is not read.
        """
        groups = range(self.metadata.num_row_groups)
        while groups and (skipped := self.metadata.row_group(groups[0]).num_rows) <= after:
            groups, after = groups[1:], after - skipped
        with _opened(self.path, self.metadata) as file:
            for batch in file.iter_batches(rows, row_groups=list(groups), use_threads=False):
                if after < len(batch):
                    yield self._part(batch.slice(after))
                after = max(after - len(batch), 0)

    def _part(self, batch: pa.RecordBatch) -> Part:
        names = batch.column(self.name)
        ids = pa.types.is_dictionary(names.type)
        names, faults = named(names.cast(_IDS if ids else pa.string()))
        return Part(pa.Table.from_batches([batch], self.schema), names, faults)


def write(rest: pa.Table, answers: pa.Table, out: BinaryIO) -> None:
    """The rows as one row group: the same bytes for the same rows.

    Statistics of the new columns would cost more than the columns, and numbers hardly repeat: a
    dictionary of them takes longer to make than all else together.
    """
    table = beside(_repaired(rest), answers)
    with _writer(out, table.schema, answers.num_columns) as writer:
        writer.write_table(table, row_group_size=max(len(table), 1))


def join(parts: Sequence[Path], out: BinaryIO) -> None:
    """One file with the row groups of all parts, which are written anew."""
    tables = _in_turn(parts)
    first = next(tables)
    with _writer(out, first.schema) as writer:
        for table in chain([first], tables):
            writer.write_table(table, row_group_size=max(len(table), 1))


def _writer(out: BinaryIO, schema: pa.Schema, new: int = 0) -> pq.ParquetWriter:
    """A writer of columns, of which the last ones are new."""
    leaves = _leaves(schema)
    return pq.ParquetWriter(
        out,
        schema,
        compression="snappy",
        use_dictionary=[path for path, kind in leaves if kind == "BYTE_ARRAY"],
        write_statistics=[path for path, _ in leaves[: len(leaves) - new]],
    )


def _in_turn(parts: Sequence[Path]) -> Iterator[pa.Table]:
    """The tables of these files, each read while the one before is used."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(pq.read_table, parts[0])
        for part in parts[1:]:
            table, coming = coming.result(), reader.submit(pq.read_table, part)
            yield table
        yield coming.result()


def _repaired(table: pa.Table) -> pa.Table:
    for i, field in enumerate(table.schema):
        if field.type == pa.string():
            chunks = map(readable, table.column(i).chunks)
            table = table.set_column(i, field, pa.chunked_array(chunks, pa.string()))
    return table


def _leaves(schema: pa.Schema) -> list[tuple[str, str]]:
    """What Parquet calls the columns and stores them as; one that is nested has several."""
    empty = BytesIO()
    pq.write_table(schema.empty_table(), empty)
    columns = pq.ParquetFile(empty).schema
    found = (columns.column(i) for i in range(len(columns)))
    return [(column.path, column.physical_type) for column in found]
