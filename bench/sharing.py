"""Many names at once: how much the tree of their prefixes saves, and that it changes no answer.

Then what threads are worth, and what bfloat16 changes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.crowd import crowd
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
from bench.rounding import promoted, rounding
from bench.scoring import (
    HIDDEN,
    Names,
    calibrated,
    prefixes,
    products,
    random_classifier,
    states,
    steps,
    unshared,
)
from bench.workers import Answers, memory_of, threads
from model.classifier import Classifier
from model.compiled import Bfloat16States, for_many, multiplies_bfloat16
from pipeline.table import NameTable

CEILING = ("ceiling", PRODUCT)
COLUMNS = (
    dict.fromkeys(("steps", "states", "products", "prefixes"), ".2f")
    | dict.fromkeys(("computed", "of ceiling"), ".0%")
    | dict.fromkeys(("MB", "peak MB"), ",.0f")
    | {"difference": ".1e", "other top-1": ".2%"}
)

Side = tuple[str, int]
"""What is asked, of how many names."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    judged: int = 100_000
    """Names whose verdicts are asked too."""
    compared: int = 2000
    """Names of each size that are scored without the tree."""
    threaded: int = 100_000
    rounded: int = 20_000


def measure(table: NameTable, plan: Plan = Plan()) -> Iterator[Table]:
    """Sharing, threads, rounding."""
    names = crowd(table, max(plan.sizes))
    artifact = calibrated(random_classifier(table), table).artifact
    classifier = Classifier(artifact, states=for_many())
    yield sharing(classifier, names, plan)
    yield threads(artifact, shuffled(names[: plan.threaded]))
    yield rounding(promoted(), sorted(set(table.name)), plan.rounded)


def shuffled(names: Names) -> list[str]:
    """The same in no order, so that every core gets the like."""
    order: Sequence[int] = np.random.default_rng(1).permutation(len(names)).tolist()
    return [names[i] for i in order]


def sharing(classifier: Classifier, names: Names, plan: Plan) -> Table:
    """A row for each size, and one for verdicts."""
    asked: dict[Side, Answers] = {
        ("probabilities", N): Classifier.probabilities for N in plan.sizes
    }
    asked["verdicts", plan.judged] = Classifier.judge
    who = dict.fromkeys(asked, classifier)
    if multiplies_bfloat16():
        rough: Side = ("probabilities, bfloat16", max(plan.sizes))
        asked[rough] = Classifier.probabilities
        who[rough] = Classifier(classifier.artifact, states=Bfloat16States)
    batches = {N: shuffled(names[:N]) for _, N in asked}
    square = np.random.default_rng(0).random((PRODUCT, PRODUCT), np.float32)
    works: dict[Side, Callable[[], object]] = {
        side: partial(answers, who[side], batches[side[1]]) for side, answers in asked.items()
    }
    seconds = in_turns(works | {CEILING: lambda: square @ square})
    ceiling = Rate.of(PRODUCT_FLOP, seconds.pop(CEILING))
    rows: list[Row] = []
    for (what, N), runs in seconds.items():
        one = who[what, N]
        cells = costs(one, asked[what, N], batches[N], Rate.of(N, runs), ceiling)
        if what != "verdicts":
            cells |= difference(one, batches[N], plan.compared)
        rows.append({"answers": what, "names": N, **cells})
    return Table(
        f"Bulk, H = {HIDDEN}: names that share a prefix share its state",
        {"answers": "", "names": ",d"} | RATE_COLUMNS | COLUMNS,
        rows,
        note(classifier, plan, ceiling),
    )


def costs(
    classifier: Classifier, answers: Answers, names: Names, rate: Rate, ceiling: Rate
) -> dict[str, float]:
    """What it takes to answer these names."""
    counts = counted(classifier, names)
    memory = memory_of(answers, classifier, names)
    flop = 2 * HIDDEN**2 * counts["steps"]
    return {
        **rate.cells(),
        **counts,
        "of ceiling": rate.median * flop / ceiling.median,
        "MB": memory.before / 1e6,
        "peak MB": memory.peak / 1e6,
    }


def counted(classifier: Classifier, names: Names) -> dict[str, float]:
    """Steps of a name, states and products computed for it, and products that it takes at least."""
    N = len(names)
    read, multiplied = steps(classifier, names), products(classifier, names)
    return {
        "steps": read / N,
        "states": states(classifier, names) / N,
        "products": multiplied / N,
        "prefixes": prefixes(classifier, names) / N,
        "computed": multiplied / read,
    }


def difference(classifier: Classifier, names: Names, sample: int) -> dict[str, float]:
    """Of answers that were given together, to those that some of the names get without a tree."""
    some = range(0, len(names), max(1, len(names) // sample))[:sample]
    together = classifier.probabilities(names)[some]
    return compared(together, unshared(classifier.artifact, [names[i] for i in some]))


def compared(ours: NDArray[np.float32], true: NDArray[np.float64]) -> dict[str, float]:
    """The largest difference of probabilities (N, C), and the share of other first places."""
    return {
        "difference": float(np.abs(ours - true).max()),
        "other top-1": float((ours.argmax(axis=1) != true.argmax(axis=1)).mean()),
    }


def note(classifier: Classifier, plan: Plan, ceiling: Rate) -> str:
    """What the columns mean."""
    F = len(classifier.vocabulary)
    return "\n".join(
        [
            "Distinct names: those of the data, then spliced ones. Of one name: its steps, states",
            "computed, those of them that W multiplies, and distinct prefixes that a name goes on",
            "from, of which parts make more; computed: products among the steps",
            ceiling_note("numpy", "2 H²", ceiling) + ";",
            "without sharing, no more than 100% can be had",
            f"MB: of a process with a model of F = {F} and the names, before it answers them",
            f"difference, other top-1: of {plan.compared} of them, to float64 without a tree. The",
            "weights are random: answers are closer together than a trained model's (last table)",
        ]
    )
