"""Batches that form by themselves: whatever has come in while one batch ran is the next.

No timer, so that nobody waits for others who may never come: a lone request is answered at once,
and under load batches grow as long as the work on them takes.
"""

from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Overloaded(Exception):
    """As much is waiting already as may wait."""


class Batcher(Generic[T, R]):
    """Many callers, one function that is cheapest for many items at a time.

    The function runs on the event loop itself. It is short, and holds the interpreter's lock in
    any case, so that to hand it to a thread would only make callers wait for the lock.
    """

    def __init__(self, work: Callable[[list[T]], Sequence[R]], *, most: int, room: int) -> None:
        """`work` takes up to `most` items and returns a result for each, in order.

        `room` is how many items may wait.
        """
        self._work = work
        self._most = most
        self._room = room
        self._waiting: deque[tuple[T, Future[R]]] = deque()
        self._due = False

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._waiting)

    async def ask(self, item: T) -> R:
        """The result for this item.

        Raises:
            Overloaded: there is no room.
            Exception: what `work` raises for this item alone.
        """
        if len(self._waiting) >= self._room:
            raise Overloaded
        result: Future[R] = get_running_loop().create_future()
        self._waiting.append((item, result))
        self._fall_due()
        return await result

    def _fall_due(self) -> None:
        # The loop first hands over what has arrived on all connections, and then runs the batch.
        if self._waiting and not self._due:
            self._due = True
            get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._due = False
        batch: list[tuple[T, Future[R]]] = []
        while self._waiting and len(batch) < self._most:
            item, result = self._waiting.popleft()
            if not result.done():  # else its caller has gone
                batch.append((item, result))
        self._fall_due()
        if batch:
            self._answer(batch)

    def _answer(self, batch: list[tuple[T, Future[R]]]) -> None:
        try:
            answers = self._work([item for item, _ in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} results for {len(batch)} items")
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:  # so that an item fails only those who asked for it
                self._answer([one])
            return
        for (_, result), answer in zip(batch, answers, strict=True):
            result.set_result(answer)
