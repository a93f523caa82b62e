"""A real Ray cluster: nodes that are processes of this machine, each of which can be killed."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from server import CHECKOUT
from waiting import wait_for

from bench.servers import free_port

MEMORY = 100 * 2**20
"""Bytes of a node's object store; Ray asks for 75 MB at least."""

WORKING = "ray::MapWorker(MapBatches(Actor)).submit"
"""What Ray calls a process that reads names at the moment."""
S3_KEYS = {"access_key": "anybody", "secret_key": "anything"}


@dataclass
class Node:
    """One machine of the cluster, as far as Ray can tell."""

    process: subprocess.Popen[bytes]

    def family(self) -> list[psutil.Process]:
        """The process that was started, and all that it started."""
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop_working(self) -> bool:
        """Stop an actor that is reading names, so that it surely has not ended; whether one is."""
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                if _reads(process):
                    process.suspend()
                    if _reads(process):
                        return True
                    process.resume()  # it had just ended
        return False

    def kill(self) -> None:
        """As if somebody pulled the plug: all at once, without a word to the others."""
        family = self.family()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=20)
        self.process.wait(20)


@dataclass
class Cluster:
    """A head, which reads no names, and further nodes."""

    folder: Path
    address: str
    environment: dict[str, str]
    nodes: list[Node] = field(default_factory=list)

    def join(self, cores: int) -> Node:
        """Another node, that reads names."""
        return self.start(f"--address={self.address}", f"--num-cpus={cores}")

    def start(self, *options: str) -> Node:
        """Another node, once it is part of the cluster.

        Two that start at the same time on one machine take each other for themselves.
        """
        log = self.folder / f"node-{len(list(self.folder.glob('*.log')))}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "ray.scripts.scripts", "start", "--block",
                    "--disable-usage-stats", f"--object-store-memory={MEMORY}", *options,
                ],
                env=self.environment, cwd=CHECKOUT, stdout=output, stderr=output,
            )  # fmt: skip
        self.nodes.append(Node(process))

        def started() -> bool | None:
            assert process.poll() is None, log.read_text()
            return "Ray runtime started" in log.read_text() or None

        wait_for(started, "a node", log.read_text)
        return self.nodes[-1]

    def logs(self) -> str:
        """What the nodes said."""
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))

    def driver(self, script: str, *args: str) -> subprocess.Popen[str]:
        """A Python process that uses the cluster."""
        return subprocess.Popen(
            [sys.executable, "-c", script, *args],
            env=self.environment,
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def ray_cluster(cores: tuple[int, ...]) -> Iterator[Cluster]:
    """A head and a node for each number of cores; they and all that they started end with it."""
    # Ray puts sockets there, whose paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="nl-ray-"))
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(CHECKOUT),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "AWS_ACCESS_KEY_ID": S3_KEYS["access_key"],
        "AWS_SECRET_ACCESS_KEY": S3_KEYS["secret_key"],
        # So many processes read the ends of files, however few there are.
        "RAY_DATA_PARQUET_FOOTER_NUM_ACTORS": "1",
        # A node is given up after seconds, not half a minute.
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_failure_threshold": "4",
    }
    cluster = Cluster(folder, f"127.0.0.1:{port}", environment)
    try:
        cluster.start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false")
        for n in cores:
            cluster.join(n)
        yield cluster
    finally:
        for node in reversed(cluster.nodes):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _reads(process: psutil.Process) -> bool:
    return "".join(process.cmdline()).startswith(WORKING)


@contextmanager
def s3(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A server that speaks as S3 does; the options of a file system of Arrow's for it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    options = {"endpoint_override": f"127.0.0.1:{port}", "scheme": "http", "region": "us-east-1"}
    try:
        wait_for(lambda: _listens(port), "S3", lambda: "")
        yield options
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool | None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return None
