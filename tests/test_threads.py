"""How work is shared between threads."""

from collections.abc import Iterator
from threading import Barrier, get_ident

import pytest
import torch

from pipeline.threads import lone_threads, side_by_side


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_two_of_many_items_are_always_at_work() -> None:
    both = Barrier(2, timeout=20)

    def work(item: int) -> tuple[int, int]:
        both.wait()  # for another item, which is at work at the same time
        return item, torch.get_num_threads()

    assert side_by_side(work, range(8)) == [(item, 1) for item in range(8)]
    assert torch.get_num_threads() == 2


def test_the_asking_thread_does_a_part_itself() -> None:
    with lone_threads() as threads:
        alone = threads.map(lambda _: get_ident(), [0])
        mine, other = threads.map(lambda _: get_ident(), [0, 1])
    assert alone == [mine] == [get_ident()]
    assert other != mine
