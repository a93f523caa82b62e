"""Where names are read: single ones in batches on the event loop, long lists in a thread."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import NamedTuple, TypeVar

from model.answer import Answer
from model.classifier import Judged
from service.batcher import Batcher, Overloaded
from service.current import Current
from service.metrics import Metrics
from service.served import Options, Served

MOST = 256
"""Single names in a batch: at about 20 µs each, the loop is held up for 5 ms at most."""

SLICE = 4096
"""Names of a list that are read in one go; other lists have their turn in between.

Long enough to share prefixes and cores, short enough for others not to wait a quarter second."""

SHADOWS = 8
"""Batches that may wait to be read by a challenger too; it misses those that come meanwhile."""

EXPLANATION = 200
"""An explanation takes as long as so many names of a list."""

T = TypeVar("T")


class Single(NamedTuple):
    """A name to be answered, the model that is to answer, and how."""

    served: Served
    options: Options
    name: str


class Desk:
    """Reads what callers send, with bounds on what may wait."""

    def __init__(self, current: Current, metrics: Metrics, *, room: int) -> None:
        """`room` is how many names may wait, those of lists and single ones each."""
        self._current = current
        self._metrics = metrics
        self._room = room
        self._singles: Batcher[Single, Answer] = Batcher(self._answer_singles, most=MOST, room=room)
        self._listed = 0
        # One thread: a second would wait for the interpreter's lock most of its time.
        self._thread = ThreadPoolExecutor(1, "namelang-lists")
        self._shadows = BoundedSemaphore(SHADOWS)

    def prepare(self, served: Served) -> None:
        """Begin what the first explanation would have to wait for."""
        self._thread.submit(served.prepare)

    async def answer(self, served: Served, name: str, options: Options) -> Answer:
        """The answer for a readable name.

        Raises:
            Overloaded: too many names wait.
        """
        return await self._singles.ask(Single(served, options, name))

    async def alone(self, work: Callable[[], T]) -> T:
        """What `work` comes to, in the thread: an explanation, or what takes about as long.

        Raises:
            Overloaded: too many names wait.
        """
        with self._queued(EXPLANATION):
            return await self._in_thread(work)

    async def slices(
        self, items: Sequence[str], read: Callable[[Sequence[str], int], T]
    ) -> AsyncIterator[T]:
        """What `read` makes of each slice of the items and the slice's start, in the thread.

        Raises:
            Overloaded: too many names wait.
        """
        with self._queued(len(items)):
            for start in range(0, len(items), SLICE):
                yield await self._in_thread(read, items[start : start + SLICE], start)

    def judge(self, served: Served, names: Sequence[str], options: Options) -> Judged:
        """What the model makes of readable names, counted in the metrics."""
        judged = served.classifier.judge(names, coverage=options.coverage, context=options.context)
        self._metrics.judged(served, names, judged)
        challenger = self._current.shadow
        # A caller's context has the champion's languages, which the challenger's may not be.
        if challenger and options.context is None:
            if self._shadows.acquire(blocking=False):
                best = served.best(judged)
                self._thread.submit(self._read_in_shadow, challenger, list(names), best)
            else:
                self._metrics.missed(challenger.tag, len(names))
        return judged

    def answers(self, served: Served, names: Sequence[str], options: Options) -> list[Answer]:
        """The answers for readable names, counted in the metrics."""
        judged = self.judge(served, names, options)
        return served.classifier.answers(names, judged, options.top_k, options.threshold)

    def _answer_singles(self, batch: list[Single]) -> list[Answer]:
        self._metrics.waiting(len(self._singles) + self._listed)
        answers: dict[int, Answer] = {}
        alike: dict[tuple[Served, Options], list[int]] = {}
        for i, single in enumerate(batch):
            alike.setdefault((single.served, single.options), []).append(i)
        for (served, options), places in alike.items():
            names = [batch[i].name for i in places]
            answers.update(zip(places, self.answers(served, names, options), strict=True))
        return [answers[i] for i in range(len(batch))]

    def _read_in_shadow(self, challenger: Served, names: list[str], champions: list[str]) -> None:
        """Count how often the challenger answers otherwise than the champion did."""
        try:
            judged = challenger.classifier.judge(names)
            pairs = zip(champions, challenger.best(judged), strict=True)
            self._metrics.shadowed(challenger.tag, [ours == theirs for ours, theirs in pairs])
        finally:
            self._shadows.release()

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    @contextmanager
    def _queued(self, names: int) -> Iterator[None]:
        """While this lasts, so many names more are in the thread or wait for it."""
        if self._listed + names > self._room:
            raise Overloaded
        self._listed += names
        self._metrics.waiting(len(self._singles) + self._listed)
        try:
            yield
        finally:
            self._listed -= names
            self._metrics.waiting(len(self._singles) + self._listed)
