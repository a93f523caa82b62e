"""How the time of an epoch and the memory grow with the data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.child import Done, Task, in_child, memory
from bench.programs import Program
from bench.report import Row, Table
from pipeline.batches import Examples

MOST_MEMORY = 0.5
"""Of the machine's; a training that would need more is not started."""


@dataclass(frozen=True)
class Cost:
    """What an epoch takes."""

    first: float  # seconds, the start included
    later: float  # seconds of an epoch after the first
    libraries: int  # bytes
    peak: int  # bytes

    @classmethod
    def of(cls, done: Done) -> "Cost":
        """Of a training of two epochs."""
        first, later = done.run.epochs
        return cls(first, later, done.libraries, done.peak)

    def grown(self, factor: float) -> "Cost":
        """Where all but the libraries grows with the data."""
        peak = self.libraries + (self.peak - self.libraries) * factor
        return Cost(self.first * factor, self.later * factor, self.libraries, int(peak))


def growth(
    programs: Mapping[str, Program],
    training: Examples,
    validation: Examples,
    times: tuple[int, ...],
    patience: float,
) -> Table:
    """A row for each program and each amount of data, the records repeated."""
    rows = [
        row
        for name, program in programs.items()
        for row in grow(name, Task(program, training, validation, epochs=2), times, patience)
    ]
    (program, *_) = programs.values()
    return Table(
        f"Growth, H = {program.hidden}, batch {program.batch}",
        {"program": "", "data": "", "records": ",.0f", "run": ""}
        | {"first epoch s": ",.2f", "epoch s": ",.2f", "names/s": ",.0f", "peak MB": ",.0f"},
        rows,
        "Records repeated; one process each. The first epoch has the start in it. extrapolated: in"
        "\nproportion to the amount before, where it would take too long or too much memory.",
    )


def grow(name: str, task: Task, times: tuple[int, ...], patience: float) -> list[Row]:
    """A program's rows."""
    rows: list[Row] = []
    cost, before = Cost.of(in_child(task)), 1
    for factor in times:
        grown = cost.grown(factor / before)
        run = factor == 1 or (
            grown.first + grown.later <= patience and grown.peak <= MOST_MEMORY * memory()
        )
        if factor != 1:
            cost = Cost.of(in_child(replace(task, times=factor))) if run else grown
        before, records = factor, factor * len(task.training.names)
        rows.append(
            {
                "program": name,
                "data": f"{factor}x",
                "records": records,
                "run": "two epochs" if run else "extrapolated",
                "first epoch s": cost.first,
                "epoch s": cost.later,
                "names/s": records / cost.later,
                "peak MB": cost.peak / 1e6,
            }
        )
    return rows
