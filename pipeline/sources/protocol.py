"""What every source of names offers. A new kind of source is one new file beside this one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.table import Record


class DataError(ValueError):
    """The user's data cannot be used; the message names what was found and what was expected."""


@dataclass(frozen=True)
class Provenance:
    """Where data came from; it travels in every model's record."""

    name: str
    version: str = ""
    licence: str = "unknown"
    note: str = ""


@dataclass
class Dropped:
    """How many rows a source could not read, by reason, with the first few row numbers."""

    count: dict[str, int] = field(default_factory=dict)
    first_rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, reason: str, row: int, *, keep: int = 10) -> None:
        """Count one more row (numbered from 1) that was dropped for `reason`."""
        self.count[reason] = self.count.get(reason, 0) + 1
        rows = self.first_rows.setdefault(reason, [])
        if len(rows) < keep:
            rows.append(row)


class Source(Protocol):
    """A place that names are read from."""

    dropped: Dropped
    """What `records` could not read; complete once the iterator is exhausted."""

    def records(self) -> Iterator[Record]:
        """Stream the rows as they stand in the source."""

    def fingerprint(self) -> str:
        """A SHA-256 (hex) of everything that decides what `records` yields."""

    def provenance(self) -> list[Provenance]:
        """Origins, versions and licences."""
