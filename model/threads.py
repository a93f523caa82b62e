"""How inference uses the processor: the one place where threads are set.

Products of a few hundred rows are too small to be shared: on two cores, two threads that each
compute their own names are 1.6 times as fast as a product shared by two. So the names are parted,
and while several parts are worked on, the BLAS library gets one thread for each.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

X = TypeVar("X")


_alone: ContextVar[bool] = ContextVar("alone", default=False)


def cores() -> int:
    """How many processors may be used here."""
    if _alone.get():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def alone() -> Iterator[None]:
    """Use one processor: others do the like beside us, or the way to sum is not to depend on it."""
    token = _alone.set(True)
    try:
        with _libraries().limit(limits=1):
            yield
    finally:
        _alone.reset(token)


def parts(items: int, least: int, most: int) -> list[range]:
    """Items in parts of like size, one for each core, unless they would be too small or too large.

    >>> parts(10, 4, 4)
    [range(0, 4), range(4, 8), range(8, 10)]
    >>> parts(7, 4, 10)
    [range(0, 7)]
    """
    count = min(max(items // least, 1), cores())
    size = max(min(-(-items // count), most), 1)
    return [range(start, min(start + size, items)) for start in range(0, items, size)]


def side_by_side(work: Callable[[X], None], items: Sequence[X]) -> None:
    """Do `work` on each item, on all cores."""
    if len(items) < 2:
        for item in items:
            work(item)
        return
    with _libraries().limit(limits=1), ThreadPoolExecutor(min(cores(), len(items))) as pool:
        for _ in pool.map(work, items):
            pass


@cache
def _libraries() -> ThreadpoolController:
    """The thread pools of the libraries that are loaded; to find them takes a millisecond."""
    return ThreadpoolController()
