"""What threads and processes are worth, and what memory an answer takes.

Nothing here loads torch, so that the processes are like those of the service.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple
from unittest.mock import patch

from threadpoolctl import threadpool_limits

from bench.memory import peak
from bench.report import RATE_COLUMNS, Rate, Row, Table, seconds_of, turns
from model.artifact import Artifact
from model.classifier import Classifier
from model.compiled import for_many
from model.states import States
from model.threads import cores

FRESH = multiprocessing.get_context("spawn")

Names = Sequence[str]
Answers = Callable[[Classifier, Names], object]


class Memory(NamedTuple):
    """Bytes that a process had at its height."""

    before: int  # libraries, the model and the names
    peak: int


def memory_of(answers: Answers, classifier: Classifier, names: Names) -> Memory:
    """What it takes to answer in a process that does nothing else."""
    model, kind = classifier.artifact, type(classifier.states)
    with ProcessPoolExecutor(1, mp_context=FRESH) as pool:
        return pool.submit(_memory_here, answers, model, kind, names).result()


def threads(model: Artifact, names: Names) -> Table:
    """Names a second by how the work is laid on the cores."""
    classifier = Classifier(model, states=for_many())
    score = partial(seconds_of, partial(classifier.probabilities, names))

    def one_thread() -> float:
        with _one_part(), threadpool_limits(1):
            return score()

    def shared_products() -> float:
        with _one_part():
            return score()

    with processes(model, names, cores()) as each_its_share:
        seconds = turns(
            {
                "one thread": one_thread,
                "one part, BLAS on all cores": shared_products,
                "a part for each core, one BLAS thread each": score,
                "a process for each core, one thread each": each_its_share,
            }
        )
    rates = {who: Rate.of(len(names), runs) for who, runs in seconds.items()}
    alone = rates["one thread"].median
    rows: list[Row] = [
        {"how": who, **rate.cells(), "/ one thread": rate.median / alone}
        for who, rate in rates.items()
    ]
    return Table(
        f"Threads: {len(names):,} distinct names on {cores()} cores",
        {"how": ""} | RATE_COLUMNS | {"/ one thread": ".2f"},
        rows,
        "The third is what `Classifier` does. Processes hold their names already: none is sent.",
    )


@contextmanager
def processes(model: Artifact, names: Names, many: int) -> Iterator[Callable[[], float]]:
    """So many processes with a share of the names each; a call has all score them at once.

    It says how long the slowest took.
    """
    ends: list[Connection] = []
    started = []
    for i in range(many):
        end, other = FRESH.Pipe()
        process = FRESH.Process(target=_score_when_told, args=(other, model, names[i::many]))
        process.start()
        ends.append(end)
        started.append(process)

    def together() -> float:
        for end in ends:
            end.send(True)
        return max([float(end.recv()) for end in ends])

    try:
        for end in ends:
            end.recv()  # it is ready
        yield together
    finally:
        for end in ends:
            end.send(False)
        for process in started:
            process.join()


def _score_when_told(end: Connection, model: Artifact, names: Names) -> None:
    classifier = Classifier(model, states=for_many())
    with _one_part(), threadpool_limits(1):
        end.send(True)
        while end.recv():
            end.send(seconds_of(partial(classifier.probabilities, names)))


def _memory_here(answers: Answers, model: Artifact, kind: type[States], names: Names) -> Memory:
    classifier = Classifier(model, states=kind)
    answers(classifier, names[:1])
    before = peak()
    answers(classifier, names)
    return Memory(before, peak())


@contextmanager
def _one_part() -> Iterator[None]:
    """As if there were one core."""
    with patch("model.threads.cores", return_value=1):
        yield
