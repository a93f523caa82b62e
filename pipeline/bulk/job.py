"""What is to be scored: the files, in order, and all else that decides what comes out."""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import BaseModel, ConfigDict

from pipeline.bulk.columns import Columns, ScoreOptions
from pipeline.bulk.formats import columns_of, read_parts, rows_of
from pipeline.bulk.parts import Compression, Format, Part, Reading
from pipeline.bulk.scorer import TOGETHER

STANDARD = Path("-")
"""Standard input or output."""

ROWS = 2**18
"""Rows of a part, unless they are wide."""

SAMPLE = 2**20
"""Bytes of a text that tell how long its lines are."""


class File(BaseModel):
    """One file to be scored, as it was when the job was made."""

    model_config = ConfigDict(frozen=True)

    path: Path
    relative: Path
    """Its place in the folder that was named; its own name if it was named itself."""
    format: Format
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, relative: Path, format: Format | None) -> "File":
        """A file as it is now.

        Raises:
            ValueError: its name does not tell its format, and none is given.
        """
        format = format or Format.of(path)
        if path == STANDARD:
            return cls(path=path, relative=relative, format=format, size=0, mtime_ns=0)
        found = path.stat()
        size, mtime_ns = found.st_size, found.st_mtime_ns
        return cls(
            path=path.resolve(), relative=relative, format=format, size=size, mtime_ns=mtime_ns
        )

    def expected_rows(self) -> int | None:
        """How many rows it has, about; None where its size does not tell."""
        if self.format is Format.PARQUET:
            return rows_of(self.path, self.format)
        if Compression.of(self.path) or not self.size:
            return None
        with self.path.open("rb") as text:
            sample = text.read(SAMPLE)
        return round(self.size * max(sample.count(b"\n"), 1) / len(sample))

    def open(self) -> Path | BinaryIO:
        """What the formats read it from."""
        return sys.stdin.buffer if self.path == STANDARD else self.path


class Place(NamedTuple):
    """Where a part is in the input."""

    file: int
    part: int


class Job(BaseModel):
    """All that decides what comes out: two runs of one job leave the same bytes."""

    model_config = ConfigDict(frozen=True)

    files: tuple[File, ...]
    to: Format
    options: ScoreOptions
    compression: Compression | None = None
    """Of what comes out."""
    encoding: str = "utf-8"
    rows: int
    """Of a part at most."""
    model: str
    """The tag, which stands in every row."""
    sha256: str
    """Of the model."""
    device: str
    """What computes; each rounds in its own way."""
    code: dict[str, str]
    """What the parts' bytes depend on besides."""

    @classmethod
    def of(
        cls,
        source: Path,
        *,
        format: Format | None,
        to: Format | None,
        compression: Compression | None,
        options: ScoreOptions,
        encoding: str,
        rows: int | None,
        model: str,
        sha256: str,
        device: str,
    ) -> "Job":
        """A file, or all files of a folder and its folders that have a format of ours.

        Raises:
            ValueError: there is nothing to score, or no telling in which format.
        """
        files = tuple(_files(source, format))
        return cls(
            files=files,
            to=to or files[0].format,
            compression=compression,
            options=options,
            encoding=encoding,
            rows=rows or ROWS,
            model=model,
            sha256=sha256,
            device=device,
            code={
                "together": str(TOGETHER),
                **{name: version(name) for name in ("namelang", "numpy", "pyarrow")},
            },
        )

    def reading(self, file: File) -> Reading:
        """How a file is read."""
        return Reading(
            column=self.options.column,
            rows=self.rows,
            encoding=self.encoding,
            keep_lines=file.format is self.to is Format.JSONL,
        )

    def check(self, columns: Columns) -> None:
        """Refuse files that cannot be scored, before any is.

        Raises:
            ValueError: one lacks the names, or has a column that is to be added.
        """
        for file in self.files:
            if file.path == STANDARD:  # what was read of it would be gone
                continue
            try:
                columns.check(columns_of(file.path, file.format, self.reading(file)))
            except ValueError as error:
                raise ValueError(f"{file.path}: {error}") from error

    def expected_rows(self) -> int | None:
        """How many rows there are, about, where a file's size tells; None for standard input."""
        if self.files[0].path == STANDARD:
            return None
        known = [file.expected_rows() for file in self.files]
        return None if None in known else sum(filter(None, known))

    def parts(self, first: Place) -> Iterator[tuple[Place, Part]]:
        """The parts of all files from this one on."""
        for i, file in enumerate(self.files[first.file :], start=first.file):
            begin = first.part if i == first.file else 0
            parts = read_parts(file.open(), file.format, self.reading(file), begin)
            for k, part in enumerate(parts, start=begin):
                yield Place(i, k), part

    def differences(self, other: "Job") -> list[str]:
        """In which of its fields another job is another."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [field for field in mine if mine[field] != theirs[field]]


def _files(source: Path, format: Format | None) -> Iterator[File]:
    if source.is_file() or source == STANDARD:
        yield File.of(source, Path(source.name), format)
        return
    if not source.is_dir():
        raise ValueError(f"{source} is no file or folder")
    found = False
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and not any(part.startswith((".", "_")) for part in relative.parts):
            found = True
            yield File.of(path, relative, format)
    if not found:
        raise ValueError(f"{source} holds no file; expected some of {', '.join(Format)}")
