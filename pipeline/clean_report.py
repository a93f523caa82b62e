"""What cleaning found, in counts and row numbers; names never appear in it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from pipeline.languages import resolve
from pipeline.sources.protocol import Dropped


class LanguageCount(NamedTuple):
    """How much there is of one language."""

    names: int  # distinct
    records: int


@dataclass(frozen=True)
class CleanReport:
    """Every record that was read is in `languages`, in `too_few` or in `dropped`."""

    rows: int
    min_names: int
    names: int  # distinct, over all languages
    multi_language: int  # of these, how many carry several languages
    groups: int
    largest_group: int  # rows of the table that the largest group holds
    languages: dict[str, LanguageCount]
    too_few: dict[str, LanguageCount]
    """Languages that were left out, having fewer than `min_names` names."""
    dropped: dict[str, Dropped]
    """By source; a number n there is the n-th record that this source gave."""
    repaired: dict[str, Dropped]
    """Kept, but not as they stood."""
    unreadable: dict[str, Dropped]
    """By source, what never became a record; a number there is a row of the file."""
    notes: list[str]

    @property
    def pairs(self) -> int:
        """Rows of the table: distinct pairs of name and language."""
        return sum(count.names for count in self.languages.values())

    @property
    def records(self) -> int:
        """Records that were merged into the table."""
        return sum(count.records for count in self.languages.values())

    @property
    def largest_group_share(self) -> float:
        """The largest group's share of the table's rows, 0 to 1."""
        return self.largest_group / max(self.pairs, 1)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values, the derived figures too."""
        derived = {
            "pairs": self.pairs,
            "records": self.records,
            "largest_group_share": self.largest_group_share,
        }
        counts = {
            key: {code: count._asdict() for code, count in getattr(self, key).items()}
            for key in ("languages", "too_few")
        }
        return asdict(self) | counts | derived

    def markdown(self) -> str:
        """The report as Markdown tables, for people."""
        summary = [
            ("records read", self.rows),
            ("records kept", self.records),
            ("distinct pairs of name and language", self.pairs),
            ("distinct names", self.names),
            ("names with several languages", self.multi_language),
            ("groups (a name and its variants)", self.groups),
            ("rows in the largest group", f"{self.largest_group} ({self.largest_group_share:.2%})"),
        ]
        where = ("source", "reason", "rows", "first of them")
        parts = [
            _table("Data", ("", ""), summary),
            _table("Languages", ("language", "code", "names", "records"), _rows(self.languages)),
            _table(
                f"Left out: fewer than {self.min_names} names",
                ("language", "code", "names", "records"),
                _rows(self.too_few),
            ),
            _table("Rows that could not be read", where, _reasons(self.unreadable)),
            _table("Records left out", where, _reasons(self.dropped)),
            _table("Records repaired", where, _reasons(self.repaired)),
            "\n".join(f"- {note}" for note in self.notes),
        ]
        return "\n\n".join(filter(None, parts)) + "\n"

    def why_nothing_is_left(self) -> str:
        """One line for the error that ends a run without two languages."""
        reasons: Counter[str] = Counter()
        for dropped in (*self.unreadable.values(), *self.dropped.values()):
            reasons.update(dropped.count)
        details = [f"{reason}: {n}" for reason, n in reasons.most_common()]
        details += [f"{code}: {c.names} names" for code, c in self.too_few.items()]
        return (
            f"{len(self.languages)} language(s) with {self.min_names} names or more in "
            f"{self.rows} records; expected at least 2. Left out: {'; '.join(details) or 'nothing'}"
        )


def _rows(counts: Mapping[str, LanguageCount]) -> list[tuple[object, ...]]:
    largest_first = sorted(counts.items(), key=lambda item: (-item[1].names, item[0]))
    return [(resolve(code).name, code, *count) for code, count in largest_first]


def _reasons(found: Mapping[str, Dropped]) -> list[tuple[object, ...]]:
    return [
        (source, reason, n, ", ".join(map(str, dropped.first_rows[reason])))
        for source, dropped in found.items()
        for reason, n in dropped.count.items()
    ]


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(str(c).replace("|", r"\|") for c in row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(
        [f"## {title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]
    )
