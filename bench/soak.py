"""`python -m bench.soak --minutes 10`: the service under load, with all that happens to it at once.

A model is trained and promoted every minute, through the command line, as an operator would; a
process of the service is killed at random. What must hold: no wrong answer, no failed request but
those on a killed process's connections, memory that stays, a second from promotion to service.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import psutil

from bench.report import Table, machine
from bench.soak_callers import Callers, Judge, Log
from model.pointer import pointer_path, read_pointer
from pipeline.sources.builtin import BuiltinSource

LANGUAGES = ("el", "it", "ja", "pl")
MAX_NAMES = 250
RECIPE = """
[training]
hidden = 48
epochs = 6
batch = 64
learning_rate = 0.02
seed = {seed}

[gate]
accuracy_tolerance = 1.0
macro_f1_tolerance = 1.0
log_loss_tolerance = 10.0
ece_tolerance = 1.0
recall_tolerance = 1.0
max_slowdown = 100.0
"""
MINUTE = 60.0
LOOK = 5.0  # seconds between two looks at memory
ASKED = 12
"""Connections that must all be answered by a model before it counts as served by every process."""
WORKER = "_bentoml_impl.worker.service"


@dataclass
class Seen:
    """What the soak saw from outside."""

    memory: list[float] = field(default_factory=list)  # MB of all processes, a value a look
    delays: list[float] = field(default_factory=list)  # seconds from promotion to all processes
    back: list[float] = field(default_factory=list)  # seconds until a killed process was replaced


def namelang(home: Path, *arguments: str) -> str:
    """What the command line prints.

    Raises:
        ValueError: it failed.
    """
    line = [sys.executable, "-m", "pipeline.cli", *arguments]
    done = subprocess.run(
        line, env={**os.environ, "BENTOML_HOME": str(home)}, capture_output=True, text=True
    )
    if done.returncode:
        raise ValueError(f"namelang {' '.join(arguments)}: {done.stderr.strip()[-400:]}")
    return done.stdout


def train(home: Path, seed: int) -> None:
    """Train and promote a small model, a different one for each seed."""
    data, recipe = home / "names.csv", home / "recipe.toml"
    if not data.exists():
        with data.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["name", "language"])
            for record in BuiltinSource(languages=LANGUAGES, max_names=MAX_NAMES).records():
                rows.writerow((record.name, record.language))
    recipe.write_text(RECIPE.format(seed=seed))
    namelang(home, "train", "--source", str(data), "--config", str(recipe))


@contextmanager
def service(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A running service on a free port: its address and its process."""
    port = "3917"
    line = [sys.executable, "-m", "bentoml", "serve", "service.app:Namelang", "--port", port]
    environment = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(line, env=environment, stdout=log, stderr=log) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            wait(lambda: ready(url) != "", 60)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()


def ready(url: str) -> str:
    """The model of whichever process answers, on a connection of its own; empty if none does.

    With httpx a connection of its own costs 30 ms, and twelve of them would be most of a second.
    """
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=5)) as connection:
        try:
            connection.request("GET", "/readyz")
            return str(json.load(connection.getresponse())["model"])
        except (OSError, HTTPException):
            return ""


def wait(holds: Callable[[], bool], seconds: float) -> float:
    """How many seconds it took until this held.

    Raises:
        ValueError: longer than so many seconds.
    """
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            raise ValueError(f"waited {seconds} s in vain")
        time.sleep(0.02)
    return time.monotonic() - started


def workers(server: psutil.Process) -> list[psutil.Process]:
    """The processes that answer."""
    return [p for p in server.children(recursive=True) if WORKER in " ".join(p.cmdline())]


def soak(home: Path, minutes: float, seed: int, pause: float) -> tuple[Log, Seen]:
    """Run for so many minutes."""
    chance, seen = random.Random(seed), Seen()
    train(home, 0)
    with service(home) as (url, server), Callers(url, Judge(home), pause) as log:
        usual, started = len(workers(server)), time.monotonic()
        for number in range(1, int(minutes) + 1):
            _look_until(started + (number - 1) * MINUTE + chance.uniform(2, 20), server, seen)
            _kill(chance.choice(workers(server)), server, usual, log, seen)
            seen.delays.append(_promoted(home, number, url))
            namelang(home, "models", "prune", "--keep", "4")
            _look_until(started + number * MINUTE, server, seen)
    return log, seen


def _look_until(moment: float, server: psutil.Process, seen: Seen) -> None:
    """Note the memory of the service, again and again, until this moment."""
    while time.monotonic() < moment:
        seen.memory.append(sum(p.memory_info().rss for p in workers(server)) / 2**20)
        time.sleep(min(LOOK, max(0.0, moment - time.monotonic())))


def _kill(worker: psutil.Process, server: psutil.Process, usual: int, log: Log, seen: Seen) -> None:
    """Kill one process, and wait until there are as many again."""
    log.kills.append(time.monotonic())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    seen.back.append(wait(lambda: len(workers(server)) == usual, 60))


def _promoted(home: Path, seed: int, url: str) -> float:
    """Seconds from the promotion of a new model until every process serves it."""
    before = pointer_path(home).stat().st_mtime
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(train, home, seed)
        wait(lambda: pointer_path(home).stat().st_mtime != before or training.done(), 300)
        pointer = read_pointer(home)
        if pointer is None or pointer_path(home).stat().st_mtime == before:
            training.result()
            raise ValueError("a training ended, and nothing was promoted")
        wait(lambda: all(ready(url) == pointer.tag for _ in range(ASKED)), 60)
        served = time.time()
        training.result()
    return served - pointer_path(home).stat().st_mtime


def report(log: Log, seen: Seen, minutes: float) -> Table:
    """What was asked for, and what was seen."""
    quarter = max(1, len(seen.memory) // 4)
    early, late = median(seen.memory[quarter : 2 * quarter]), median(seen.memory[-quarter:])
    p99 = quantiles(log.seconds, n=100)[98] if len(log.seconds) > 1 else 0.0
    rows = {
        "requests": ("", f"{sum(log.requests.values()):,}"),
        "models that answered": ("", str(len(log.models))),
        "processes killed": ("", str(len(log.kills))),
        "wrong answers": ("0", str(len(log.wrong))),
        "failed requests": ("0", str(len(log.failed))),
        "broken connections of killed processes": ("", str(log.broken)),
        "promoted to served, slowest (s)": ("1", f"{max(seen.delays):.2f}"),
        "killed to replaced, slowest (s)": ("", f"{max(seen.back):.2f}"),
        "one name, median (ms)": ("", f"{1e3 * median(log.seconds):.1f}"),
        "one name, p99 (ms)": ("", f"{1e3 * p99:.1f}"),
        "memory, second quarter (MB)": ("", f"{early:.0f}"),
        "memory, last quarter (MB)": (f"{1.05 * early:.0f}", f"{late:.0f}"),
    }
    return Table(
        f"{minutes:g} minutes of load, a training and a kill in each",
        {"what": "", "at most": "", "seen": ""},
        [{"what": what, "at most": most, "seen": value} for what, (most, value) in rows.items()],
        note="\n".join([*log.wrong[:5], *log.failed[:5]]),
    )


def main() -> None:
    """Run, print the table, and end with 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds a caller rests")
    arguments = parser.parse_args()
    print("machine:", ", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    with tempfile.TemporaryDirectory() as home:
        log, seen = soak(Path(home), arguments.minutes, arguments.seed, arguments.pause)
    print(f"\n{report(log, seen, arguments.minutes).text()}")
    if log.wrong or log.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
