"""What a cluster reads: Parquet files, listed and looked at before any work."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from pipeline.bulk.columns import Columns
from pipeline.bulk.parts import SUFFIXES, Format
from pipeline.bulk.storage import Place
from pipeline.bulk.texts import check_text

AT_ONCE = 32
"""Files whose ends are read at the same time, since each is waited for."""


class Source(NamedTuple):
    """Parquet files that are to be scored."""

    place: Place
    files: list[str]
    partitions: list[str]
    """The columns that folders are named by, as in country=DE/year=2024."""
    hidden: list[str]
    """Files that are not to be read, since they or their folders begin with "." or "_"."""

    @classmethod
    def of(cls, uri: str) -> Self:
        """A Parquet file, or all of a folder and its folders.

        Raises:
            ValueError: there is none, or one of another format, or folders of other columns.
        """
        place = Place.of(uri)
        files, hidden = _listed(place)
        if not files:
            raise ValueError(f"{uri} holds no file; expected Parquet files")
        columns = _columns(place, files[0])
        for path in files:
            if SUFFIXES.get(PurePosixPath(path).suffix.lower()) != Format.PARQUET:
                raise ValueError(f"{path}: expected .parquet; a cluster reads no other format")
            if (others := _columns(place, path)) != columns:
                raise ValueError(
                    f"{path} lies in folders of {others}, others in those of {columns}; expected "
                    "the same columns everywhere"
                )
        return cls(place, files, columns, hidden)

    def check(self, new: Columns) -> tuple[int, pa.Schema]:
        """How many rows there are, and the columns of each file.

        Raises:
            ValueError: a file is not whole, has other columns than the first, or cannot be scored.
        """
        rows, schema = 0, None
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ends = pool.map(self._end, self.files)
            for path, (more, columns) in zip(self.files, ends, strict=True):
                if schema is None:
                    schema = columns
                    folders = [pa.field(title, pa.string()) for title in self.partitions]
                    new.check(pa.schema([*schema, *folders]))
                    check_text(schema.field(new.options.column).type, new.options.column)
                elif not columns.equals(schema):
                    raise ValueError(f"{path} has other columns, or other types, than the first")
                rows += more
        return rows, schema

    def _end(self, path: str) -> tuple[int, pa.Schema]:
        try:
            with pq.ParquetFile(path, filesystem=self.place.filesystem) as file:
                return file.metadata.num_rows, file.schema_arrow
        except pa.ArrowInvalid as error:
            raise ValueError(f"{path} is no whole Parquet file: {error}") from error


def _listed(place: Place) -> tuple[list[str], list[str]]:
    """Files by their paths, and those that are hidden."""
    info = place.filesystem.get_file_info(place.path)
    if info.type == fs.FileType.NotFound:
        raise ValueError(f"{place.path} is not there; expected a Parquet file, or a folder of such")
    if info.is_file:
        return [place.path], []
    all_of_it = place.filesystem.get_file_info(fs.FileSelector(place.path, recursive=True))
    found: list[str] = []
    hidden: list[str] = []
    for file in all_of_it:
        if file.is_file:
            inside = _inside(place, file.path)
            (hidden if any(p.startswith((".", "_")) for p in inside) else found).append(file.path)
    return sorted(found), hidden


def _inside(place: Place, path: str) -> Sequence[str]:
    """The names of the folders between a place and a file in it, and the file's."""
    return PurePosixPath(path).relative_to(place.path).parts or (PurePosixPath(path).name,)


def _columns(place: Place, path: str) -> list[str]:
    """The columns that the folders of a file name.

    >>> _columns(Place.of("/in"), "/in/country=DE/2024/names.parquet")
    ['country']
    """
    folders = _inside(place, path)[:-1]
    return [key for key, equals, _ in (name.partition("=") for name in folders) if equals]
