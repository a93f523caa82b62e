"""Reading and writing of rows in any of the formats."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from pipeline.bulk import delimited, json_lines, parquet, unpacked
from pipeline.bulk.formats import Format, Part, Reading, Source


class _Module(Protocol):
    """What each format's module has."""

    def parts(
        self, source: Source, format: Format, reading: Reading, first: int
    ) -> Iterator[Part]: ...

    def schema(self, source: Source, format: Format, reading: Reading) -> pa.Schema: ...

    def write(
        self, rest: pa.Table, new: pa.Table, out: BinaryIO, format: Format, *, header: bool
    ) -> None: ...


_MODULES: dict[Format, _Module] = {
    Format.CSV: delimited,
    Format.TSV: delimited,
    Format.JSONL: json_lines,
    Format.PARQUET: parquet,
}


def read_parts(source: Source, format: Format, reading: Reading, first: int = 0) -> Iterator[Part]:
    """The rows in parts, from the `first` on, which are the same as if all were read.

    A file without rows is one part without any.

    Raises:
        ValueError: the file cannot be read.
    """
    return _MODULES[format].parts(source, format, reading, first)


def columns_of(source: Path, format: Format, reading: Reading) -> pa.Schema:
    """The columns that the rows have.

    Raises:
        ValueError: the file cannot be read.
    """
    return _MODULES[format].schema(source, format, reading)


def row_width(source: Path, format: Format) -> float:
    """About how many bytes a row takes."""
    return parquet.width(source) if format is Format.PARQUET else unpacked.width(source)


def rows_of(source: Path, format: Format) -> int | None:
    """About how many rows there are, where it can be told."""
    return parquet.rows(source) if format is Format.PARQUET else unpacked.rows(source)


def write_part(
    rest: pa.Table, new: pa.Table, out: BinaryIO, format: Format, *, header: bool
) -> None:
    """Rows with the new columns beside them; `header`: after a row of titles, if there are such."""
    if json_lines.is_lines(rest) and format is not Format.JSONL:
        rest = json_lines.columns(rest)
    _MODULES[format].write(rest, new, out, format, header=header)


def join(parts: Sequence[Path], out: BinaryIO, format: Format) -> None:
    """One file of the parts, of which only the first has titles."""
    (parquet.join if format is Format.PARQUET else unpacked.join)(parts, out)
