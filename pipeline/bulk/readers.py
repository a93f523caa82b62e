"""Processes that read names, one for each core.

A process a core is faster than a thread a core, since some of the work of reading is Python's. Each
reads with one thread, so that answers are the same to the last bit however many there are.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import pyarrow as pa

from model.artifact import digest
from model.classifier import Classifier
from model.compiled import Bfloat16States, CompiledStates, check_bfloat16
from model.installed import installed
from model.states import States
from model.threads import alone
from pipeline.bulk.answers import Answers
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.scorer import Scorer
from pipeline.process import settle, settle_arrow

STATES: dict[str, type[States]] = {
    "cpu": States,
    "cpu-compiled": CompiledStates,
    "cpu-bfloat16": Bfloat16States,
}
"""What `--device` says of how a CPU computes. Compiled loops pay for a million distinct names, for
each process loads them in a second, and they take 75 MB."""


class Model(NamedTuple):
    """What a process needs to load a model."""

    tag: str
    directory: Path
    sha256: str

    @classmethod
    def found(cls, model: str | None) -> Self:
        """The model of this tag or directory; None: the one that is promoted.

        Raises:
            ValueError: there is none.
        """
        from pipeline.cli_models import find  # the processes that read need none of it

        tag, directory, sha256 = find(model)
        return cls(tag, directory, sha256 or digest(directory))

    def scorer(self, options: ScoreOptions, device: str, *, reads: bool = True) -> Scorer:
        """The model, loaded and verified; whoever `reads` no names need not have the loops.

        Raises:
            ArtifactError: it is not whole, or not the one that `sha256` names.
            ValueError: there is no such device, or the model is none for it.
        """
        states = STATES.get(device, States)
        if states is not States and not installed("numba"):
            raise ValueError(f"device is {device!r}, but Numba is not installed; expected 'cpu'")
        classifier = Classifier.load(
            self.directory,
            sha256=self.sha256,
            evidence=False,
            states=states if reads else States,
        )
        if states is Bfloat16States:
            check_bfloat16(classifier.states.hidden)
        if device not in STATES:
            from model.device import on_device

            classifier = on_device(classifier, device)
        return Scorer(classifier, self.tag, options)


class Readers(Protocol):
    """Who reads names."""

    def read(self, names: pa.LargeStringArray) -> Future[Answers]:
        """What the model says of these texts, once they have been read."""


@contextmanager
def readers(load: Callable[[], Scorer], count: int) -> Iterator[Readers]:
    """So many processes, which begin at once; each loads a model when it is first asked to read.

    At the end, or by an error, they stop.
    """
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (load,))
    try:
        for _ in range(count):
            pool.submit(int)  # else each would begin when there is something to read
        yield _Processes(pool)
    finally:
        pool.shutdown(cancel_futures=True)


class Here:
    """This process."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def read(self, names: pa.LargeStringArray) -> Future[Answers]:
        """What the model says of these texts; it is there at once."""
        future: Future[Answers] = Future()
        with alone():
            future.set_result(self._scorer.read(names))
        return future


class _Processes:
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def read(self, names: pa.LargeStringArray) -> Future[Answers]:
        return self._pool.submit(_read, names)


_load: Callable[[], Here]


def _begin(load: Callable[[], Scorer]) -> None:
    global _load
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settle()
    settle_arrow()
    _load = cache(lambda: Here(load()))


def _end_with_parent() -> None:
    """A killed parent cannot end its processes."""
    parent = multiprocessing.parent_process()
    assert parent, "this is a child"
    parent.join()
    os._exit(1)


def _read(names: pa.LargeStringArray) -> Answers:
    return _load().read(names).result()
