"""Servers to be measured: real processes, what they use, and the cores that they may use."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

import httpx
import psutil

from model.pointer import bentoml_home

Who = TypeVar("Who", bound=Hashable)

CHECKOUT = Path(__file__).parent.parent
ONE, MANY = "/v1/classify", "/v1/classify_batch"
"""Where every server answers a name, and a list of them."""

SLICE, INTERVAL, THREADS = "BENCH_SLICE", "BENCH_SWITCH_INTERVAL", "BENCH_THREADS"
"""Variables for `bench.http_bento`: names that are read in one go, seconds, threads."""

FIRST = {"names": ["Kowalski", "Papadopoulos"]}
"""A list that every server reads before it is measured, for a first one takes longer."""

PORTS = range(20_000, 32_000)
"""Below those that a system gives to whoever connects to some place."""

START_LIMIT = 300.0
"""Seconds; a dozen start at a time."""


@dataclass(frozen=True)
class Program:
    """What to start: a Python module with arguments, which is given `--port` too."""

    arguments: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""


@dataclass(frozen=True)
class Server:
    """A running program, which may be a process that looks after others."""

    url: str
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds that its processes have computed, in the kernel too."""
        times = [process.cpu_times() for process in self._tree()]
        return float(sum(time.user + time.system for time in times))

    def resident(self) -> int:
        """Bytes that the processes have in memory that answer."""
        first, *workers = self._tree()
        return sum(process.memory_info().rss for process in workers or [first])

    def pin(self, cores: Collection[int]) -> None:
        """Keep what runs, and what it will start, to these cores."""
        for process in self._tree():
            for thread in process.threads():
                pin(thread.id, cores)

    def end(self) -> None:
        """Tell it to end, if it has not been told."""
        with suppress(psutil.NoSuchProcess):
            self.process.terminate()

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def allowed() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(thread: int, cores: Collection[int]) -> None:
    """Keep a thread to these cores, where the system lets us; 0 is the thread that asks."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(thread, cores)


@contextmanager
def pinned(cores: Collection[int]) -> Iterator[None]:
    """Processes that the block starts keep to these cores."""
    before = allowed()
    pin(0, cores)
    try:
        yield
    finally:
        pin(0, before)


@contextmanager
def serving(programs: Mapping[Who, Program]) -> Iterator[dict[Who, Server]]:
    """All of them, started together and ready; ended with the block."""
    with ExitStack() as stack:
        logs = {who: stack.enter_context(tempfile.TemporaryFile()) for who in programs}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {
            who: stack.enter_context(_started(program, logs[who], folder / str(i)))
            for i, (who, program) in enumerate(programs.items())
        }
        for server in servers.values():  # all are told to end before the first is waited for
            stack.callback(server.end)
        for who, server in servers.items():
            _wait_until_ready(who, server, logs[who])
        yield servers


@contextmanager
def _started(program: Program, log: IO[bytes], metrics: Path) -> Iterator[Server]:
    port, environment = free_port(), _environment(program, metrics)
    line: Sequence[str] = [sys.executable, "-m", *program.arguments, "--port", str(port)]
    # Linux shares the processor out by sessions first, and BentoML's workers are sessions of their
    # own: a server in one session with wrk would have its turns when wrk has.
    process = subprocess.Popen(
        line,
        cwd=CHECKOUT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    server = Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
    try:
        yield server
    finally:
        server.end()
        try:
            process.wait(START_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()


def _environment(program: Program, metrics: Path) -> dict[str, str]:
    """What every side has: the model, one BLAS thread, and metrics that go to files."""
    metrics.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "BENTOML_HOME": str(bentoml_home()),
        "BENTOML_DO_NOT_TRACK": "True",
        "OPENBLAS_NUM_THREADS": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        **program.settings,
    }


def free_port() -> int:
    """A port that nothing listens on, nor will before a server does that is started now."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


def _wait_until_ready(who: object, server: Server, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if server.process.status() == psutil.STATUS_ZOMBIE:
            break
        try:
            if httpx.get(f"{server.url}/readyz").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.05)
    try:
        # Ours prepares explanations first, in the thread that reads lists.
        httpx.post(server.url + MANY, json=FIRST, timeout=START_LIMIT).raise_for_status()
    except httpx.HTTPError as error:
        log.seek(0)
        told = log.read().decode(errors="replace")
        raise RuntimeError(f"{who} does not answer: {error}\n{told}") from error
