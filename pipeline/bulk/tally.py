"""What is in a scored table, counted: no name is kept."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.bulk.faults import Fault

COUNTED = ("verdict", "reason", "language_1")

NONE: Mapping[str, Mapping[str, int]] = {title: {} for title in COUNTED}


class Tally(NamedTuple):
    """Rows by what was said of them."""

    rows: int = 0
    counts: Mapping[str, Mapping[str, int]] = NONE
    """For each of `COUNTED` the rows of each value; rows without one are not counted."""

    @classmethod
    def of(cls, new: pa.Table, prefix: str) -> Self:
        """Of the new columns."""
        counts = {
            title: {
                pair["values"]: pair["counts"]
                for pair in pc.value_counts(new[prefix + title]).to_pylist()
                if pair["values"] is not None
            }
            for title in COUNTED
        }
        return cls(new.num_rows, counts)

    @classmethod
    def read(cls, value: Any) -> Self:
        """What `to_dict` made JSON values of."""
        return cls(value["rows"], value["counts"])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the most frequent first."""
        return {
            "rows": self.rows,
            "counts": {
                title: dict(Counter(counts).most_common()) for title, counts in self.counts.items()
            },
        }

    def plus(self, other: "Tally") -> "Tally":
        """Of both."""
        counts = {
            title: dict(Counter(self.counts[title]) + Counter(other.counts[title]))
            for title in COUNTED
        }
        return Tally(self.rows + other.rows, counts)

    @property
    def faults(self) -> dict[str, int]:
        """Rows without an answer, by reason."""
        return {why: n for why, n in self.counts["reason"].items() if why in set(Fault)}
