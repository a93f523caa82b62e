"""The batcher's promises, with any pattern of callers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batcher import Batcher, Overloaded


def run(work: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(5):
            await work

    asyncio.run(main())


class Doubler:
    """Doubles even numbers, refuses odd ones, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        for item in items:
            if item % 2:
                raise ValueError(str(item))
        return [2 * item for item in items]


waves = st.lists(st.lists(st.integers(0, 20), max_size=9), max_size=6)


@given(waves, st.integers(1, 5))
def test_every_caller_gets_its_own_result_or_its_own_error(
    waves: list[list[int]], most: int
) -> None:
    async def check() -> None:
        work = Doubler()
        batcher = Batcher(work, most=most, room=1000)
        asked = []
        for wave in waves:
            asked += [(item, asyncio.ensure_future(batcher.ask(item))) for item in wave]
            await asyncio.sleep(0)
        await asyncio.wait([answer for _, answer in asked]) if asked else None
        for item, answer in asked:
            if item % 2:
                assert str(answer.exception()) == str(item)
            else:
                assert answer.result() == 2 * item
        assert len(batcher) == 0
        assert all(len(batch) <= most for batch in work.batches)

    run(check())


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_who_goes_away_is_not_worked_for_and_disturbs_nobody(leaves: list[bool]) -> None:
    async def check() -> None:
        work = Doubler()
        batcher = Batcher(work, most=100, room=100)
        asked = [asyncio.ensure_future(batcher.ask(2 * i)) for i in range(len(leaves))]
        await asyncio.sleep(0)  # all wait
        for answer, leave in zip(asked, leaves, strict=True):
            if leave:
                answer.cancel()
        await asyncio.wait(asked)
        stayed = [2 * i for i, leave in enumerate(leaves) if not leave]
        assert [item for batch in work.batches for item in batch] == stayed
        assert [a.result() for a in asked if not a.cancelled()] == [2 * item for item in stayed]

    run(check())


def test_a_lone_item_is_answered_without_waiting_for_others() -> None:
    async def check() -> None:
        batcher = Batcher(Doubler(), most=100, room=100)
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count_turns())
        assert await batcher.ask(4) == 8
        counting.cancel()
        assert turns <= 3  # turns of the loop, not milliseconds

    run(check())


def test_what_comes_while_a_batch_runs_is_the_next_batch() -> None:
    async def check() -> None:
        later: list[asyncio.Future[int]] = []
        batches: list[list[int]] = []

        def work(items: list[int]) -> Sequence[int]:
            batches.append(items)
            if len(batches) == 1:
                later.extend(asyncio.ensure_future(batcher.ask(i)) for i in (7, 8, 9))
            return items

        batcher: Batcher[int, int] = Batcher(work, most=100, room=100)
        assert list(await asyncio.gather(batcher.ask(1), batcher.ask(2))) == [1, 2]
        assert list(await asyncio.gather(*later)) == [7, 8, 9]
        assert batches == [[1, 2], [7, 8, 9]]

    run(check())


def test_no_more_wait_than_there_is_room_for_and_room_comes_back() -> None:
    async def check() -> None:
        batcher = Batcher(Doubler(), most=100, room=3)
        asked = [asyncio.ensure_future(batcher.ask(2 * i)) for i in range(5)]
        await asyncio.wait(asked)
        assert [isinstance(answer.exception(), Overloaded) for answer in asked] == [
            *(3 * [False]),
            *(2 * [True]),
        ]
        assert await batcher.ask(8) == 16

    run(check())


@pytest.mark.parametrize("wrong", [lambda items: [], lambda items: [1, *items]])
def test_work_that_returns_another_number_of_results_is_an_error(
    wrong: Callable[[list[int]], list[int]],
) -> None:
    async def check() -> None:
        with pytest.raises(RuntimeError, match="results for 1 items"):
            await Batcher(wrong, most=9, room=9).ask(1)

    run(check())
