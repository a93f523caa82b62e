"""One training at a time in a BENTOML_HOME, also when Prefect's server has lost count."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.workspace import workspace


@contextmanager
def only_one(*, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of the workspace; says whether it is held, which without `wait` it may not be.

    The kernel gives the lock back when its process ends, however it ends.
    """
    path = workspace() / "retraining.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
