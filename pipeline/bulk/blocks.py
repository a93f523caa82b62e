"""The bytes of a text file, decompressed and as UTF-8, in blocks that end where a row ends."""

import codecs
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from pipeline.bulk.parts import Compression

BLOCK = 4 << 20
LONGEST_ROW = 16 << 20
_KEPT = "namelang-kept"


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most about so many; none at the end, and only there."""


def opened(source: Path | BinaryIO) -> AbstractContextManager[Readable]:
    """A file, decompressed where its suffix says so, or a stream as it is."""
    if not isinstance(source, Path):
        return nullcontext(source)
    compression = Compression.of(source)
    if compression is None:
        return source.open("rb")
    stream: AbstractContextManager[Readable] = pa.CompressedInputStream(
        pa.OSFile(str(source)), compression.value
    )
    return stream


def blocks(stream: Readable, encoding: str, row_end: Callable[[bytes], int]) -> Iterator[bytes]:
    """What a stream holds, without a byte order mark, in blocks of about `BLOCK` bytes.

    `row_end` says where the last complete row of some bytes ends. Bytes that are not of the
    encoding stay as they are, so that they are no UTF-8.

    Raises:
        ValueError: a row is longer than `LONGEST_ROW`.
    """
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
        stream = _Recoded(stream, encoding)
    left, start = b"", 0
    while chunk := _filled(stream, BLOCK):
        if not start and not left:
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
        left += chunk
        if end := row_end(left):
            yield left[:end]
            left, start = left[end:], start + end
        if len(left) > LONGEST_ROW:
            raise ValueError(
                f"the row at byte {start:,} is longer than {LONGEST_ROW >> 20} MB; "
                "expected a shorter one (in CSV: is there a quote that nothing closes?)"
            )
    if left:
        yield left


def _filled(stream: Readable, size: int) -> bytes:
    """At least so many bytes, fewer at the end alone: blocks are cut alike, however they come."""
    first = stream.read(size)
    if not first or len(first) >= size:
        return first
    filled = bytearray(first)
    while len(filled) < size and (more := stream.read(size - len(filled))):
        filled += more
    return bytes(filled)


class _Recoded:
    """A stream of another encoding as UTF-8."""

    def __init__(self, stream: Readable, encoding: str) -> None:
        codecs.register_error(_KEPT, _kept)
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_KEPT)

    def read(self, size: int) -> bytes:
        """As `Readable` says."""
        while True:
            data = self._stream.read(size)
            text = self._decoder.decode(data, final=not data)
            if text or not data:
                return text.encode(errors="surrogateescape")


def _kept(error: UnicodeError) -> tuple[str, int]:
    """Undecodable bytes as "surrogateescape" has them, which refuses those below 128."""
    assert isinstance(error, UnicodeDecodeError)
    broken = error.object[error.start : error.end]
    return broken.decode("ascii", "surrogateescape"), error.end
