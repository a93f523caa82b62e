"""What every format has in common: how rows come in, and what a file's name tells."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

Source = Path | BinaryIO
"""A file by its path, or standard input."""

COMPRESSED = (".gz", ".bz2", ".zst")
"""Suffixes of text files that are unpacked while they are read."""


CELLS = b"cells"
"""In the metadata of a table: its columns are a text file's cells, as bytes."""


class Format(StrEnum):
    """How rows are written down."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @classmethod
    def of(cls, path: Path) -> "Format":
        """What a file's name says.

        Raises:
            ValueError: it says nothing that is known here.
        """
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if suffixes and suffixes[-1] in COMPRESSED:
            suffixes.pop()
        if not suffixes or suffixes[-1] not in SUFFIXES:
            raise ValueError(
                f"the name {path.name!r} does not tell the format; expected it to end in "
                f"{', '.join(SUFFIXES)}, or the format to be given"
            )
        return SUFFIXES[suffixes[-1]]

    @classmethod
    def named(cls, name: str) -> "Format":
        """The format that is called so.

        Raises:
            ValueError: none is.
        """
        if name not in tuple(cls):
            raise ValueError(f"format is {name!r}; expected {', '.join(cls)}")
        return cls(name)


SUFFIXES = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}


class Reading(BaseModel):
    """How files are read."""

    model_config = ConfigDict(frozen=True)

    column: str
    """Title of the column of names."""
    rows: int
    """Of a part."""
    encoding: str = "utf-8"
    """Of text files."""


class Part(NamedTuple):
    """Some rows of an input, in its order."""

    rest: pa.Table
    """Every column as it was, those of text files as bytes."""
    names: pa.Array
    """(N,) text, or ids of texts; null where there is a fault."""
    faults: pa.Array
    """(N,) a `Fault`; null where there is none."""


def check_column(column: str, titles: Sequence[str]) -> None:
    """Refuse rows without a column of this title, or with several.

    Raises:
        ValueError: it is so.
    """
    if titles.count(column) != 1:
        found = "two columns" if column in titles else "no column"
        raise ValueError(f"{found} {column!r}; expected one of {', '.join(map(repr, titles))}")


def beside(rest: pa.Table, new: pa.Table) -> pa.Table:
    """The columns of both tables."""
    for title, column in zip(new.column_names, new.columns, strict=True):
        rest = rest.append_column(title, column)
    return rest
