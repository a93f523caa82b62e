"""What goes from one file to another: rows in parts, whatever the file's format.

Shapes: n rows of a part.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from enum import StrEnum
from pathlib import PurePath
from typing import NamedTuple, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.sources.encoding import known

MOST_BYTES = 64 << 20
"""A part of text ends early where it takes more, so that wide rows need no more memory."""


class Compression(StrEnum):
    """How a text file is compressed as a whole; Parquet does that by itself."""

    GZIP = "gzip"
    ZSTD = "zstd"

    @classmethod
    def of(cls, path: PurePath) -> Self | None:
        """As the suffix says; None where it says nothing."""
        found = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
        return cls(found) if found else None


class Format(StrEnum):
    """What a file is."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @classmethod
    def of(cls, path: PurePath) -> Self:
        """As the suffix says, before the one of a compression.

        Raises:
            ValueError: it says nothing.
        """
        inner = path.with_suffix("") if Compression.of(path) else path
        suffix = inner.suffix.lower()
        if suffix not in SUFFIXES or (inner != path and SUFFIXES[suffix] == "parquet"):
            raise ValueError(
                f"{path.name!r} ends in {path.suffix!r}; expected {', '.join(SUFFIXES)}, "
                "and after a text's one .gz or .zst"
            )
        return cls(SUFFIXES[suffix])

    @classmethod
    def named(cls, name: str) -> Self:
        """The format that is called so.

        Raises:
            ValueError: none is.
        """
        if name not in tuple(cls):
            raise ValueError(f"format is {name!r}; expected {', '.join(cls)}")
        return cls(name)


SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class Reading(BaseModel):
    """How an input is to be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    """Title of the column that holds the names."""
    rows: int = Field(ge=1)
    """How many rows a part has, at most."""
    encoding: str = "utf-8"
    """Of a text file."""
    delimiter: str | None = Field(None, pattern=r'^[^"\r\n]$')
    """Of CSV and TSV; None for a comma and a tab."""
    keep_lines: bool = False
    """Whether JSON Lines stay as they stand, for an output that is JSON Lines too."""

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        if not known(encoding):
            raise ValueError(f"encoding {encoding!r} is unknown; expected one like utf-8")
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _ascii(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and not delimiter.isascii():
            raise ValueError(f"delimiter {delimiter!r} is no ASCII character")
        return delimiter


class Part(NamedTuple):
    """Some rows of an input, in its order."""

    rest: pa.Table
    """(n,) every column of the input, as it was; what is typed as text may hold broken UTF-8."""
    names: pa.Array
    """(n,) texts, or int32 ids of texts; null where there is a fault."""
    faults: pa.Array
    """(n,) why a row cannot be scored, a `Fault`; null where it can."""

    def slice(self, start: int, rows: int | None = None) -> "Part":
        """At most so many rows from this one on."""
        return Part(*(of.slice(start, rows) for of in self))


class Input(NamedTuple):
    """A file whose rows can be read once, from its first to its last."""

    schema: pa.Schema
    """The columns that the file has."""
    rows: int | None
    """How many there are, where the format tells before all have been read."""
    parts: Callable[[int], Iterator[Part]]
    """The parts from this one on (counted from 0), the same whichever was asked for first; there
    is always one, which has no rows where the file has none. Raises ValueError where there is no
    column of names, or it holds no text."""


def place_of(column: str, titles: Sequence[str]) -> int:
    """Where the one column of this title is.

    Raises:
        ValueError: there is none, or there are several.
    """
    count = titles.count(column)
    if count > 1:
        raise ValueError(f"{count} columns {column!r}; expected one")
    if count == 0:
        # Others are not told: where a file has no titles, they are somebody's names.
        like = ", ".join(map(repr, get_close_matches(column, titles)))
        raise ValueError(
            f"no column {column!r} among {len(titles)}; expected {like or 'the title of one'}"
        )
    return titles.index(column)


def beside(rest: pa.Table, new: pa.Table) -> pa.Table:
    """The columns of both tables."""
    for title, column in zip(new.column_names, new.columns, strict=True):
        rest = rest.append_column(title, column)
    return rest


def recut(parts: Iterable[Part], rows: int, most_bytes: float = MOST_BYTES) -> Iterator[Part]:
    """The same rows in parts of so many; fewer in the last, and where they take `most_bytes`."""
    held: list[Part] = []
    count = size = 0
    for part in parts:
        while len(part.names):
            taken, part = part.slice(0, rows - count), part.slice(rows - count)
            held.append(taken)
            count += len(taken.names)
            size += taken.rest.nbytes
            if count == rows or size >= most_bytes:
                yield _joined(held)
                held, count, size = [], 0, 0
    if held:
        yield _joined(held)


def _joined(parts: Sequence[Part]) -> Part:
    rests, names, faults = zip(*parts, strict=True)
    return Part(pa.concat_tables(rests), _whole(names), _whole(faults))


def _whole(arrays: Sequence[pa.Array]) -> pa.Array:
    whole = pa.chunked_array(arrays)
    if pa.types.is_dictionary(whole.type):
        whole = whole.unify_dictionaries()
    return whole.combine_chunks()
