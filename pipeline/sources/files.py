"""Names in one table file: CSV, TSV, JSON Lines or Parquet."""

import csv
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sources.columns import Cells, Columns, Layout, locate
from pipeline.sources.encoding import detect
from pipeline.sources.protocol import DataError, Dropped, Provenance
from pipeline.table import Record

Rows = Iterator[tuple[int, Cells]]  # numbered from 1; a row of titles that is not one is 0

_DELIMITERS = ",;\t|"
_HEAD = 1000  # rows looked at before the layout is settled
_SEEN = 1000  # characters of a line looked at for the delimiter


@dataclass
class FileSource:
    """One table file, read row by row. The suffix of `path` says which format it is in."""

    path: Path
    label: str
    columns: Columns = field(default_factory=Columns)
    encoding: str | None = None
    """Of a text file; None to have it found."""
    dropped: Dropped = field(default_factory=Dropped)

    def records(self) -> Iterator[Record]:
        """Stream the rows; raises DataError where none can be read."""
        self.dropped = Dropped()
        rows = self._rows(self.dropped)
        head = list(islice(rows, _HEAD))
        layout = self._locate(head)
        read = 0
        for number, cells in chain(head[layout.header :], rows):
            if record := self._record(cells, layout, number):
                read += 1
                yield record
        if not read:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in self.dropped.count.items())
            raise DataError(f"{self.label}: no row could be read ({reasons or 'there is none'})")

    def fingerprint(self) -> str:
        """SHA-256 of the file, its label, and how it is to be read."""
        how = (
            self._sha256(),
            self.label,
            self.path.suffix.lower(),
            repr(self.columns),
            self.encoding,
        )
        return hashlib.sha256(repr(how).encode()).hexdigest()

    def provenance(self) -> list[Provenance]:
        """The file, its content's hash, and how it was read."""
        how = str(self._locate(list(islice(self._rows(Dropped()), _HEAD))))
        if self.path.suffix.lower() != ".parquet":
            how = f"{self.text_encoding}; {how}"
        return [Provenance(self.label, version=f"sha256:{self._sha256()}", note=how)]

    @cached_property
    def text_encoding(self) -> str:
        """As given, else as found."""
        if self.encoding is not None:
            return self.encoding
        with self.path.open("rb") as file:
            return detect(file, self.label)

    def _sha256(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _rows(self, dropped: Dropped) -> Rows:
        return READERS[self.path.suffix.lower()](self, dropped)

    def _locate(self, head: list[tuple[int, Cells]]) -> Layout:
        if not head:
            raise DataError(f"{self.label} is empty; expected rows of a name and its language")
        titled = head[0][0] == 0
        return locate([cells for _, cells in head], self.columns, titled=titled, where=self.label)

    def _record(self, cells: Cells, layout: Layout, number: int) -> Record | None:
        if len(cells) != layout.width:
            self.dropped.add(f"not {layout.width} columns", number)
            return None
        name, language = cells[layout.name], cells[layout.language]
        weight = None if layout.weight is None else cells[layout.weight]
        if name is None or language is None:
            self.dropped.add("a missing column", number)
            return None
        try:
            amount = float(weight) if weight else 1.0
        except ValueError:
            amount = math.nan
        if math.isnan(amount):
            self.dropped.add("weight is not a number", number)
            return None
        return Record(name, language, amount, source=self.label)


def _read_csv(source: FileSource, dropped: Dropped) -> Rows:
    with source.path.open(encoding=source.text_encoding, errors="replace", newline="") as file:
        delimiter = "\t"
        if source.path.suffix.lower() == ".csv":
            delimiter = _delimiter(list(islice(file, 100)))
            file.seek(0)
        rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        number = 0
        while True:
            number += 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                dropped.add("broken quoting", number)
                continue
            if cells:
                yield number, cells
            else:
                dropped.add("blank line", number)


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts most lines into one same number of columns, at least two.

    >>> _delimiter(["Nowak; Polish", "Svensson; Swedish, or so"])
    ';'
    """

    def agreeing(delimiter: str) -> int:
        rows = (csv.reader([line[:_SEEN]], delimiter=delimiter) for line in lines)
        widths = Counter(len(cells) for cells in chain.from_iterable(rows) if len(cells) > 1)
        return max(widths.values(), default=0)

    return max(_DELIMITERS, key=agreeing)


def _read_json_lines(source: FileSource, dropped: Dropped) -> Rows:
    titles: list[str] = []
    with source.path.open(encoding=source.text_encoding, errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                dropped.add("not JSON", number)
                continue
            if not isinstance(item, dict):
                dropped.add("not a JSON object", number)
                continue
            if not titles:
                titles = list(item)
                yield 0, titles
            yield number, [_cell(item.get(title)) for title in titles]


def _read_parquet(source: FileSource, dropped: Dropped) -> Rows:
    try:
        file = pq.ParquetFile(source.path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{source.label} is not a Parquet file: {error}") from error
    with file:
        yield 0, file.schema_arrow.names
        number = 0
        for batch in file.iter_batches():
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield number, [_cell(value) for value in values]


def _cell(value: object) -> str | None:
    return None if value is None else str(value)


READERS: dict[str, Callable[[FileSource, Dropped], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
"""What reads a format, by the file's suffix."""
