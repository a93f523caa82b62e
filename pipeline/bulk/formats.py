"""Tables in files: each format in and out, whichever it is. A new one is a new branch here."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from pipeline.bulk import csv_format, json_format, parquet_format
from pipeline.bulk.blocks import opened
from pipeline.bulk.parts import Compression, Format, Input, Part, Reading

DELIMITERS = {Format.CSV: b",", Format.TSV: b"\t"}
_GZIP_LEVEL = 1
"""The fastest; a higher one would take longer than everything else together."""


@contextmanager
def open_input(source: Path | BinaryIO, format: Format, reading: Reading) -> Iterator[Input]:
    """A file, or a stream that nothing was read from, until the end of the block.

    What the suffix of a file's name says is decompressed; a stream is read as it is.

    Raises:
        ValueError: it is nothing of this format, or a stream that would have to be a file.
    """
    if format is Format.PARQUET:
        if not isinstance(source, Path):
            raise ValueError("Parquet cannot be read from a stream; expected a file")
        yield parquet_format.read(source, reading)
        return
    with opened(source) as stream:
        if format is Format.JSONL:
            yield json_format.read(stream, reading)
        else:
            delimiter = (reading.delimiter or "").encode() or DELIMITERS[format]
            yield csv_format.read(stream, reading, delimiter)


def read_parts(
    source: Path | BinaryIO, format: Format, reading: Reading, first: int = 0
) -> Iterator[Part]:
    """The parts of an input from the `first` on, where nothing need be known before.

    Raises:
        ValueError: as `open_input` and `Input.parts`.
    """
    with open_input(source, format, reading) as table:
        yield from table.parts(first)


def columns_of(source: Path, format: Format, reading: Reading) -> pa.Schema:
    """The columns that a file has.

    Raises:
        ValueError: as `open_input`.
    """
    with open_input(source, format, reading) as table:
        return table.schema


def rows_of(source: Path, format: Format) -> int | None:
    """How many rows a file has, where that stands in it."""
    return parquet_format.rows_of(source) if format is Format.PARQUET else None


def write_part(
    rest: pa.Table,
    answers: pa.Table,
    out: BinaryIO,
    format: Format,
    *,
    header: bool,
    compression: Compression | None = None,
) -> None:
    """Write the columns of a part's `rest` and then those of its answers; equal rows, equal bytes.

    `header` says whether CSV is to have titles; `compression` is that of a text.
    """
    if format is Format.PARQUET:
        parquet_format.write(rest, answers, out)
        return
    pieces: Iterable[bytes | memoryview]
    if format is Format.JSONL:
        pieces = json_format.write(rest, answers)
    else:
        pieces = csv_format.write(rest, answers, DELIMITERS[format], header=header)
    for piece in pieces:
        out.write(piece if compression is None else _compressed(piece, compression))


def _compressed(piece: bytes | memoryview, compression: Compression) -> bytes:
    """Compressed by itself: such pieces can stand one after the other."""
    level = _GZIP_LEVEL if compression is Compression.GZIP else None
    compressed: bytes = pa.Codec(compression.value, level).compress(piece, asbytes=True)
    return compressed


def join(parts: Sequence[Path], out: BinaryIO, format: Format) -> None:
    """Write what was written as parts, in their order, as one file."""
    if format is Format.PARQUET:
        parquet_format.join(parts, out)
        return
    for part in parts:
        with part.open("rb") as file:
            shutil.copyfileobj(file, out, 1 << 20)
