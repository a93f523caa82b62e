"""A file or folder of names scored on this machine, from what is asked to what came out."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from model.threads import cores
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.folder import Folder
from pipeline.bulk.job import STANDARD, Job
from pipeline.bulk.local import Sink, run
from pipeline.bulk.parts import Compression, Format
from pipeline.bulk.readers import Here, Model, readers
from pipeline.bulk.stream import Stream
from pipeline.bulk.tally import Tally

FEW = 20_000
"""Rows that are read before other processes would have begun."""


class OnPart(Protocol):
    """Who is told how far a run is."""

    def __call__(self, tally: Tally, expected: int | None) -> None:
        """What is done, and about how many rows there are in all, if that is known."""


class ScoreConfig(BaseModel):
    """What is asked of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """A file, a folder of files, or "-" for standard input."""
    out: str
    """A file, a folder (with a "/" at its end, or if the source is one), or "-"."""
    options: ScoreOptions
    format: Format | None = None
    """Of the source; None: its name tells it."""
    to: Format | None = None
    """Of what comes out; None: its name tells it, else as the source."""
    encoding: str = "utf-8"
    """Of text that comes in; what comes out is UTF-8."""
    device: str = "cpu"
    processes: int | None = Field(None, ge=1)
    """None: one a core, or this one alone for few rows."""
    rows: int | None = Field(None, ge=1)
    """Of a part; None: as many as rows of their size allow."""
    resume: bool = False
    """Go on with what a stopped run has done, if there is any."""
    overwrite: bool = False
    """Replace what is there, once all is done."""


def score(
    config: ScoreConfig,
    model: Model,
    on_part: OnPart = lambda tally, expected: None,
) -> Tally:
    """Score all rows; `on_part` is told what is done, and about how many rows there are in all.

    Raises:
        ValueError: the model, the input or what is asked cannot be used; nothing was changed.
    """
    load = partial(model.scorer, config.options, config.device)
    job = _job(config, model)
    expected = job.expected_rows()
    few = expected is not None and expected <= FEW
    count = config.processes or (1 if few else cores())
    # The processes begin while this one loads the model, too.
    with readers(load, count) if count > 1 else nullcontext() as pool:
        scorer = model.scorer(config.options, config.device, reads=pool is None)
        new, who = scorer.new, pool or Here(scorer)
        del scorer  # who only hands names on need not hold a model
        job.check(new)  # a mistake is told before any work
        with _sink(config, job) as sink:
            tell = partial(on_part, expected=expected)
            tell(sink.tally)
            run(job, new, who, sink, tell)
            sink.complete()
            return sink.tally


def _job(config: ScoreConfig, model: Model) -> Job:
    to, out = config.to, Path(config.out)
    one_file = bool(out.suffix) and not config.out.endswith("/")
    if to is None and one_file:
        to = Format.of(out)
    return Job.of(
        Path(config.source),
        format=config.format,
        to=to,
        compression=Compression.of(out) if one_file else None,
        options=config.options,
        encoding=config.encoding,
        rows=config.rows,
        model=model.tag,
        sha256=model.sha256,
        device=config.device,
    )


@contextmanager
def _sink(config: ScoreConfig, job: Job) -> Iterator[Sink]:
    """Where what is asked goes.

    Raises:
        ValueError: it cannot go there.
    """
    source, out = Path(config.source), Path(config.out)
    if config.resume and STANDARD in (source, out):
        raise ValueError("what came in or went out by a pipe cannot be resumed; expected files")
    if out == STANDARD:
        yield Stream(job)
        return
    whole = not (source.is_dir() or config.out.endswith("/"))
    with Folder.open(
        out, job, whole=whole, resume=config.resume, overwrite=config.overwrite
    ) as folder:
        yield folder
