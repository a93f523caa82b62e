"""How a text file's bytes become characters."""

import codecs
import re
from typing import IO

from charset_normalizer import from_bytes

from pipeline.sources.protocol import DataError

_MARKS = (  # UTF-32 first: its little-endian mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
# What people still have on their disks: with every code page allowed the guess is worse.
_LEGACY = [
    *(f"cp{page}" for page in range(1250, 1258)),
    *("iso8859_2", "koi8_r", "cp932", "euc_jp", "cp949", "gb18030", "big5"),
]
_CELL_END = re.compile(rb"[,;\t\r\n]+")
_CHUNK = 1 << 20
_SAMPLE = 1 << 18


def known(encoding: str) -> bool:
    """Whether this is the name of a text encoding.

    >>> known("latin-1"), known("rot13")
    (True, False)
    """
    try:
        "".encode(encoding)
    except LookupError:
        return False
    return True


def detect(stream: IO[bytes], where: str) -> str:
    """The name of the encoding that a text is in.

    A byte order mark decides; else UTF-8 if the whole text is valid UTF-8; else the best guess
    from the cells that are not ASCII. Reads as much of the stream as that needs, in pieces.
    Raises DataError, naming `where`, when no encoding fits.
    """
    chunk = stream.read(_CHUNK)
    for mark, encoding in _MARKS:
        if chunk.startswith(mark):
            return encoding
    decoder = codecs.getincrementaldecoder("utf-8")()
    sample, valid = b"", True
    while valid or (chunk and len(sample) < _SAMPLE):
        if len(sample) < _SAMPLE and not chunk.isascii():
            # ASCII cells ("Greek") say nothing of the encoding, and mislead the guess.
            cells = _CELL_END.split(chunk)
            sample += b"\n".join(cell for cell in cells if not cell.isascii()) + b"\n"
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            valid = False
        if valid and not chunk:
            return "utf-8"
        chunk = stream.read(_CHUNK)
    best = from_bytes(sample[:_SAMPLE], cp_isolation=_LEGACY).best()
    if best is None:
        raise DataError(f"{where}: cannot tell its encoding; expected UTF-8, or to be told which")
    return best.encoding
