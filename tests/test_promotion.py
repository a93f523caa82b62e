"""Models come and go under a running service, and no request is dropped."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from server import Server, serve

from model.artifact import RECORD, WEIGHTS, load, save
from model.evidence import Evidence
from model.pointer import pointer_path
from pipeline import follow_up, store
from pipeline.follow_up import NotServed


def publish(artifact: Path) -> str:
    return store.publish(artifact, labels={}, metadata={}, status="accepted")


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    with serve("service.app:Namelang", home=home, log=home / "log") as running:
        yield running


def ready(server: Server) -> dict[str, object]:
    """What one of the processes says of itself: each call may reach another."""
    found: dict[str, object] = httpx.get(server.http.base_url.join("/readyz")).json()
    return found


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until this holds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)


def served_by_all(server: Server, tag: str) -> bool:
    return all(ready(server)["model"] == tag for _ in range(12))


@contextmanager
def callers(server: Server, number: int = 4) -> Iterator[Counter[str]]:
    """So many threads that ask without pause, and what came of it: statuses, models, errors."""
    seen: Counter[str] = Counter()
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.http.base_url, timeout=30) as client:
            while not stop.is_set():
                try:
                    reply = client.post("/v1/classify", json={"name": "Kowalski", "top_k": 1})
                except httpx.HTTPError as error:
                    seen[type(error).__name__] += 1
                    continue
                seen[str(reply.status_code)] += 1
                answer = reply.json()
                seen[answer["model"]] += 1
                seen[answer["languages"][0]["code"]] += 1

    threads = [threading.Thread(target=ask) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_five_promotions_under_load_drop_nothing(server: Server, artifact: Path) -> None:
    [first] = [model.tag for model in store.models()]
    tags = [publish(artifact) for _ in range(5)]

    with callers(server) as seen:
        for tag in tags:
            store.promote(tag)
            until(partial(served_by_all, server, tag))

    statuses = {key: count for key, count in seen.items() if key.isdecimal() or "Error" in key}
    assert statuses.keys() == {"200"}
    assert statuses["200"] > 100
    assert seen["pl"] == statuses["200"], "no answer is wrong"
    assert {key for key in seen if key.startswith("namelang:")} <= {first, *tags}


def test_a_roll_back_is_followed_too(server: Server, artifact: Path) -> None:
    [first] = [model.tag for model in store.models()]
    second = publish(artifact)
    store.promote(second)
    until(lambda: served_by_all(server, second))

    store.rollback()

    until(lambda: served_by_all(server, first))


def damage_weights(directory: Path) -> None:
    (directory / WEIGHTS).write_bytes(b"damaged")


def write_as_a_newer_version(directory: Path) -> None:
    record = json.loads((directory / RECORD).read_text())
    (directory / RECORD).write_text(json.dumps({**record, "schema_version": 99}))


@pytest.mark.parametrize("spoil", [damage_weights, write_as_a_newer_version])
def test_a_model_that_cannot_be_served_is_refused_and_told_and_the_old_one_stays(
    server: Server, artifact: Path, home: Path, spoil: Callable[[Path], None]
) -> None:
    [first] = [model.tag for model in store.models()]
    second = publish(artifact)
    pointer = store.promote(second)
    until(lambda: served_by_all(server, second))
    store.rollback()
    until(lambda: served_by_all(server, first))
    spoil(store.path(second))

    record = {**json.loads(pointer_path(home).read_text()), "tag": second, "sha256": pointer.sha256}
    pointer_path(home).write_text(json.dumps(record))

    until(lambda: all(ready(server)["refused"] for _ in range(12)))
    state = ready(server)
    assert state["model"] == first
    assert state["refused"]["model"] == second  # type: ignore[index]
    assert "namelang_model_refused 1.0" in server.http.get("/metrics").text
    assert server.http.post("/v1/classify", json={"name": "Kim"}).json()["model"] == first
    assert f"{second} is refused" in server.log.read_text()
    store.promote(publish(artifact))
    until(lambda: all(not ready(server)["refused"] for _ in range(12)))


def test_a_damaged_pointer_changes_nothing_that_is_served(server: Server, home: Path) -> None:
    [first] = [model.tag for model in store.models()]
    pointer_path(home).write_text("{")

    until(lambda: all(ready(server)["refused"] for _ in range(12)))
    assert ready(server)["model"] == first
    store.promote(first)
    until(lambda: all(not ready(server)["refused"] for _ in range(12)))


def test_a_damaged_model_at_the_start_leaves_the_one_before_it(home: Path, artifact: Path) -> None:
    [first] = [model.tag for model in store.models()]
    second = publish(artifact)
    store.promote(second)
    damage_weights(store.path(second))

    with serve("service.app:Namelang", home=home, log=home / "log") as server:
        state = ready(server)

    assert state["model"] == first
    assert state["refused"]["model"] == second  # type: ignore[index]


def shadowed(server: Server, challenger: str) -> dict[str, float]:
    """How many names the challenger answered as the served model did, otherwise, or missed."""
    counted = re.compile(
        rf'namelang_shadow_names_total{{answer="(\w+)",challenger="{challenger}"}} (\S+)'
    )
    found = counted.findall(server.http.get("/metrics").text)
    return {answer: float(number) for answer, number in found}


def test_a_challenger_in_the_shadow_answers_nobody_and_every_name_is_accounted_for(
    server: Server, artifact: Path
) -> None:
    [first] = [model.tag for model in store.models()]
    challenger = publish(artifact)
    store.shadow(challenger)
    until(lambda: all(ready(server)["shadow"] == challenger for _ in range(12)))

    replies = [server.http.post("/v1/classify", json={"name": "Nowak"}) for _ in range(30)]

    assert {reply.json()["model"] for reply in replies} == {first}
    # A process that is still busy with what its start left to do has the challenger miss some.
    until(lambda: sum(shadowed(server, challenger).values()) == 30)
    counts = shadowed(server, challenger)
    assert counts["other"] == 0, "both are of the same weights"
    assert counts["same"] >= 8, "so many wait, even then"
    store.shadow(None)
    until(lambda: all(ready(server)["shadow"] is None for _ in range(12)))


def slow(artifact: Path, directory: Path) -> Path:
    """A model that answers as this one does and takes far longer: most of its states are 0."""
    model = load(artifact)
    more = 1024 - len(model.W)
    wide = replace(
        model,
        W=np.pad(model.W, (0, more)),
        U=np.pad(model.U, ((0, more), (0, 0))),
        V=np.pad(model.V, ((0, 0), (0, more))),
    )
    save(wide, directory)
    Evidence.load(artifact).save(directory)
    return directory


def test_what_a_slow_challenger_misses_is_counted(
    home: Path, artifact: Path, tmp_path: Path
) -> None:
    challenger = publish(slow(artifact, tmp_path / "slow"))
    store.shadow(challenger)
    names = ["".join(letters) for letters in product("aeknors", repeat=4)]
    lists = 48
    settings = {"NAMELANG_WORKERS": "1", "NAMELANG_MAX_QUEUE": str(lists * len(names))}

    with (
        serve("service.app:Namelang", home=home, log=home / "log", settings=settings) as server,
        ThreadPoolExecutor(16) as callers,
    ):

        def ask(_: int) -> int:
            return server.http.post("/v1/classify_batch", json={"names": names}).status_code

        until(lambda: ready(server)["shadow"] == challenger)
        assert set(callers.map(ask, range(lists))) == {200}

        until(lambda: sum(shadowed(server, challenger).values()) == lists * len(names))
        counts = shadowed(server, challenger)
        assert counts["missed"] > 0
        assert counts["other"] == 0


def test_a_challenger_that_was_there_before_the_start_reads_along(
    home: Path, artifact: Path
) -> None:
    challenger = publish(artifact)
    store.shadow(challenger)

    with serve("service.app:Namelang", home=home, log=home / "log") as server:
        until(lambda: all(ready(server)["shadow"] == challenger for _ in range(12)))


def test_a_promotion_that_the_service_follows_stays(server: Server, artifact: Path) -> None:
    second = publish(artifact)

    pointer = follow_up.promote(second, url=str(server.http.base_url))

    assert pointer.tag == second
    assert served_by_all(server, second)


def test_a_promotion_that_no_service_follows_is_taken_back(home: Path, artifact: Path) -> None:
    [first] = [model.tag for model in store.models()]

    with pytest.raises(NotServed, match=f"{first} is promoted again"):
        follow_up.promote(publish(artifact), url="http://127.0.0.1:9", seconds=0.2)

    pointer = store.promoted()
    assert pointer
    assert pointer.tag == first
