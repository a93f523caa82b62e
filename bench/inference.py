"""How fast names become probabilities, with NumPy alone.

Shapes: F features, H hidden, C languages.
"""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

import numpy as np

from bench.report import (
    PRODUCT,
    PRODUCT_FLOP,
    RATE_COLUMNS,
    Rate,
    Table,
    ceiling_note,
    in_turns,
)
from model.artifact import Artifact, Language
from model.classifier import Classifier
from model.text import normalise
from model.vocabulary import Encoded, Vocabulary
from pipeline.table import NameTable

HIDDEN = 256
BATCHES = (1, 32, 1024, 16384)
MOST_CALLS = 200  # of one run
SINGLE_CALLS = 5000  # timed one by one

Names = Sequence[str]


def measure(table: NameTable) -> Iterator[Table]:
    """Throughput by batch size, then the latency of one name."""
    names = sorted(set(table.name))
    classifier = random_classifier(names, sorted(set(table.language)))
    drawn = np.random.default_rng(0).choice(names, max(BATCHES)).tolist()
    yield throughput(classifier, drawn)
    yield latency(classifier, drawn[:SINGLE_CALLS])


def random_classifier(names: Names, codes: Sequence[str]) -> Classifier:
    """A model of the usual size on the vocabulary of these names; its answers mean nothing."""
    random = np.random.default_rng(0)
    vocabulary = Vocabulary.fit(names)
    U = random.normal(0, 0.3, (HIDDEN, len(vocabulary)))  # (H, F)
    V = random.normal(0, 0.1, (len(codes), HIDDEN))  # (C, H)
    return Classifier(
        Artifact(
            W=np.eye(HIDDEN, dtype=np.float32),
            U=U.astype(np.float32),
            V=V.astype(np.float32),
            vocabulary=vocabulary,
            languages=tuple(Language(code, code) for code in codes),
        )
    )


def throughput(classifier: Classifier, names: Names) -> Table:
    """Names a second by batch size: all the way, and its first part alone, from text to ids."""
    parts: dict[str, Callable[[Names], object]] = {
        "probabilities": classifier.probabilities,
        "encoding alone": lambda batch: encode(classifier.vocabulary, batch),
    }
    square = np.random.default_rng(0).random((PRODUCT, PRODUCT), np.float32)
    taken = {B: names[: B * MOST_CALLS] for B in BATCHES}
    sides: dict[tuple[str, int], Callable[[], object]] = {
        (part, B): in_batches(work, taken[B], B) for part, work in parts.items() for B in BATCHES
    }
    seconds = in_turns(sides | {("ceiling", PRODUCT): lambda: square @ square})
    ceiling = Rate.of(PRODUCT_FLOP, seconds.pop(("ceiling", PRODUCT)))
    rates = {(part, B): Rate.of(len(taken[B]), runs) for (part, B), runs in seconds.items()}
    rows: list[dict[str, str | float]] = []
    for (part, B), rate in rates.items():
        ratio = rate.median / rates[part, 1].median
        rows.append({"part": part, "batch": B, **rate.cells(), "/ batch 1": ratio})
        if part == "probabilities":
            flop = 2 * HIDDEN**2 * encode(classifier.vocabulary, taken[B]).lengths.mean()
            rows[-1]["of ceiling"] = float(rate.median * flop / ceiling.median)
    return Table(
        f"Inference, H = {HIDDEN}, F = {len(classifier.vocabulary)}",
        {"part": "", "batch": "d"} | RATE_COLUMNS | {"/ batch 1": ".1f", "of ceiling": ".1%"},
        rows,
        ceiling_note("numpy", "2 H²", ceiling),
    )


def encode(vocabulary: Vocabulary, names: Names) -> Encoded:
    """Ids of names as they are typed."""
    return vocabulary.encode([normalise(name) for name in names])


def in_batches(work: Callable[[Names], object], names: Names, size: int) -> Callable[[], None]:
    """A run of `work` over all names, `size` at a time."""

    def run() -> None:
        for start in range(0, len(names), size):
            work(names[start : start + size])

    return run


def latency(classifier: Classifier, names: Names) -> Table:
    """Microseconds of calls with one name each."""
    seconds = []
    for name in names:
        start = perf_counter()
        classifier.probabilities([name])
        seconds.append(perf_counter() - start)
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e6
    row = {"p50 µs": float(p50), "p99 µs": float(p99)}
    return Table(f"Latency of one name, {len(names)} calls", dict.fromkeys(row, ".0f"), [row])
