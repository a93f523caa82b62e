"""How figures are taken and shown: sides timed in turns, text tables, JSON beside them."""

import json
import os
import platform
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple, Self, TypeVar

RUNS = 5
LIBRARIES = ("numpy", "torch")

PRODUCT = 2048
"""Size of the square float32 matrices whose product is the ceiling that others are held against."""
PRODUCT_FLOP = 2 * PRODUCT**3

RATE_COLUMNS = {"names/s": ",.0f", "min": ",.0f", "max": ",.0f"}

Side = TypeVar("Side", bound=Hashable)
Row = Mapping[str, str | float]


class Rate(NamedTuple):
    """Work per second over several runs."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, work: float, seconds: Sequence[float]) -> Self:
        """The rate of runs that each did the same work."""
        return cls(work / median(seconds), work / max(seconds), work / min(seconds))

    def cells(self) -> dict[str, float]:
        """A table's cells for a rate of names."""
        return dict(zip(RATE_COLUMNS, self, strict=True))


def in_turns(sides: Mapping[Side, Callable[[], object]]) -> dict[Side, list[float]]:
    """Seconds of each of `RUNS` runs of each side.

    Every side runs once before the first run that counts. Then they take turns, so that a spell
    of other work on the machine meets them all.
    """
    return turns({side: partial(seconds_of, work) for side, work in sides.items()})


def turns(sides: Mapping[Side, Callable[[], float]]) -> dict[Side, list[float]]:
    """What each side says in its runs, as `in_turns` has them: for sides that hold the clock."""
    said: dict[Side, list[float]] = {side: [] for side in sides}
    for run in range(RUNS + 1):
        for side, work in sides.items():
            value = work()
            if run:
                said[side].append(value)
    return said


def seconds_of(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


@dataclass(frozen=True)
class Table:
    """Figures under headings. A row lacks the cells that make no sense for it."""

    title: str
    columns: Mapping[str, str]
    """Heading → format of the values below it."""
    rows: Sequence[Row]
    note: str = ""

    def text(self) -> str:
        """The title, aligned columns, and the note."""
        cells = [list(self.columns), *map(self._cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.rjust, line, widths)) for line in cells]
        return "\n".join([self.title, *lines, self.note]).rstrip()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, unrounded."""
        return {"title": self.title, "rows": list(self.rows), "note": self.note}

    def _cells(self, row: Row) -> list[str]:
        return [format(row[key], spec) if key in row else "" for key, spec in self.columns.items()]


def ceiling_note(library: str, flop: str, ceiling: Rate) -> str:
    """What "of ceiling" in a table means."""
    typical, low, high = (rate / 1e9 for rate in ceiling)
    return (
        f"of ceiling: {flop} FLOP a step, padding not counted, against {library}'s product of\n"
        f"{PRODUCT} x {PRODUCT} float32 matrices: {typical:.0f} GFLOP/s ({low:.0f} to {high:.0f})"
    )


def write_json(path: Path, context: Mapping[str, Any], tables: Sequence[Table]) -> None:
    """Write one JSON object: `context`, which says what was measured, and the tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**context, "tables": [table.to_dict() for table in tables]}
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def machine() -> dict[str, str | int]:
    """What the figures depend on: the processor, how many cores are ours, the versions."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _cpu_model() -> str:
    """The processor's name, which on Linux only this file tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
