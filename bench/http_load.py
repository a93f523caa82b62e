"""What one server does with one kind of request."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, Self, TypeVar

import orjson

from bench.http_plan import Case, Plan
from bench.servers import MANY, ONE, Server
from bench.wrk import Load, load

TOP = 3
SINGLES = 2000
"""Bodies of one name that are sent in turn."""

Names = Sequence[str]
Who = TypeVar("Who", bound=Hashable)


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


class Own(NamedTuple):
    """What the classifier does without a server."""

    names_rate: float  # names a second
    cpu_each: float  # seconds that it computes for a list

    @classmethod
    def middle(cls, taken: Sequence[Self]) -> dict[str, float]:
        """The cells of a row: medians over rounds."""
        return {
            "names/s": median(own.names_rate for own in taken),
            "CPU ms": median(own.cpu_each for own in taken) * 1e3,
        }


Shots = Mapping[tuple[Who, Case], Sequence[Shot]]
"""Side and case → a shot for each round."""
Rates = Mapping[Case, Sequence[Own]]
"""Case of lists → what the classifier itself does in each round."""


def in_rounds(
    plan: Plan,
    cases: Sequence[Case],
    ask: Callable[[Case, float], Iterable[tuple[Who, Shot]]],
    rate: Callable[[int, float], Own],
) -> tuple[Shots[Who], Rates]:
    """What `ask` gives for a case and seconds, and `rate` for a list's names and seconds.

    A first round, which only warms up, does not count.
    """
    shots: dict[tuple[Who, Case], list[Shot]] = {}
    rates: dict[Case, list[Own]] = {}
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


def shares(taken: Sequence[Shot], own: Sequence[Own]) -> list[float]:
    """A server's names a second to the classifier's own, round by round."""
    return ratios([shot.names_rate for shot in taken], [alone.names_rate for alone in own])


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
