"""How much of HTTP is measured."""

from dataclasses import dataclass
from typing import NamedTuple


class Case(NamedTuple):
    """A kind of request."""

    names: int  # in a body
    connections: int


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    seconds: float = 2.0
    """Of one shot."""
    minutes: float = 5.0
    """Of load under which memory is watched."""
    rounds: int = 3
    long: int = 10_000
    """Names of lists that are asked for three times as long, for a request takes a while."""
    crowd: int = 40_000
    """Distinct names that are asked about."""
    cases: tuple[Case, ...] = (
        *(Case(1, connections) for connections in (1, 16, 64)),
        *(Case(100, connections) for connections in (1, 16)),
        *(Case(1000, connections) for connections in (1, 16)),
        Case(10_000, 1),
    )
    loads: tuple[Case, ...] = (
        *(Case(1, connections) for connections in (16, 64)),
        *(Case(size, connections) for size in (1000, 10_000) for connections in (1, 4)),
    )
    """For numbers of workers and threads."""
    workers: tuple[int, ...] = (1, 2, 3)
    threads: tuple[int, ...] = (1, 2)
    slices: tuple[int, ...] = (512, 1024, 4096, 10_000)
    intervals: tuple[float, ...] = (0.005, 0.001, 0.0005)
    longest: int = 10_000
    """Names of the lists that single names stand beside."""

    def time(self, case: Case, turn: int) -> float:
        """Seconds of a shot. Turn 0 only warms up."""
        seconds = self.seconds * (3 if case.names >= self.long else 1)
        return seconds if turn else seconds / 4
