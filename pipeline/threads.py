"""How the processor's cores are shared: threads that each compute alone.

The products of a small network are too short for two cores to share: on two, torch trains it at
most 1.2 times as fast as on one. Two networks side by side are 1.7 times,
two halves of a batch 1.4.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

X = TypeVar("X")
Y = TypeVar("Y")


@contextmanager
def lone_threads() -> Iterator[ThreadPoolExecutor]:
    """As many threads as torch would share a product over, each of which shares none."""
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def side_by_side(work: Callable[[X], Y], items: Iterable[X]) -> list[Y]:
    """The results of `work` on each item, a lone thread an item, in the order of the items."""
    with lone_threads() as pool:
        return list(pool.map(work, items))
