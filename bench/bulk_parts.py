"""Where the time of `namelang score` goes, in one process that does one thing after the other."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from bench.report import Row, Table
from bench.scoring import encoded
from model.classifier import Classifier
from model.threads import alone
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.formats import read_parts, write_part
from pipeline.bulk.job import ROWS
from pipeline.bulk.known import Known
from pipeline.bulk.parts import Format, Part, Reading
from pipeline.bulk.scorer import Scorer, portions
from pipeline.bulk.texts import Distinct

PARTS = ("reading", "looking up", "encoding", "matmul and tanh", "the rest of a name", "writing")


class Clock:
    """Seconds by part of the work."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """What is done meanwhile is this part's."""
        start = perf_counter()
        yield
        self.seconds[part] += perf_counter() - start


def parts_of_the_work(classifier: Classifier, files: Mapping[str, Path], rows: int) -> Table:
    """The share of each part, for the first rows of each file."""
    table: list[Row] = []
    for kind, path in files.items():
        seconds = timed(classifier, path, rows)
        total = sum(seconds.values())
        shares = {part: seconds[part] / total for part in PARTS}
        table.append({"names": kind, "µs a row": 1e6 * total / rows, **shares})
    return Table(
        f"Where the time goes, of the first {rows:,} rows",
        {"names": "", "µs a row": ".2f"} | dict.fromkeys(PARTS, ".0%"),
        table,
        "one process, one thread; the rest of a name: softmax, ranks, set, verdict",
    )


def timed(classifier: Classifier, path: Path, rows: int) -> dict[str, float]:
    """Seconds by part."""
    clock, scorer = Clock(), Scorer(classifier, "", ScoreOptions(column="surname"))
    known, done = Known(scorer.new.top_k), 0
    parts = read_parts(path, Format.PARQUET, Reading(column="surname", rows=min(ROWS, rows)))
    with alone():
        while done < rows:
            with clock("reading"):
                part = next(parts)
            score(part, scorer, known, clock)
            done += len(part.names)
    seconds = clock.seconds
    seconds["the rest of a name"] -= seconds["encoding"] + seconds["matmul and tanh"]
    return seconds


def score(part: Part, scorer: Scorer, known: Known, clock: Clock) -> None:
    """What is done with a part. To be told apart, encoding and states are done once more alone."""
    with clock("looking up"):
        places, fresh = known.enter(Distinct.of(part.names))
    answers = []
    for names in portions(fresh):
        with clock("encoding"):
            trees = list(encoded(scorer.classifier, names.to_pylist()))
        with clock("matmul and tanh"):
            for tree in trees:
                scorer.classifier.states.last(tree, sum(len(level.names) for level in tree))
        start = perf_counter()
        answers.append(scorer.read(names))
        clock.seconds["the rest of a name"] += perf_counter() - start
    with clock("writing"):
        new = scorer.new.of(known.fill(answers), places, part.faults)
        write_part(part.rest, new, io.BytesIO(), Format.PARQUET, header=False)
