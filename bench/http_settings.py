"""Our service by workers, threads, slices of lists and switch interval; and its memory."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

import httpx

from bench.http_load import (
    COLUMNS,
    Names,
    Own,
    Rates,
    Shot,
    Shots,
    bodies,
    in_rounds,
    middle,
    shares,
    shoot,
)
from bench.http_plan import Case, Plan
from bench.http_verdicts import OURS, Verdict, flat, inside_out
from bench.in_process import inside
from bench.report import Row, Table
from bench.servers import INTERVAL, MANY, ONE, SLICE, THREADS, Program, Server, allowed, serving
from bench.wrk import loading
from model.states import States
from model.threads import cores
from service.settings import Settings

MINUTE = 60.0
SCRAPES = 10
"""Samples of memory for each time that the metrics are asked for."""


class Setting(NamedTuple):
    """How our service is run; what is None is as it is."""

    workers: int
    threads: int | None = None
    slice: int | None = None
    interval: float | None = None  # seconds

    def program(self) -> Program:
        """What to start."""
        asked = {THREADS: self.threads, SLICE: self.slice, INTERVAL: self.interval}
        settings = {name: str(value) for name, value in asked.items() if value is not None}
        settings["NAMELANG_WORKERS"] = str(self.workers)
        return Program(("bentoml", "serve", "bench.http_bento:Namelang"), settings)


def workers(names: Names, plan: Plan) -> tuple[Table, list[Verdict]]:
    """A row for each number of workers and threads and each load, all cores shared by all."""
    settings = [Setting(many, threads) for many in plan.workers for threads in plan.threads]
    programs = {setting: setting.program() for setting in settings}
    with serving(programs) as servers, inside(names, allowed()) as rate:

        def ask(case: Case, seconds: float) -> Iterator[tuple[Setting, Shot]]:
            for setting in settings:
                if case.names > States.least_part or setting.threads == plan.threads[0]:
                    yield setting, shoot(servers[setting], names, case, seconds=seconds)

        shots, rates = in_rounds(plan, plan.loads, ask, rate)
    usual = Settings().workers
    ours = {
        (OURS, case): taken
        for (setting, case), taken in shots.items()
        if setting.workers == usual
        and setting.threads == (cores() if case.names > States.least_part else plan.threads[0])
    }
    where = f"all cores, {usual} workers"
    return by_worker(shots, rates), list(inside_out(ours, rates, OURS, where))


def by_worker(shots: Shots[Setting], rates: Rates) -> Table:
    """A row for each load and setting, and for the classifier alone."""
    rows: list[Row] = []
    for case in dict.fromkeys(case for _, case in shots):
        for setting in [setting for setting, other in shots if other == case]:
            taken = shots[setting, case]
            row: dict[str, str | float] = {"workers": setting.workers, **case._asdict()}
            row |= middle(taken)
            if case.names > States.least_part and setting.threads:
                row["threads"] = setting.threads
            if own := rates.get(case):
                row["/ in process"] = median(shares(taken, own))
            rows.append(row)
        if own := rates.get(case):
            rows.append({"names": case.names, **Own.middle(own)})
    return Table(
        f"HTTP by workers, {len(allowed())} cores shared by them and wrk",
        {"workers": "d", "threads": "d", **COLUMNS, "/ in process": ".2f"},
        rows,
        f"threads: that read a list; one below {States.least_part + 1:,} names.\n"
        "Rows without workers: Classifier.classify in one process on all cores.",
    )


def mixed(names: Names, plan: Plan) -> Table:
    """Single names from one connection while another posts long lists without pause."""
    settings = [Setting(1, None, part, wait) for part in plan.slices for wait in plan.intervals]
    settings += [Setting(Settings().workers)]
    shots: dict[Setting, list[Shot]] = {}
    lists: dict[Setting, list[float]] = {}
    sent = bodies(names, plan.longest)
    with serving({setting: setting.program() for setting in settings}) as servers:
        for turn in range(plan.rounds + 1):
            for setting, server in servers.items():
                with loading(server.url + MANY, sent, 1) as many:
                    shot = shoot(
                        server, names, Case(1, 1), seconds=plan.time(Case(plan.longest, 1), turn)
                    )
                    rate = many.stop().rate * plan.longest
                if turn:
                    shots.setdefault(setting, []).append(shot)
                    lists.setdefault(setting, []).append(rate)
    rows = [mixed_row(setting, shots[setting], lists[setting]) for setting in settings]
    return Table(
        f"Single names beside lists of {plan.longest:,}, one connection each",
        {"workers": "d", "slice": ",d", "switch ms": ".1f"}
        | {column: COLUMNS[column] for column in ("requests/s", "p50 ms", "p99 ms", "p99.9 ms")}
        | {"names/s of lists": ",.0f", "refused": "d"},
        rows,
        "slice: names of a list that are read in one go; switch: sys.setswitchinterval.\n"
        "Where they are not given they are as the service has them.",
    )


def mixed_row(setting: Setting, shots: Sequence[Shot], lists: Sequence[float]) -> Row:
    """What came of single names, and of the lists beside them."""
    row: dict[str, str | float] = {"workers": setting.workers, **middle(shots)}
    if setting.slice and setting.interval:
        row |= {"slice": setting.slice, "switch ms": setting.interval * 1e3}
    return row | {"names/s of lists": median(lists)}


def memory(names: Names, plan: Plan) -> tuple[Table, Verdict]:
    """What the workers take while they answer names and lists, their metrics being asked for."""
    setting = Setting(Settings().workers)
    with serving({setting: setting.program()}) as servers, ExitStack() as stack:
        server = servers[setting]
        for case in (Case(1, 16), Case(1000, 1)):
            shoot(server, names, case, seconds=min(2, plan.seconds))
            url = server.url + (ONE if case.names == 1 else MANY)
            sent = bodies(names, case.names)
            stack.enter_context(loading(url, sent, case.connections))
        samples = watched(server, plan.minutes * MINUTE)
    later = [size for at, size in samples if at >= min(MINUTE, samples[-1][0] / 5)]
    swing = max(later) - min(later)
    sizes = {"at the start": samples[0][1], "after the first minute": later[0]}
    sizes |= {"at the end": later[-1], "largest swing after the first minute": swing}
    return Table(
        f"Memory of {setting.workers} workers under {plan.minutes:g} minutes of load",
        {"when": "", "MB": ",.1f", "/ first minute": ".1%"},
        [
            {"when": when, "MB": size / 1e6, "/ first minute": size / later[0]}
            for when, size in sizes.items()
        ],
        f"{len(samples)} samples of what is resident; 16 connections post single names and one\n"
        "lists of 1,000, after a warm-up by both",
    ), flat(swing / later[0])


def watched(server: Server, seconds: float) -> list[tuple[float, int]]:
    """Seconds since the start, and bytes that the workers have then."""
    pause, start = min(1.0, seconds / 20), time.monotonic()
    samples: list[tuple[float, int]] = []
    while not samples or samples[-1][0] < seconds:
        samples.append((time.monotonic() - start, server.resident()))
        if len(samples) % SCRAPES == 0:
            httpx.get(f"{server.url}/metrics", timeout=MINUTE).raise_for_status()
        time.sleep(pause)
    return samples
