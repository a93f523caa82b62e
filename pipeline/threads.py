"""How the processor's cores are shared: threads that each compute alone.

The products of a small network are too short for two cores to share: on two, torch trains it at
most 1.2 times as fast as on one. Two networks side by side are 1.7 times,
two halves of a batch 1.4.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import scipy.linalg  # noqa: F401  the compiled loops' BLAS, which has to be there to be told
import torch
from threadpoolctl import threadpool_limits

X = TypeVar("X")
Y = TypeVar("Y")


class LoneThreads:
    """Threads that share no product: the one that asks, and others; `count` in all."""

    def __init__(self, others: ThreadPoolExecutor, count: int) -> None:
        self._others, self.count = others, count

    def map(self, work: Callable[..., Y], *arguments: Iterable[Any]) -> list[Y]:
        """The results of `work` on each set of arguments, in order; the asking thread does one.

        What there is but one of never leaves it: to wake another takes as long as a small product.
        """
        mine, *theirs = zip(*arguments, strict=True)
        results = [self._others.submit(work, *each) for each in theirs]
        return [work(*mine), *(result.result() for result in results)]


@contextmanager
def lone_threads() -> Iterator[LoneThreads]:
    """As many threads as torch would share a product over, each of which shares none."""
    count = torch.get_num_threads()
    others = max(1, count - 1)
    try:
        torch.set_num_threads(1)
        with _pool(others) as pool:
            yield LoneThreads(pool, count)
    finally:
        torch.set_num_threads(count)


def side_by_side(work: Callable[[X], Y], items: Iterable[X]) -> list[Y]:
    """The results of `work` on each item, in order.

    As many are at work at once as torch would share a product over, each on a lone thread.
    """
    count = torch.get_num_threads()
    with _pool(count) as pool:
        return list(pool.map(work, items))


@contextmanager
def _pool(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads of which none shares a product, be it torch's or the compiled loops'."""
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        yield pool
