"""Where a cluster reads and writes: any file system that Arrow or fsspec knows."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

MARKER = "_SUCCESS"
"""An empty file that says, as with Hadoop and Spark, that nothing is missing beside it."""

RENAMES = frozenset({"local", "hdfs"})
"""File systems that give a folder another name in one step; a store of objects copies each."""


class Place(NamedTuple):
    """A file or folder."""

    filesystem: fs.FileSystem
    path: str

    @classmethod
    def of(cls, uri: str) -> Self:
        """What a URI, like s3://bucket/names, or a path of this machine names.

        Raises:
            ValueError: no file system is known for it.
        """
        if "://" not in uri:  # other processes are in other folders
            return cls(fs.LocalFileSystem(), str(Path(uri).resolve()))
        try:
            filesystem, path = fs.FileSystem.from_uri(uri)
        except pa.ArrowInvalid:
            filesystem, path = _by_fsspec(uri)
        return cls(filesystem, path.rstrip("/"))

    def there(self) -> bool:
        """Whether there is anything."""
        return bool(self.filesystem.get_file_info(self.path).type != fs.FileType.NotFound)

    def beside(self, ending: str) -> "Place":
        """The place with a longer name."""
        return Place(self.filesystem, self.path + ending)


class Out(NamedTuple):
    """Where files are put until all are there, and where they are in the end."""

    place: Place
    work: Place

    @classmethod
    @contextlib.contextmanager
    def open(cls, uri: str) -> Iterator["Out"]:
        """A place that is free; what was put there goes if the block fails.

        Raises:
            ValueError: it is taken, or holds what a killed run has left.
        """
        place = Place.of(uri)
        work = place.beside(".parts") if place.filesystem.type_name in RENAMES else place
        for taken in (place, work):
            if taken.there():
                raise ValueError(
                    f"{taken.path} is there already; expected a new name"
                    + ("" if taken is place else ", or that what a stopped run left is deleted")
                )
        try:
            yield cls(place, work)
        except BaseException:
            with contextlib.suppress(OSError):
                work.filesystem.delete_dir(work.path)
            raise

    def write_nothing(self, schema: pa.Schema) -> None:
        """One file that has these columns and no row."""
        self.work.filesystem.create_dir(self.work.path)
        path = self.work.beside("/empty.parquet").path
        pq.write_table(schema.empty_table(), path, filesystem=self.work.filesystem)

    def complete(self) -> None:
        """Say that all is there: by its name where that changes in one step, else by a file."""
        if self.work == self.place:
            marker = self.place.beside(f"/{MARKER}").path
            with self.place.filesystem.open_output_stream(marker):
                pass
        else:
            self.work.filesystem.move(self.work.path, self.place.path)


def _by_fsspec(uri: str) -> tuple[fs.FileSystem, str]:
    from fsspec.core import url_to_fs

    try:
        filesystem, path = url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise ValueError(f"{uri}: no file system is known for it: {error}") from error
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path
