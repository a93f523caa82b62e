"""What is asked of the service over HTTP, and whether it holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.http_load import Rates, Shots, ratios, shares
from bench.http_plan import Case
from bench.report import Row, Table

OURS, PLAIN, SILENT = "ours", "Starlette", "Starlette, no metrics"


@dataclass(frozen=True)
class Verdict:
    """A bound, and what was measured in each round."""

    asked: str
    bound: float
    measured: Sequence[float]
    least: bool
    """Whether the bound is the least that is asked, or the most."""

    @property
    def met(self) -> bool:
        """Whether the median keeps the bound."""
        typical = median(self.measured)
        return typical >= self.bound if self.least else typical <= self.bound

    def row(self) -> Row:
        """The cells of a table."""
        return {
            "asked": self.asked,
            "bound": f"{'at least' if self.least else 'at most'} {self.bound:.2f}",
            "measured": median(self.measured),
            "lowest": min(self.measured),
            "highest": max(self.measured),
            "met": "yes" if self.met else "NO",
        }


def table(verdicts: Sequence[Verdict]) -> Table:
    """A row for each."""
    return Table(
        "Asked and measured",
        {"asked": "", "bound": "", **dict.fromkeys(("measured", "lowest", "highest"), ".2f")}
        | {"met": ""},
        [verdict.row() for verdict in verdicts],
        "measured: the median of ratios, each of two sides in one round",
    )


def beside(shots: Shots[str], other: str) -> Iterator[Verdict]:
    """Single names, held against the same handler elsewhere."""
    for who, case in shots:
        if who != OURS or case.names != 1 or (other, case) not in shots:
            continue
        ours, theirs = ([shot.load for shot in shots[side, case]] for side in (OURS, other))
        at = told(case)
        if case.connections == 1:
            p50 = ratios([load.p50 for load in ours], [load.p50 for load in theirs])
            yield Verdict(f"{at}: p50 / {other}", 1.2, p50, least=False)
            continue
        rate = ratios([load.rate for load in ours], [load.rate for load in theirs])
        p99 = ratios([load.p99 for load in ours], [load.p99 for load in theirs])
        yield Verdict(f"{at}: requests/s / {other}", 0.9, rate, least=True)
        yield Verdict(f"{at}: p99 / {other}", 1.5, p99, least=False)


def inside_out(shots: Shots[str], rates: Rates, who: str, where: str) -> Iterator[Verdict]:
    """Lists, held against the classifier's own names a second for lists of their size."""
    for (side, case), taken in shots.items():
        if side == who and case in rates:
            share = shares(taken, rates[case])
            at = (
                f"{case.names:,} names, {case.connections} connection{'s' * (case.connections > 1)}"
            )
            yield Verdict(f"{at}: names/s / in process, {where}", 0.6, share, least=True)


def told(case: Case) -> str:
    """The case in words."""
    names = "one name" if case.names == 1 else f"{case.names:,} names"
    return f"{names}, {case.connections} connection{'s' * (case.connections > 1)}"


def flat(swing: float) -> Verdict:
    """Memory, by the share that it swings."""
    return Verdict("memory under load: swing after the first minute", 0.05, [swing], least=False)
