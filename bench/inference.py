"""How fast names become probabilities: by batch size, and one at a time, beside others.

Shapes: F features, H hidden.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from bench.contenders import contenders
from bench.crowd import crowd, random_strings
from bench.report import (
    PRODUCT,
    PRODUCT_FLOP,
    RATE_COLUMNS,
    Rate,
    Row,
    Table,
    ceiling_note,
    in_turns,
)
from bench.scoring import HIDDEN, Names, calibrated, encoded, products, random_classifier, steps
from model.classifier import Classifier
from model.compiled import for_many
from model.text import normalise_all
from pipeline.table import NameTable

ROUNDS = 5
"""In which the sides take turns where single calls are timed."""
CEILING = ("ceiling", PRODUCT)

Work = Callable[[Names], object]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    batches: tuple[int, ...] = (1, 32, 256, 1024, 4096, 16384, 65536)
    most_calls: int = 500
    """Of one run, and so many that they read `most_names` at most, but at least one."""
    most_names: int = 16384
    records: int = 4000
    """From which the regression learns."""
    single_calls: int = 2000
    """Timed one by one."""


def measure(table: NameTable, plan: Plan = Plan()) -> Iterator[Table]:
    """Throughput by batch size, then the latency of one name."""
    classifier = random_classifier(table)
    others: Mapping[str, Work] = contenders(table, plan.records)
    names = crowd(table, max(*plan.batches, plan.single_calls))
    yield throughput(classifier, others, names, plan)
    verdicts = calibrated(classifier, table)
    ours: dict[str, Work] = {
        "ours": classifier.probabilities,
        "ours, verdict included": verdicts.classify,
    }
    yield latency({**ours, **others}, names[: plan.single_calls])


@dataclass(frozen=True)
class Side:
    """One row: what is done, to names of one kind, how many at a time."""

    who: str
    batch: int
    work: Work
    names: Names

    def run(self) -> None:
        """Do it to all names."""
        for start in range(0, len(self.names), self.batch):
            self.work(self.names[start : start + self.batch])


def throughput(
    classifier: Classifier, others: Mapping[str, Work], names: Names, plan: Plan
) -> Table:
    """Names a second by batch size, all the way and of encoding alone."""
    square = np.random.default_rng(0).random((PRODUCT, PRODUCT), np.float32)
    rows = {(side.who, side.batch): side for side in sides(classifier, others, names, plan)}
    works: dict[tuple[str, int], Callable[[], object]] = {who: rows[who].run for who in rows}
    seconds = in_turns(works | {CEILING: lambda: square @ square})
    ceiling = Rate.of(PRODUCT_FLOP, seconds.pop(CEILING))
    rates = {who: Rate.of(len(rows[who].names), runs) for who, runs in seconds.items()}
    cells: list[dict[str, str | float]] = []
    for (who, B), rate in rates.items():
        ratio = rate.median / rates[who, min(plan.batches)].median
        cells.append({"who": who, "batch": B, **rate.cells(), f"/ {min(plan.batches)}": ratio})
        if who.startswith("ours"):
            cells[-1] |= of_ceiling(classifier, rows[who, B], rate, ceiling)
    return Table(
        f"Inference, H = {HIDDEN}, F = {len(classifier.vocabulary)}",
        {"who": "", "batch": "d"}
        | RATE_COLUMNS
        | {f"/ {min(plan.batches)}": ".1f", "computed": ".0%", "of ceiling": ".1%", "net": ".1%"},
        cells,
        note(plan, ceiling),
    )


def sides(
    classifier: Classifier, others: Mapping[str, Work], names: Names, plan: Plan
) -> Iterator[Side]:
    """All rows but the ceiling, all sides of one batch size one after the other."""
    words = classifier.vocabulary
    loops = Classifier(classifier.artifact, states=for_many())
    strings = random_strings(names)
    for B in plan.batches:
        most = B * max(1, min(plan.most_calls, plan.most_names // B))
        few = names[:most]
        yield Side("ours", B, loops.probabilities, few)
        yield Side("ours, random strings", B, loops.probabilities, strings[:most])
        yield Side("ours, NumPy alone", B, classifier.probabilities, few)
        yield Side("encoding to a tree", B, lambda batch: list(encoded(loops, batch)), few)
        yield Side("encoding to ids", B, lambda batch: words.encode(normalise_all(batch)), few)
        for who, work in others.items():
            yield Side(who, B, work, few)


def of_ceiling(classifier: Classifier, side: Side, rate: Rate, ceiling: Rate) -> dict[str, float]:
    """Which part of its products are computed at all, and how that compares to bare ones."""
    N = len(side.names)
    batches = (side.names[i : i + side.batch] for i in range(0, N, side.batch))
    computed = sum(products(classifier, batch) for batch in batches)
    share = rate.median * 2 * HIDDEN**2 * steps(classifier, side.names) / N / ceiling.median
    part = computed / steps(classifier, side.names)
    return {"computed": part, "of ceiling": share, "net": share * part}


def note(plan: Plan, ceiling: Rate) -> str:
    """What the columns mean."""
    return "\n".join(
        [
            "The names of a batch are distinct; the random strings are as long, of any letters",
            "that the names have. Encoding is all on one core, the rest on all.",
            f"n-gram regression learned from {plan.records} records, nn.RNN from none.",
            "torch is loaded, and its threads sleep while NumPy's sides have their turns.",
            "computed: products of a batch's tree among the steps of its names",
            ceiling_note("numpy", "2 H²", ceiling),
            "net: the same of the computed products alone",
        ]
    )


def latency(works: Mapping[str, Work], names: Names) -> Table:
    """Microseconds of calls with one name each."""
    seconds: dict[str, list[float]] = {who: [] for who in works}
    for first in range(ROUNDS):
        for who, work in works.items():
            work(names[:1])
            seconds[who] += single_calls(work, names[first::ROUNDS])
    rows: list[Row] = []
    for who, calls in seconds.items():
        p50, p99 = np.percentile(calls, [50, 99]) * 1e6
        rows.append({"who": who, "p50 µs": float(p50), "p99 µs": float(p99)})
    return Table(
        f"Latency of one name, {len(names)} calls",
        {"who": "", "p50 µs": ",.0f", "p99 µs": ",.0f"},
        rows,
    )


def single_calls(work: Work, names: Sequence[str]) -> Iterator[float]:
    """Seconds of each call."""
    for name in names:
        start = perf_counter()
        work([name])
        yield perf_counter() - start
