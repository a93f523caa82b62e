"""Processes that read names, one for each core.

A process a core is faster than a thread a core, since half of the work of reading is Python's.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from model import threads
from model.classifier import Classifier
from pipeline.bulk.answers import Answers
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.scorer import Scorer
from pipeline.process import settle


class Model(NamedTuple):
    """What a process needs to load a model."""

    tag: str
    directory: Path
    sha256: str

    def scorer(self, options: ScoreOptions, device: str) -> Scorer:
        """The model, loaded and verified.

        Raises:
            ArtifactError: it is not whole, or not the one that `sha256` names.
            ValueError: there is no such device.
        """
        classifier = Classifier.load(self.directory, sha256=self.sha256)
        if device != "cpu":
            from model.device import on_device

            classifier = on_device(classifier, device)
        return Scorer(classifier, self.tag, options)


class Readers:
    """A pool of processes that have the model loaded."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def read(self, names: Sequence[str]) -> Future[Answers]:
        """What the model says of these texts, once a process has read them."""
        return self._pool.submit(_read, names)


@contextmanager
def readers(model: Model, options: ScoreOptions, device: str, count: int) -> Iterator[Readers]:
    """So many processes. At the end, also by an error, what was not begun is not read."""
    pool = ProcessPoolExecutor(
        count, multiprocessing.get_context("spawn"), _begin, (model, options, device)
    )
    try:
        yield Readers(pool)
    finally:
        pool.shutdown(cancel_futures=True)


_scorer: Scorer


def _begin(model: Model, options: ScoreOptions, device: str) -> None:
    global _scorer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settle()
    threads.keep_to_one()
    _scorer = model.scorer(options, device)


def _end_with_parent() -> None:
    """A killed parent cannot end its processes."""
    parent = multiprocessing.parent_process()
    assert parent, "this is a child"
    parent.join()
    os._exit(1)


def _read(names: Sequence[str]) -> Answers:
    return _scorer.read(names)
