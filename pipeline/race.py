"""How fast two models answer, measured in turns in one process.

In turns, so that what else the machine does meanwhile slows both; medians, so that a single
interruption decides nothing; on one thread, as two that wait for each other are held up by every
neighbour. What is timed is the way from names to probabilities: verdicts and sets cost every model
the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

ROUNDS, BATCH, SINGLES = 11, 1000, 20
"""Turns of each model; the names of a large batch; the single names of a turn."""


class Answering(Protocol):
    """What can be timed."""

    def probabilities(self, names: Sequence[str]) -> NDArray[np.float32]:
        """(N, C) of N names."""


@dataclass(frozen=True)
class Speed:
    """Medians over the rounds."""

    one_name_ms: float
    names_per_second: float
    """In a batch of 1,000 names, or of as many as there are."""


@dataclass(frozen=True)
class Race:
    """How fast both are; the champion's is None where there is none."""

    challenger: Speed
    champion: Speed | None = None
    one_name_ratio: float | None = None
    """The challenger's time over the champion's, the median over the rounds; above 1 is slower."""
    batch_ratio: float | None = None


def race(
    challenger: Answering,
    champion: Answering | None,
    names: Sequence[str],
    rounds: int = ROUNDS,
) -> Race:
    """Time both on the same names, of which there must be one at least; the first round is lost."""
    batch = list(dict.fromkeys(names))[:BATCH]
    models = [challenger] if champion is None else [challenger, champion]
    with threadpool_limits(limits=1):
        turns = [[_times(model, batch) for model in models] for _ in range(rounds + 1)][1:]
    mine, *theirs = (_speed(times, len(batch)) for times in zip(*turns, strict=True))
    if champion is None:
        return Race(mine)
    one, many = (median(turn[0][k] / turn[1][k] for turn in turns) for k in (0, 1))
    return Race(mine, theirs[0], one, many)


def _times(model: Answering, batch: Sequence[str]) -> tuple[float, float]:
    """Seconds for one name (the median of a few) and for the batch."""
    singles = []
    for name in batch[:SINGLES]:
        start = perf_counter()
        model.probabilities([name])
        singles.append(perf_counter() - start)
    start = perf_counter()
    model.probabilities(batch)
    return median(singles), perf_counter() - start


def _speed(times: Sequence[tuple[float, float]], names: int) -> Speed:
    one, many = (median(each) for each in zip(*times, strict=True))
    return Speed(1000 * one, names / many)
