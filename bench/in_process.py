"""What the classifier does without a server."""

import multiprocessing
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import Any

from threadpoolctl import threadpool_limits

from bench.http_load import TOP, Names, Own, lists
from bench.report import seconds_of
from bench.servers import pin
from model.classifier import Classifier
from pipeline.cli_models import find

Rate = Callable[[int, float], Own]
"""From names in a list, and seconds."""


@contextmanager
def inside(names: Names, cores: Collection[int]) -> Iterator[Rate]:
    """The classifier's own rate in a process that does nothing else and keeps to these cores."""
    fresh = multiprocessing.get_context("spawn")
    start = (list(names), list(cores))
    with ProcessPoolExecutor(1, mp_context=fresh, initializer=_load, initargs=start) as pool:
        yield lambda size, seconds: pool.submit(_rate, size, seconds).result()


_here: dict[str, Any] = {}
"""What a process of `inside` has loaded."""


def _load(names: Names, cores: Collection[int]) -> None:
    pin(0, cores)
    threadpool_limits(1)
    _here["classifier"], _here["names"] = promoted(), names


def _rate(size: int, seconds: float) -> Own:
    """What comes of lists of so many names, for about so many seconds, one list at least."""
    classifier: Classifier = _here["classifier"]
    parts, taken, end = lists(_here["names"], size), list[float](), perf_counter() + seconds
    before = process_time()
    while not taken or perf_counter() < end:
        part = parts[len(taken) % len(parts)]
        taken.append(seconds_of(lambda: classifier.classify(part, TOP)))  # noqa: B023
    return Own(size * len(taken) / sum(taken), (process_time() - before) / len(taken))


def promoted() -> Classifier:
    """The model that all sides serve.

    Raises:
        ValueError: none is promoted.
    """
    _, directory, sha256 = find(None)
    return Classifier.load(directory, sha256=sha256)
