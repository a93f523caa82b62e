"""A real Ray cluster: nodes that are processes of this machine, each of which can be killed."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from prefect_server import wait_for
from server import CHECKOUT, free_port

MEMORY = 100 * 2**20
"""Bytes of a node's object store; Ray asks for 75 MB at least."""

WORKING = "ray::MapWorker(MapBatches(Actor)).submit"
"""What Ray calls a process that reads names at the moment."""


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

    def working(self) -> list[psutil.Process]:
        """The actors that are reading names at this moment."""
        found = []
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                if "".join(process.cmdline()).startswith(WORKING):
                    found.append(process)
        return found

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

    def start(self, *options: str) -> Node:
        """Another node."""
        with (self.folder / "nodes.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "ray.scripts.scripts", "start", "--block",
                    "--disable-usage-stats", f"--object-store-memory={MEMORY}", *options,
                ],
                env=self.environment, cwd=CHECKOUT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.nodes.append(Node(process))
        return self.nodes[-1]

    def complete(self) -> bool | None:
        """Whether all nodes have joined."""
        assert all(node.process.poll() is None for node in self.nodes), self.logs()
        return self.logs().count("Ray runtime started") >= len(self.nodes) or None

    def logs(self) -> str:
        """What the nodes said."""
        return (self.folder / "nodes.log").read_text()

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
            # Two that start at the same time on one machine take each other for themselves.
            wait_for(cluster.complete, "a node", cluster.logs)
            cluster.start(f"--address={cluster.address}", f"--num-cpus={n}")
        wait_for(cluster.complete, "the last node", cluster.logs)
        yield cluster
    finally:
        for node in reversed(cluster.nodes):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
