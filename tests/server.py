"""A real `bentoml serve` process for tests that ask it over HTTP."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx

from bench.servers import free_port

CHECKOUT = Path(__file__).parent.parent
START_LIMIT = 60.0  # seconds; a start takes about two


@dataclass(frozen=True)
class Server:
    http: httpx.Client
    log: Path


def command(
    *arguments: str,
    home: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
    cwd: Path = CHECKOUT,
    python: str = sys.executable,
) -> list[str]:
    """BentoML's command line, wrapped to run in `cwd` with no environment but `settings`."""
    environment = {
        "PATH": os.environ["PATH"],
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        **settings,
    }
    pairs = [f"{name}={value}" for name, value in environment.items()]
    return ["env", "-i", "-C", str(cwd), *pairs, python, "-m", "bentoml", *arguments]


@contextmanager
def serve(
    target: str,
    *,
    home: Path,
    log: Path,
    port: int | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
    cwd: Path = CHECKOUT,
    python: str = sys.executable,
) -> Iterator[Server]:
    """Serve a Bento or an import string until the block ends; ready when the block begins."""
    port = port or free_port()
    line = command(
        "serve", target, "--port", str(port), home=home, settings=settings, cwd=cwd, python=python
    )
    with (
        log.open("wb") as output,
        subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT) as client,
    ):
        try:
            wait_until_ready(client, process, log)
            yield Server(client, log)
        finally:
            process.terminate()


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the service answers.

    Raises:
        TimeoutError: it does not; the message is its log.
    """
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(log.read_text())
