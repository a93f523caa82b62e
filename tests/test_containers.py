"""The API's image without an engine: what it installs, and its entry point as an engine runs it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import httpx
import psutil
import pytest
from images import command as in_a_room
from images import read
from server import CHECKOUT, wait_until_ready
from test_bento import pins, python_without_the_checkout, run
from waiting import wait_for

from bench.servers import free_port
from pipeline import store

API = CHECKOUT / "containers" / "api.Dockerfile"
MOST_MB = 400
WORKERS = 2


@dataclass(frozen=True)
class Api:
    """The API's container, as far as there can be one without an engine."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    log: Path
    newer: str
    """The model that is promoted in the store; the Bento brings an older one."""

    def started(self) -> int:
        """How many processes have begun to serve, since the start."""
        return self.log.read_text().count("Service Namelang initialized")

    def workers(self) -> list[psutil.Process]:
        return [
            child
            for child in psutil.Process(self.process.pid).children(recursive=True)
            if "--worker-id" in child.cmdline()
        ]


def _folders_of_python(venv: Path) -> set[Path]:
    """What an interpreter in `venv` needs: itself, the one it stems from, and their packages."""
    return {venv, Path(sys.prefix), Path(sys.base_prefix)}


@pytest.fixture(scope="module")
def api(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("container")
    home, bento, venv, log = (folder / name for name in ("home", "bento", "venv", "log"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        store.promote(store.publish(artifact, labels={}, metadata={}, status="accepted"))
        run("build", home=home)
        run("export", "namelang:latest", str(folder / "bento.tar.gz"), home=home)
        newer = store.publish(artifact, labels={}, metadata={}, status="accepted")
        store.promote(newer)
    bento.mkdir()
    subprocess.run(["tar", "-xf", folder / "bento.tar.gz", "-C", bento], check=True)
    bento.chmod(0o755)  # as the Dockerfile does
    python_without_the_checkout(venv)

    system = [path for name in ("usr", "bin", "lib", "lib64", "etc") if (path := Path("/", name))]
    given = {str(path): f"{path}:ro" for path in system if path.exists()}
    given |= {str(path): f"{path}:ro" for path in _folders_of_python(venv)}
    given |= {"/proc": "/proc", "/dev": "/dev", "/bento": f"{bento}:ro", "/store": f"{home}:ro"}
    port = free_port()
    image = read(API)
    line = in_a_room(
        image,
        [*image.command, "--port", str(port)],
        volumes=given,
        environment={
            "PATH": f"{venv}/bin:/usr/bin:/bin",
            "NAMELANG_STORE": "/store",
            "NAMELANG_WORKERS": str(WORKERS),
            "BENTOML_CONTAINERIZED": "True",  # as BentoML's own Dockerfile would have it
        },
    )
    with (
        log.open("wb") as output,
        subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        try:
            wait_until_ready(client, process, log)
            yield Api(process, client, log, newer)
        finally:
            process.terminate()


def _ask(api: Api) -> httpx.Response:
    return api.http.post("/v1/classify", json={"name": "Kowalski", "top_k": 1})


def test_the_packages_of_the_image_are_small_and_torch_is_not_among_them() -> None:
    names = pins(CHECKOUT / "service/requirements.txt")
    size = sum(
        path.stat().st_size
        for name in names
        for file in distribution(name).files or ()
        if (path := Path(str(file.locate()))).exists()
    )

    assert 50 < size / 1e6 < MOST_MB
    assert not {"torch", "prefect", "triton", "scipy"} & names.keys()


def test_the_entry_point_serves_the_promoted_model_of_a_store_that_it_cannot_write_to(
    api: Api,
) -> None:
    answer = _ask(api)

    assert answer.status_code == 200
    assert answer.json()["model"] == api.newer
    assert "namelang_requests_total" in api.http.get("/metrics").text


def test_its_processes_can_do_nothing_but_serve(api: Api) -> None:
    user = 10001 if os.geteuid() == 0 else os.geteuid()
    for process in [psutil.Process(api.process.pid), *api.workers()]:
        status = Path(f"/proc/{process.pid}/status").read_text()
        mounts = Path(f"/proc/{process.pid}/mounts").read_text().splitlines()
        points = {point: options for _, point, _, options, *_ in (m.split(" ") for m in mounts)}
        assert process.uids().real == process.uids().effective == user
        if os.geteuid() == 0:
            assert "CapEff:\t0000000000000000" in status
            assert "NoNewPrivs:\t1" in status
        assert all(points[at].startswith("ro") for at in ("/", "/bento", "/store", "/usr"))
        assert points["/tmp"].startswith("rw")


def test_a_killed_worker_comes_back_and_meanwhile_the_other_answers(api: Api) -> None:
    # The service is ready as soon as one of them is.
    wait_for(lambda: api.started() == WORKERS or None, "all workers", api.log.read_text)
    before = api.workers()
    assert len(before) == WORKERS
    seen: Counter[str] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:  # each on a connection of its own, so that none hangs on the one that is killed
                seen[str(httpx.get(f"{api.http.base_url}/readyz", timeout=30).status_code)] += 1
            except httpx.HTTPError as error:
                seen[type(error).__name__] += 1
            time.sleep(0.02)  # the processor is also wanted by the worker that is to come

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    time.sleep(0.5)
    before[0].send_signal(signal.SIGKILL)
    try:
        wait_for(lambda: api.started() > WORKERS or None, "another worker", api.log.read_text)
    finally:
        stop.set()
        for caller in callers:
            caller.join()

    after = api.workers()
    assert len(after) == WORKERS
    assert before[0].pid not in {worker.pid for worker in after}
    # At most what the killed worker had in its hands.
    assert sum(seen.values()) - seen["200"] <= len(callers), seen
    assert seen["200"] > 50
