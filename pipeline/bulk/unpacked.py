"""Text files as streams of UTF-8, whatever they are packed and encoded as."""

import codecs
import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from pipeline.bulk.formats import COMPRESSED, Source

SAMPLE = 2**20
"""Bytes of a file that tell what its rows are like."""


@contextmanager
def unpacked(source: Source, encoding: str) -> Iterator[BinaryIO]:
    """The text as a stream of UTF-8 bytes.

    Bytes that are not of the `encoding` become U+FFFD, but for UTF-8, which is left as it is.

    Raises:
        ValueError: there is no such encoding.
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise ValueError(f"encoding {encoding!r} is unknown; expected one like utf-8") from None
    with _opened(source) as stream:
        if name in ("utf-8", "ascii"):
            yield stream
        else:
            yield cast(BinaryIO, codecs.EncodedFile(stream, "utf-8", encoding, "replace"))


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if not isinstance(source, Path):
        yield source
    elif source.suffix.lower() in COMPRESSED:
        with pa.input_stream(str(source), compression="detect") as stream:
            yield cast(BinaryIO, io.BufferedReader(_Raw(stream), SAMPLE))
    else:
        with source.open("rb") as stream:
            yield stream


class _Raw(io.RawIOBase):
    """Arrow's stream as Python has them."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return int(self._stream.readinto(buffer))


def width(source: Path) -> float:
    """About how many bytes a row of a text file has; 1 for an empty one."""
    with _opened(source) as stream:
        sample = stream.read(SAMPLE)
    return len(sample) / max(1, sample.count(b"\n"))


def rows(source: Path) -> int | None:
    """About how many rows a text file has, if it is not packed."""
    if source.suffix.lower() in COMPRESSED:
        return None
    return round(source.stat().st_size / max(width(source), 1.0))


def join(parts: Sequence[Path], out: BinaryIO) -> None:
    """The parts one after the other."""
    for part in parts:
        with part.open("rb") as file:
            shutil.copyfileobj(file, out, SAMPLE)
