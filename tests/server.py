"""A real `bentoml serve` process for tests that ask it over HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

CHECKOUT = Path(__file__).parent.parent
START_LIMIT = 60.0  # seconds; a start takes about two


@dataclass(frozen=True)
class Server:
    http: httpx.Client
    log: Path


def bentoml(
    *arguments: str, home: Path, cwd: Path = CHECKOUT, python: str = sys.executable
) -> list[str]:
    """The command line, wrapped so that it runs in `cwd` with no environment but this one."""
    environment = {
        "PATH": os.environ["PATH"],
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    settings = [f"{name}={value}" for name, value in environment.items()]
    return ["env", "-i", "-C", str(cwd), *settings, python, "-m", "bentoml", *arguments]


@contextmanager
def serve(
    target: str, *, home: Path, log: Path, cwd: Path = CHECKOUT, python: str = sys.executable
) -> Iterator[Server]:
    """Serve a Bento or an import string until the block ends; ready when the block begins."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("serve", target, "--host", "127.0.0.1", "--port", str(port))
    command = bentoml(*arguments, home=home, cwd=cwd, python=python)
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT) as client,
    ):
        try:
            _wait_until_ready(client, process, log)
            yield Server(client, log)
        finally:
            process.terminate()


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(log.read_text())
