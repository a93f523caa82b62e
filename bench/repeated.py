"""How the time of an epoch and the memory grow with the data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.child import Done, Task, in_child
from bench.memory import whole
from bench.programs import Program
from bench.report import Row, Table
from pipeline.batches import Examples

MOST_MEMORY = 0.5
"""Of the machine's; a training that would need more is not started."""


@dataclass(frozen=True)
class Cost:
    """What an epoch takes."""

    seconds: float
    libraries: int  # bytes
    peak: int  # bytes

    @classmethod
    def of(cls, done: Done) -> "Cost":
        """Of a training of one epoch."""
        return cls(done.run.seconds, done.libraries, done.peak)

    def grown(self, factor: float) -> "Cost":
        """Where all but the libraries grows with the data."""
        peak = self.libraries + (self.peak - self.libraries) * factor
        return Cost(self.seconds * factor, self.libraries, int(peak))

    def bearable(self, patience: float) -> bool:
        """Whether it may be tried."""
        return self.seconds <= patience and self.peak <= MOST_MEMORY * whole()


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
        for row in grow(name, Task(program, training, validation, epochs=1), times, patience)
    ]
    (program, *_) = programs.values()
    return Table(
        f"Growth, H = {program.hidden}, batch {program.batch}",
        {"program": "", "data": "", "records": ",.0f", "run": ""}
        | {"epoch s": ",.2f", "names/s": ",.0f", "peak MB": ",.0f"},
        rows,
        "One epoch from names to weights, the start included, in a process of its own; records\n"
        "repeated. extrapolated: in proportion to the amount before, where it would take longer"
        f"\nthan {patience:.0f} s or {MOST_MEMORY:.0%} of the memory.",
    )


def grow(name: str, task: Task, times: tuple[int, ...], patience: float) -> list[Row]:
    """A program's rows."""
    rows: list[Row] = []
    cost, before = Cost(0.0, 0, 0), 1
    for factor in times:
        cost, before = cost.grown(factor / before), factor
        if run := cost.bearable(patience):
            cost = Cost.of(in_child(replace(task, times=factor)))
        records = factor * len(task.training.names)
        rows.append(
            {
                "program": name,
                "data": f"{factor}x",
                "records": records,
                "run": "one epoch" if run else "extrapolated",
                "epoch s": cost.seconds,
                "names/s": records / cost.seconds,
                "peak MB": cost.peak / 1e6,
            }
        )
    return rows
