"""What one server does with one kind of request."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, TypeVar

import orjson

from bench.servers import MANY, ONE, Server
from bench.wrk import Load, load

TOP = 3
SINGLES = 2000
"""Bodies of one name that are sent in turn."""

Names = Sequence[str]
Who = TypeVar("Who", bound=Hashable)


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


class Shot(NamedTuple):
    """What a server did in some seconds."""

    load: Load
    names: int  # in a body
    cpu: float  # seconds that its processes computed

    @property
    def names_rate(self) -> float:
        """Names a second that were answered."""
        return self.names * self.load.rate

    @property
    def cpu_each(self) -> float:
        """Seconds that its processes computed for a request."""
        return self.cpu / max(1, self.load.requests)


Shots = Mapping[tuple[Who, Case], Sequence[Shot]]
"""Side and case → a shot for each round."""
Rates = Mapping[Case, Sequence[float]]
"""Case of lists → the classifier's own names a second in each round."""


def in_rounds(
    plan: Plan,
    cases: Sequence[Case],
    ask: Callable[[Case, float], Iterable[tuple[Who, Shot]]],
    rate: Callable[[int, float], float],
) -> tuple[Shots[Who], Rates]:
    """What `ask` gives for a case and seconds, and `rate` for a list's names and seconds.

    A first round, which only warms up, does not count.
    """
    shots: dict[tuple[Who, Case], list[Shot]] = {}
    rates: dict[Case, list[float]] = {}
    for turn in range(plan.rounds + 1):
        for case in cases:
            seconds = plan.time(case, turn)
            for who, shot in ask(case, seconds):
                shots.setdefault((who, case), []).extend([shot] if turn else [])
            if case.names > 1:
                rates.setdefault(case, []).extend([rate(case.names, seconds)] if turn else [])
    return shots, rates


def shoot(
    server: Server,
    names: Names,
    case: Case,
    *,
    seconds: float,
    cores: Collection[int] | None = None,
    batched: bool = False,
) -> Shot:
    """Ask a server for some seconds; wrk keeps to the cores given, if any are.

    `batched` is as `bodies` has it.
    """
    sent, before = bodies(names, case.names, batched=batched), server.cpu()
    path = ONE if case.names == 1 else MANY
    done = load(server.url + path, sent, connections=case.connections, seconds=seconds, cores=cores)
    return Shot(done, case.names, server.cpu() - before)


def bodies(names: Names, size: int, *, batched: bool = False) -> list[bytes]:
    """The names in bodies of so many.

    `batched` is how BentoML's own batches have it: always a list, and no other argument.
    """
    if batched:
        return [orjson.dumps({"names": part}) for part in lists(names, size)]
    if size > 1:
        return [orjson.dumps({"names": part, "top_k": TOP}) for part in lists(names, size)]
    return [orjson.dumps({"name": name, "top_k": TOP}) for [name] in lists(names, 1)]


def lists(names: Names, size: int) -> list[list[str]]:
    """The names in whole lists of so many, no more than `SINGLES`; again and again if too few."""
    names = list(names) * -(-size // len(names))
    ends = range(size, len(names) + 1, size)[:SINGLES]
    return [names[end - size : end] for end in ends]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours to theirs, round by round: what else the machine did in a round met both."""
    return [a / b if b else float("inf") for a, b in zip(ours, theirs, strict=True)]


def middle(shots: Sequence[Shot]) -> dict[str, float]:
    """The cells of a row: medians over rounds, but what went wrong is added up; some may lack."""
    loads = [shot.load for shot in shots]
    rates = {
        "requests/s": median(load.rate for load in loads),
        "names/s": median(shot.names_rate for shot in shots),
        "refused": sum(load.refused + load.broken for load in loads),
    }
    if not rates["requests/s"]:  # no request came to its end in time, which says nothing more
        return rates
    return rates | {
        "p50 ms": median(load.p50 for load in loads),
        "p99 ms": median(load.p99 for load in loads),
        "p99.9 ms": median(load.p999 for load in loads),
        "CPU ms": median(shot.cpu_each for shot in shots) * 1e3,
    }


COLUMNS = {
    "names": ",d",
    "connections": "d",
    "requests/s": ",.0f",
    "names/s": ",.0f",
    "p50 ms": ",.2f",
    "p99 ms": ",.2f",
    "p99.9 ms": ",.2f",
    "CPU ms": ",.3f",
    "refused": ",d",
}
