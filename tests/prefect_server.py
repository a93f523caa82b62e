"""Real Prefect servers, on SQLite or PostgreSQL, and real processes that work for them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from server import CHECKOUT
from waiting import wait_for

from bench.servers import free_port

QUICK = {
    "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
}
"""What a server and its clients do every ten seconds or so is done every second."""


@dataclass(frozen=True)
class Prefect:
    """A running server, and the environment that a process needs to find it."""

    api: httpx.Client
    environment: Mapping[str, str]
    folder: Path

    def ask(self, path: str, **content: Any) -> Any:
        """The JSON answer to a POST, which the server puts off while its database is locked."""
        answer = self.api.post(path, json=content)
        while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            time.sleep(float(answer.headers.get("Retry-After", 1)))
            answer = self.api.post(path, json=content)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def runs(self) -> list[dict[str, Any]]:
        """Every run, in the order of their times."""
        return list(self.ask("/flow_runs/filter", sort="EXPECTED_START_TIME_ASC"))

    def ended(self, reason: str, *names: str) -> dict[str, Any]:
        """A run that was started for this reason, once it ended, in a state of these names."""

        def find() -> dict[str, Any] | None:
            over = [
                run
                for run in self.runs()
                if run["parameters"].get("reason", "").startswith(reason)
                and run["end_time"]
                and (run["state_name"] in names or not names)
            ]
            return over[-1] if over else None

        return wait_for(find, f"{reason!r} to end {names}", self.logs)

    def command(self, *args: str, ends_well: bool = True) -> str:
        """What a module of Python's says as a command, which must end well."""
        done = subprocess.run(
            [sys.executable, "-m", *args],
            env=dict(self.environment),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0 or not ends_well, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def process(self, *args: str, log: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that runs while the block does, in a group of its own."""
        with (self.folder / log).open("ab") as output:
            running = subprocess.Popen(
                [sys.executable, "-m", *args],
                env=dict(self.environment),
                cwd=CHECKOUT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield running
        finally:
            end(running)

    def logs(self) -> str:
        """What all processes said."""
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """End a process, by SIGKILL with all that it started."""
    if process.poll() is None:
        (os.killpg if number == signal.SIGKILL else os.kill)(process.pid, number)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@contextmanager
def prefect_server(folder: Path, database: str | None) -> Iterator[Prefect]:
    """A server with a home of its own; `database` is a connection URL, None for SQLite."""
    address = f"http://127.0.0.1:{(port := free_port())}/api"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        **QUICK,
    }
    if database:
        environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    with httpx.Client(base_url=address, timeout=30) as api:
        prefect = Prefect(api, environment, folder)
        arguments = ["prefect", "server", "start", "--no-ui", "--port", str(port)]
        with prefect.process(*arguments, log="server.log"):
            wait_for(lambda: _answers(api), "the server", prefect.logs)
            yield prefect


def _answers(api: httpx.Client) -> bool | None:
    try:
        return api.get("/health").is_success or None
    except httpx.TransportError:
        return None


@contextmanager
def postgresql() -> Iterator[str]:
    """The connection URL of a PostgreSQL that lives as long as the block, somewhere of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.fail("PostgreSQL is missing: apt-get install postgresql")
    # It refuses to run as root, and pytest's own folders are open to nobody else.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="namelang-postgresql-"))
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    try:
        subprocess.run(
            [found[-1] / "initdb", "--no-sync", "-A", "trust", "-U", "prefect", "-D", data],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                [found[-1] / "postgres", "-D", data, "-p", str(port), *options, "-F"],
                user=user, cwd=folder, stdout=log, stderr=log,
            ) as running,
        ):  # fmt: skip
            try:
                yield _once_ready(found[-1], port)
            finally:
                running.send_signal(signal.SIGINT)  # without waiting for clients to leave
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _once_ready(binaries: Path, port: int) -> str:
    ask: list[str | Path] = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    wait_for(lambda: subprocess.run(ask).returncode == 0 or None, "PostgreSQL", lambda: "")
    return f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
