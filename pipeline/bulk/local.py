"""A job on this machine: read, look up, have the new names read, write; all at the same time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.bulk.answers import Answers
from pipeline.bulk.columns import Columns
from pipeline.bulk.job import Job, Place
from pipeline.bulk.known import Known
from pipeline.bulk.parts import Part
from pipeline.bulk.readers import Readers
from pipeline.bulk.scorer import portions
from pipeline.bulk.tally import Tally
from pipeline.bulk.texts import Distinct

AHEAD = 1
"""Parts whose names are being read while an earlier one is written; more were no faster."""

X = TypeVar("X")


class Sink(Protocol):
    """Where scored parts go."""

    @property
    def start(self) -> Place:
        """The first part that it wants to be given."""

    @property
    def tally(self) -> Tally:
        """Of all parts that it has."""

    def write(
        self, place: Place, rest: pa.Table, new: pa.Table, tally: Tally, kept_from: Place
    ) -> None:
        """Take a part, or leave it if it is there; answers were kept from `kept_from` on."""

    def complete(self) -> None:
        """All parts are there."""


class Entered(NamedTuple):
    """A part whose new names are being read."""

    place: Place
    part: Part
    rows: NDArray[np.int32]
    """(N,) the place of each row's name among the known."""
    known: Known
    kept_from: Place
    reading: list[Future[Answers]]


def run(
    job: Job,
    columns: Columns,
    pool: Readers,
    sink: Sink,
    on_part: Callable[[Tally], None],
) -> None:
    """Score all parts that the sink wants and give them to it in order, with word after each."""
    parts = _enter(job.parts(sink.start), columns.top_k, pool)
    with ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for place, part, rows, known, kept_from, reading in _ahead(parts):
            answers = known.fill(future.result() for future in reading)
            new = columns.of(answers, rows, part.faults)
            tally = Tally.of(new, columns.options.prefix)
            if writing:
                writing.result()
                on_part(sink.tally)
            writing = writer.submit(sink.write, place, part.rest, new, tally, kept_from)
        if writing:
            writing.result()
            on_part(sink.tally)


def _enter(parts: Iterable[tuple[Place, Part]], k: int, pool: Readers) -> Iterator[Entered]:
    known: Known | None = None
    for place, part in parts:
        if known is None or known.full:
            known, kept_from = Known(k), place
        rows, fresh = known.enter(Distinct.of(part.names))
        reading = [pool.read(names) for names in portions(fresh)]
        yield Entered(place, part, rows, known, kept_from, reading)


def _ahead(items: Iterator[X]) -> Iterator[X]:
    """The same items, each when `AHEAD` more have been begun."""
    waiting: deque[X] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting
