"""Names in one text file a language, <Language>.txt: the lay-out of the PyTorch tutorial."""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from zlib import error as ZlibError

from pipeline.sources.encoding import detect
from pipeline.sources.protocol import DataError, Dropped, Provenance
from pipeline.table import Record

Place = Path | zipfile.Path  # these two offer the same methods

_DEPTH = 3


@dataclass
class FolderSource:
    """A directory, or a zip of one, with a name a line in each <Language>.txt.

    Of several folders inside, the one with most text files is taken (the tutorial's own archive
    holds another text beside `names/`). A zip is read where it lies, never unpacked to disk.
    """

    path: Path
    label: str
    max_bytes: int
    """Of a zip's unpacked content."""
    encoding: str | None = None
    dropped: Dropped = field(default_factory=Dropped)

    def records(self) -> Iterator[Record]:
        """Stream the lines of all files; raises DataError where there are no such files."""
        with self._files() as files:
            for file in files:
                for line in _lines(file, self.encoding or _encoding(file)):
                    yield Record(line, _language(file), source=f"{self.label}/{file.name}")

    def fingerprint(self) -> str:
        """SHA-256 of the label and of each file's name and content."""
        digest = hashlib.sha256(repr((self.label, self.encoding)).encode())
        with self._files() as files:
            for file in files:
                digest.update(repr((file.name, _sha256(file))).encode())
        return digest.hexdigest()

    def provenance(self) -> list[Provenance]:
        """The folder, its fingerprint, and the encodings of its files."""
        with self._files() as files:
            used = {file.name: self.encoding or _encoding(file) for file in files}
        others = [f"{name} is {encoding}" for name, encoding in used.items() if encoding != "utf-8"]
        note = f"{len(used)} files; " + ", ".join(others or ["all utf-8"])
        return [Provenance(self.label, version=f"sha256:{self.fingerprint()}", note=note)]

    @contextmanager
    def _files(self) -> Iterator[list[Place]]:
        if self.path.is_dir():
            yield self._language_files(self.path)
            return
        try:
            with zipfile.ZipFile(self.path) as archive:
                self._check(archive)
                yield self._language_files(zipfile.Path(archive))
        except (zipfile.BadZipFile, ZlibError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"{self.label} is not a zip that can be read: {error}") from error

    def _check(self, archive: zipfile.ZipFile) -> None:
        # The sizes are only declared, but zipfile reads no further than they say.
        size = sum(member.file_size for member in archive.infolist())
        if size > self.max_bytes:
            raise DataError(
                f"{self.label} unpacks to {size} bytes; expected at most {self.max_bytes}"
            )
        for member in map(PurePosixPath, archive.namelist()):
            if member.is_absolute() or ".." in member.parts:
                raise DataError(f"{self.label} holds {str(member)!r}; expected paths inside it")

    def _language_files(self, root: Place) -> list[Place]:
        files = max(_folders(root, _DEPTH), key=len)
        if not files:
            raise DataError(f"{self.label} holds no .txt file; expected <Language>.txt files")
        return sorted(files, key=lambda file: file.name)


def _folders(folder: Place, depth: int) -> Iterator[list[Place]]:
    """The text files of this folder, then of those in it."""
    inside: list[Place] = [item for item in folder.iterdir() if _visible(item.name)]
    yield [item for item in inside if item.name.lower().endswith(".txt") and item.is_file()]
    for item in inside:
        if depth and item.is_dir():
            yield from _folders(item, depth - 1)


def _visible(name: str) -> bool:
    return not name.startswith((".", "__MACOSX"))


def _language(file: Place) -> str:
    return file.name[: -len(".txt")]


def _encoding(file: Place) -> str:
    with file.open("rb") as stream:
        return detect(stream, file.name)


def _sha256(file: Place) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _lines(file: Place, encoding: str) -> Iterator[str]:
    with file.open(encoding=encoding, errors="replace") as stream:
        for line in stream:
            yield line.rstrip("\r\n")
