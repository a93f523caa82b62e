"""Our products beside NumPy's and torch's: what bfloat16 pays, and what it costs.

Shapes: N names, H hidden, C languages.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench.report import Rate, Row, Table, in_turns
from bench.scoring import HIDDEN, Floats, Names, unshared
from model.classifier import Classifier
from model.compiled import multiplies_bfloat16, processor_has
from model.states import BLOCK
from pipeline.cli_models import find

TIMES = 200
"""Products of one run."""


def promoted() -> Classifier | None:
    """The model that the service would load, if there is one."""
    try:
        _, directory, sha256 = find(None)
    except ValueError:  # none is promoted
        return None
    return Classifier.load(directory, sha256=sha256)


def rounding(classifier: Classifier | None, names: Names, most: int) -> Table:
    """Speed of a block's product in both precisions, and how many answers the lower one changes."""
    with _one_thread():
        seconds = in_turns(products())
    rates = {how: Rate.of(2e-9 * BLOCK * HIDDEN**2 * TIMES, runs) for how, runs in seconds.items()}
    rows: list[Row] = []
    for how, rate in rates.items():
        ratio = rate.median / rates["NumPy, float32"].median
        row: dict[str, str | float] = {"product": how, **rate._asdict(), "/ NumPy": ratio}
        if classifier is not None and "bfloat16" in how:
            row["other top-1"] = changed(classifier, names, most)
        rows.append(row)
    model = "no promoted model: no answers to compare"
    if classifier is not None:
        model = f"other top-1: of {min(most, len(names))} names by the promoted model"
    return Table(
        f"Products: GFLOP/s of ({BLOCK}, {HIDDEN}) @ ({HIDDEN}, {HIDDEN}) on one thread",
        {"product": "", "median": ".0f", "min": ".0f", "max": ".0f"}
        | {"/ NumPy": ".2f", "other top-1": ".2%"},
        rows,
        f"{model}; in bfloat16 W, V and h are rounded, sums are not (ours does not round V)",
    )


def products() -> dict[str, Callable[[], object]]:
    """The product that scoring consists of, many times."""
    h = np.random.default_rng(0).random((BLOCK, HIDDEN), np.float32)
    W = np.random.default_rng(1).random((HIDDEN, HIDDEN), np.float32)
    th, tW = torch.from_numpy(h), torch.from_numpy(W)
    bh, bW = th.bfloat16(), tW.bfloat16()
    sides: dict[str, Callable[[], object]] = {
        "NumPy, float32": lambda: [h @ W for _ in range(TIMES)],
        "torch, float32": lambda: [th @ tW for _ in range(TIMES)],
        "torch, bfloat16": lambda: [bh @ bW for _ in range(TIMES)],
        "torch, bfloat16, h from float32 and back": lambda: [
            (th.bfloat16() @ bW).float() for _ in range(TIMES)
        ],
    }
    out = np.empty_like(h)
    if processor_has("avx512f"):
        from model.products import product

        exact = product(W)
        sides["ours, float32"] = lambda: [exact(h, out) for _ in range(TIMES)]
    if multiplies_bfloat16():
        from model import bfloat16

        rough = bfloat16.product(W)
        sides["ours, bfloat16, h from float32, sums float32"] = lambda: [
            rough(h, out) for _ in range(TIMES)
        ]
    return sides


def changed(classifier: Classifier, names: Names, most: int) -> float:
    """The share of names whose most probable language rounding changes."""
    some = [names[i] for i in np.random.default_rng(0).permutation(len(names))[:most]]
    exact = unshared(classifier.artifact, some).argmax(axis=1)
    rounded = unshared(classifier.artifact, some, to_bfloat16).argmax(axis=1)
    return float((exact != rounded).mean())


def to_bfloat16(x: Floats) -> Floats:
    """The nearest numbers that bfloat16 has.

    >>> to_bfloat16(np.array([1.0, 1.001, 1.01]))
    array([1.       , 1.       , 1.0078125])
    """
    return np.asarray(torch.from_numpy(x).bfloat16().double().numpy())


@contextmanager
def _one_thread() -> Iterator[None]:
    many = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(many)
