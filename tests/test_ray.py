"""The engine for many machines: on a cluster of several nodes, one of which dies in mid-job."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from model.artifact import digest
from pipeline.bulk.cluster import MARKER, score_on_ray
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.readers import Model

OPTIONS = ScoreOptions(column="surname")
FILES, ROWS = 12, 30_000
MEMORY = 100 * 2**20
RAY = Path(sys.executable).with_name("ray")
COMMAND = [sys.executable, "-m", "pipeline.cli", "score"]
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""What lets a process into the cluster."""
SMALL_TASKS = {"RAY_DATA_PARQUET_BIN_PACKING_BYTES": str(2**20)}
"""Else a task reads 128 MiB, which is more than there is."""
ENVIRONMENT = {**os.environ, **TOKEN, **SMALL_TASKS, "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def model(artifact: Path) -> Model:
    return Model(str(artifact), artifact, digest(artifact))


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """A folder of files; some rows have no name, and many names come again in other files.

    Each is large enough to be a task of its own.
    """
    folder, draw = tmp_path / "in", np.random.default_rng(0)
    folder.mkdir()
    odd = [None, "", "x" * 101, "Kowalski", "田中"]
    for file in range(FILES):
        rows = range(file * ROWS, (file + 1) * ROWS)
        surnames = [odd[i % 50] if i % 50 < len(odd) else f"now{i % 7919:x}ak" for i in rows]
        noise = {f"noise{i}": draw.random(ROWS) for i in range(6)}
        table = pa.table({"id": rows, "surname": surnames, **noise})
        pq.write_table(table, folder / f"{file:03}.parquet")
    return folder


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, psutil.Process]]:
    """Its address, and one of its nodes: a head without processors, and three with one each."""
    folder, port = tmp_path_factory.mktemp("ray"), free_port()
    address = f"127.0.0.1:{port}"
    common = ["--node-ip-address", "127.0.0.1", "--object-store-memory", str(MEMORY), "--block"]
    head = ["--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard", "false"]
    begun: list[subprocess.Popen[bytes]] = []
    try:
        for node in [head, *[["--address", address, "--num-cpus", "1"]] * 3]:
            with (folder / "log").open("ab") as log:
                line = [str(RAY), "start", *node, *common]
                begun.append(subprocess.Popen(line, stdout=log, stderr=log, env=ENVIRONMENT))
            if node is head:  # the others want to find it
                wait_for(lambda: raylet_of(begun[0]), (folder / "log").read_text)
        wait_for(lambda: all(map(raylet_of, begun)), (folder / "log").read_text)
        yield address, psutil.Process(raylet_of(begun[-1]))
    finally:
        left = [p for one in begun for p in psutil.Process(one.pid).children(recursive=True)]
        for process in [*begun, *left]:
            process.kill()
        for one in begun:
            one.wait()
        assert psutil.wait_procs(left, timeout=20)[1] == []


def test_a_node_that_dies_loses_no_row_and_doubles_none(
    model: Model, names: Path, cluster: tuple[str, psutil.Process], tmp_path: Path
) -> None:
    (address, raylet), out, log = cluster, tmp_path / "out", tmp_path / "log"
    line = [*COMMAND, str(names), str(out), "--column", "surname", "--model", model.tag]
    line += ["--engine", "ray", "--address", address, "--processes", "3"]
    with log.open("wb") as file:
        job = subprocess.Popen(line, stdout=file, stderr=file, env=ENVIRONMENT)
    wait_for(lambda: scoring(raylet) and files(out), log.read_text)
    raylet.kill()
    before = files(out)
    assert job.wait(timeout=240) == 0, log.read_text()
    assert 0 < before < files(out), "it was killed in mid-job"
    assert (out / MARKER).exists()
    local = model.scorer(OPTIONS, "cpu").score(pq.read_table(names).sort_by("id"))
    assert_alike(pq.read_table(out).sort_by("id"), local)


def assert_alike(scored: pa.Table, local: pa.Table) -> None:
    """Every row is there once and says the same, but for the last decimal of a probability."""
    assert scored.column_names == local.column_names
    assert scored.num_rows == local.num_rows
    for title in local.column_names:
        one, other = scored[title], local[title]
        if title.startswith("probability"):
            assert pc.is_null(one).equals(pc.is_null(other))
            assert pc.max(pc.abs(pc.subtract(one, other))).as_py() < 2e-6
        else:
            assert one.to_pylist() == other.to_pylist(), title


def test_what_ray_does_by_itself_cannot_be_asked_for(names: Path, model: Model) -> None:
    line = [*COMMAND, str(names), f"{names}/out", "--column", "surname", "--engine", "ray"]
    done = subprocess.run([*line, "--model", model.tag, "--resume"], capture_output=True)
    assert done.returncode == 1
    assert b"the engine ray has no --resume: it reads and writes Parquet" in done.stderr


def test_what_is_there_is_not_replaced(model: Model, names: Path) -> None:
    with pytest.raises(ValueError, match="is there already; expected a new name, or --overwrite"):
        score_on_ray(str(names), names.as_uri(), model, OPTIONS)
    (names / "names.csv").write_text("surname\nNowak\n")
    with pytest.raises(ValueError, match=r"names.csv is no Parquet, which the engine ray needs"):
        score_on_ray(str(names / "names.csv"), f"{names}/out", model, OPTIONS)


def test_without_ray_it_is_told_how_to_get_it(model: Model, names: Path, tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError(name='ray')")
    line = [*COMMAND, str(names), str(tmp_path / "out"), "--column", "surname", "--engine", "ray"]
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*line, "--model", model.tag], capture_output=True, env={**ENVIRONMENT, "PYTHONPATH": paths}
    )
    assert done.returncode == 1
    assert b"needs Ray (ray is missing): install namelang with the extra ray" in done.stderr


def raylet_of(begun: subprocess.Popen[bytes]) -> int:
    """The process that is a node, 0 while there is none."""
    try:
        found = psutil.Process(begun.pid).children(recursive=True)
        return next((process.pid for process in found if process.name() == "raylet"), 0)
    except psutil.Error:  # one has just ended
        return 0


def scoring(raylet: psutil.Process) -> bool:
    """Whether one of a node's processes is an actor."""
    try:
        return any("MapWorker" in "".join(child.cmdline()) for child in raylet.children())
    except psutil.Error:  # one has just ended
        return False


def files(out: Path) -> int:
    return len(list(out.glob("*.parquet")))


def wait_for(holds: Callable[[], object], log: Callable[[], str]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, log()[-2000:]
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
