"""The two tables that the data becomes on its way to the model: records, then examples.

pyarrow is imported where a file is read or written, so that a machine without it can train.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.texts import Ints, Texts, numbered, taken


class Record(NamedTuple):
    """One row as a source gives it: nothing is normalised, merged or judged yet."""

    name: str
    language: str
    """The label as it stands in the source: a name ("Polish"), a code ("pl"), or a user's own."""
    weight: float = 1.0
    """How common the name is within its language; the source says on which scale."""
    variant_of: str = ""
    """The name that this one is a spelling of (its native script, its masculine form)."""
    source: str = ""
    """Where it was read: "Faker pl_PL", or a file's name."""


@dataclass(frozen=True)
class NameTable:
    """Clean examples, one for each distinct pair of normalised name and language.

    All columns have one length R. `group` numbers what must stay on one side of a split: a name,
    its variants, and every other pair that shares a spelling with one of them.
    """

    name: Sequence[str]
    language: Sequence[str]  # a BCP-47 tag where a library knows one, else the label as given
    count: NDArray[np.int64]  # how many records were merged into this pair
    weight: NDArray[np.float64]  # their summed weight, each source normalised per language
    group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.name)

    def take(self, rows: NDArray[np.int64]) -> "NameTable":
        """The rows at these positions, in this order."""
        return NameTable(
            taken(self.name, rows),
            taken(self.language, rows),
            self.count[rows],
            self.weight[rows],
            self.group[rows],
        )

    def write(self, path: Path) -> None:
        """Write the table as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        def column(texts: Sequence[str]) -> Any:
            return texts.column if isinstance(texts, Texts) else pa.array(texts, pa.string())

        columns = {
            "name": column(self.name),
            "language": column(self.language),
            "count": self.count,
            "weight": self.weight,
            "group": self.group,
        }
        pq.write_table(pa.table(columns), path)

    @classmethod
    def read(cls, path: Path) -> "NameTable":
        """Read what `write` wrote."""
        import pyarrow.parquet as pq

        table = pq.read_table(path, read_dictionary=["language"])
        return cls(
            Texts(table["name"].combine_chunks()),
            Texts(table["language"].combine_chunks()),
            table["count"].to_numpy().astype(np.int64),
            table["weight"].to_numpy().astype(np.float64),
            table["group"].to_numpy().astype(np.int64),
        )


def known_rows(table: NameTable, codes: Sequence[str]) -> tuple[Ints, Ints]:
    """The rows (M,) of a table whose language is among `codes`, and which of these it is."""
    column = {code: c for c, code in enumerate(codes)}
    languages, of_row = numbered(table.language)
    classes = np.array([column.get(code, -1) for code in languages], np.int64)[of_row]
    (kept,) = (classes >= 0).nonzero()
    return kept, classes[kept]


def write_records(records: Iterable[Record], path: Path, *, rows_a_chunk: int = 50_000) -> int:
    """Stream records to a Parquet file and return how many there were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.float64()
    types = zip(Record._fields, (text, text, number, text, text), strict=True)
    schema, left, written = pa.schema(list(types)), iter(records), 0
    with pq.ParquetWriter(path, schema) as writer:
        while chunk := list(islice(left, rows_a_chunk)):
            columns = zip(*chunk, strict=True)
            arrays = [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            written += len(chunk)
    return written


def read_records(path: Path) -> Iterable[Record]:
    """Stream the records of a file that `write_records` wrote."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches():
        columns = (column.to_pylist() for column in batch.columns)
        yield from map(Record._make, zip(*columns, strict=True))
