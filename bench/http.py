"""The service over HTTP: beside the same handler elsewhere, by workers, with lists, for minutes.

Real processes on this machine, asked by wrk. Sides take turns, round by round, so that what else
the machine does meets them all; ratios are taken within a round.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from statistics import median

from bench.crowd import crowd
from bench.http_load import (
    COLUMNS,
    Names,
    Own,
    Rates,
    Shot,
    Shots,
    in_rounds,
    middle,
    ratios,
    shares,
    shoot,
)
from bench.http_plan import Case, Plan
from bench.http_settings import memory, mixed, workers
from bench.http_verdicts import OURS, PLAIN, SILENT, beside, inside_out, table
from bench.in_process import inside, promoted
from bench.report import Row, Table
from bench.servers import Program, Server, allowed, serving
from bench.wrk import program
from pipeline.table import NameTable

PLAIN_API, BATCHABLE, INSIDE = "@bentoml.api", "batchable=True", "in process"
SIDES = {
    OURS: Program(("bentoml", "serve", "service.app:Namelang"), {"NAMELANG_WORKERS": "1"}),
    PLAIN: Program(("bench.http_peers", "starlette")),
    SILENT: Program(("bench.http_peers", "silent")),
    "FastAPI": Program(("bench.http_peers", "fastapi")),
    PLAIN_API: Program(("bentoml", "serve", "bench.http_bento:Plain")),
    BATCHABLE: Program(("bentoml", "serve", "bench.http_bento:Batchable")),
}


DEFAULT = Plan()


def measure(
    names: NameTable,
    plan: Plan = DEFAULT,
    *,
    seconds: float | None = None,
    minutes: float | None = None,
) -> Iterator[Table]:
    """All tables; `seconds` and `minutes` take the place of the plan's where they are given.

    Raises:
        ValueError: wrk or a promoted model is missing.
    """
    program()
    promoted()
    plan = replace(plan, seconds=seconds or plan.seconds, minutes=minutes or plan.minutes)
    return _tables(crowd(names, plan.crowd), plan)


def _tables(names: Names, plan: Plan) -> Iterator[Table]:
    shots, rates = peers(names, plan)
    yield versus(shots, rates)
    verdicts = [*beside(shots, PLAIN), *beside(shots, SILENT)]
    verdicts += inside_out(shots, rates, OURS, "one core each")
    settled, found = workers(names, plan)
    yield settled
    yield mixed(names, plan)
    watched, swing = memory(names, plan)
    yield watched
    yield table([*verdicts, *found, swing])


def peers(names: Names, plan: Plan) -> tuple[Shots[str], Rates]:
    """All sides and cases; the servers and the classifier alone keep to one core, wrk to others."""
    ours, others = cores()
    with serving(SIDES) as servers, inside(names, ours) as rate:
        for server in servers.values():
            server.pin(ours)

        def ask(case: Case, seconds: float) -> Iterator[tuple[str, Shot]]:
            for who, server in taking_part(servers, case).items():
                batched = who == BATCHABLE
                yield (
                    who,
                    shoot(server, names, case, seconds=seconds, cores=others, batched=batched),
                )

        return in_rounds(plan, plan.cases, ask, rate)


def taking_part(servers: Mapping[str, Server], case: Case) -> dict[str, Server]:
    """Those that are asked: what counting costs is asked with single names alone."""
    return {who: server for who, server in servers.items() if who != SILENT or case.names == 1}


def cores() -> tuple[Collection[int], Collection[int]]:
    """The core that each server is kept to, and those of wrk: others, if there are any."""
    *rest, last = allowed()
    return [last], rest or [last]


def versus(shots: Shots[str], rates: Rates) -> Table:
    """A row for each case and side, and for the classifier alone."""
    rows: list[Row] = []
    for case in dict.fromkeys(case for _, case in shots):
        for who in dict.fromkeys(side for side, _ in shots if (side, case) in shots):
            taken, base = shots[who, case], shots[PLAIN, case]
            rate, base_rate = ([shot.load.rate for shot in side] for side in (taken, base))
            row: dict[str, str | float] = {"who": who, **case._asdict(), **middle(taken)}
            row["/ Starlette"] = median(ratios(rate, base_rate))
            row["its CPU"] = median(ratios([s.cpu_each for s in taken], [s.cpu_each for s in base]))
            if own := rates.get(case):
                row["/ in process"] = median(shares(taken, own))
            rows.append(row)
        if own := rates.get(case):
            rows.append({"who": INSIDE, "names": case.names, **Own.middle(own)})
    return Table(
        "HTTP: one process on one core, wrk on the others",
        {"who": "", **COLUMNS, "/ Starlette": ".2f", "its CPU": ".2f", "/ in process": ".2f"},
        rows,
        NOTE,
    )


NOTE = """\
names: in a body; CPU: of all the server's processes, for a request; refused: refusals, broken
connections and answers that never came, of all rounds; / Starlette: of requests/s; its CPU: of CPU
to Starlette's; / in process: of names/s to Classifier.classify for lists of that size; all three
the median of the rounds' ratios. Percentiles as wrk corrects them for what it could not send while
it waited. A request that was under way at the end does not count, which costs a side half a
request of its rate or so at 10,000 names."""
