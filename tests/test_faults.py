"""Whatever is killed, full, read-only or damaged: whole models stay, and the next run works."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from model.artifact import RECORD, WEIGHTS
from model.classifier import Classifier
from model.pointer import model_directory, pointer_path, read_pointer
from pipeline import store

EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.copyfile"}
"""What Python tells of, just before it does it, of all that touches a disk."""


def publish_and_promote(artifact: Path) -> None:
    store.promote(store.publish(artifact, labels={}, metadata={}, status="accepted"))


def in_a_child(work: Callable[[], None]) -> int:
    """The process id of a child that does `work`, silently, and ends."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def killed(child: int) -> bool:
    """Whether the child was killed, once it has ended."""
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def check_that_all_is_whole(home: Path) -> None:
    """What a service and a person find."""
    pointer = read_pointer(home)
    assert pointer
    for named in (pointer, pointer.previous):
        if named:
            Classifier.load(model_directory(home, named.tag), sha256=named.sha256)
    for model in store.models():
        Classifier.load(store.path(model.tag), sha256=str(model.metadata["sha256"]))


def test_a_kill_at_any_step_leaves_whole_models_and_the_next_run_recovers(
    artifact: Path, home: Path
) -> None:
    def die_at(step: int) -> Callable[[], None]:
        def work() -> None:
            left = step

            def on_event(event: str, _: object) -> None:
                nonlocal left
                left -= event in EVENTS
                if left == 0 and event in EVENTS:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(on_event)
            publish_and_promote(artifact)

        return work

    step = 0
    while killed(in_a_child(die_at(step := step + 1))):
        check_that_all_is_whole(home)
        if step % 10 == 0:
            store.prune(keep=1)

    assert step > 20, "every step was tried"
    publish_and_promote(artifact)
    check_that_all_is_whole(home)
    assert not list(home.glob("staging-*")), "what dead processes left is swept away"


def test_two_hundred_kills_at_random_moments(artifact: Path, home: Path) -> None:
    started = time.monotonic()
    for _ in range(5):
        killed(in_a_child(lambda: publish_and_promote(artifact)))
    usual = (time.monotonic() - started) / 5
    moments, kills = random.Random(5), 0

    while kills < 200:
        child = in_a_child(lambda: publish_and_promote(artifact))
        time.sleep(moments.uniform(0, usual))
        os.kill(child, signal.SIGKILL)
        kills += killed(child)  # or it had ended
        check_that_all_is_whole(home)
        store.prune(keep=1)

    publish_and_promote(artifact)
    assert not list(home.glob("staging-*"))


def test_two_at_once_both_publish_and_the_pointer_is_whole(artifact: Path, home: Path) -> None:
    children = [in_a_child(lambda: publish_and_promote(artifact)) for _ in range(4)]

    assert [killed(child) for child in children] == 4 * [False]
    assert len(store.models()) == 5
    check_that_all_is_whole(home)
    pointer = store.promoted()
    assert pointer
    assert pointer.previous
    assert pointer.tag != pointer.previous.tag


def test_a_full_disk_changes_nothing_and_says_so(artifact: Path, home: Path) -> None:
    import resource

    before = store.promoted()

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk, writing fails
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            publish_and_promote(artifact)
        except OSError:
            os.kill(os.getpid(), signal.SIGKILL)

    assert killed(in_a_child(work)), "it failed"
    assert store.promoted() == before
    assert len(store.models()) == 1
    check_that_all_is_whole(home)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"tag": 1}', b'{"tag": "a", "new_field": 1}'])
def test_a_damaged_pointer_is_told_and_the_next_promotion_mends_it(
    artifact: Path, home: Path, damage: bytes
) -> None:
    [model] = store.models()
    pointer_path(home).write_bytes(damage)

    with pytest.raises(ValueError, match="does not name a model"):
        store.promoted()
    store.promote(model.tag)
    check_that_all_is_whole(home)


@pytest.mark.parametrize("file", [RECORD, WEIGHTS, "evidence.json"])
@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_a_truncated_file_is_never_promoted(
    artifact: Path, home: Path, file: str, keep: float
) -> None:
    tag = store.publish(artifact, labels={}, metadata={}, status="accepted")
    path = store.path(tag) / file
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    before = store.promoted()

    with pytest.raises(store.StoreError, match="is damaged"):
        store.promote(tag)
    assert store.promoted() == before


def test_what_the_pointer_names_is_never_pruned(artifact: Path, home: Path) -> None:
    for _ in range(4):
        publish_and_promote(artifact)
    oldest, *_ = [model.tag for model in store.models()]
    store.shadow(oldest)
    store.publish(artifact, labels={}, metadata={}, status="refused")

    deleted = store.prune(keep=0)

    pointer = store.promoted()
    assert pointer
    assert pointer.previous
    assert {model.tag for model in store.models()} == {pointer.tag, pointer.previous.tag, oldest}
    assert len(deleted) == 3
    check_that_all_is_whole(home)
