"""A job on a cluster: Ray Data reads, schedules, tries again and writes; we read names.

Rows are read in blocks. Actors, each with a model that is loaded once, add the new columns, and
other tasks write the blocks down. What a dead machine was at is done again elsewhere. A task that
writes names its files by the run and its own number, so that one that is done again replaces
what it had written.
"""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset, read_parquet
from ray.data._internal.datasource.parquet_datasink import ParquetDatasink
from ray.data._internal.execution.interfaces import TaskContext
from ray.data._internal.savemode import SaveMode
from ray.data.datasource import Datasink, Partitioning, WriteResult
from ray.data.datasource.partitioning import PartitionStyle
from ray.data.exceptions import ExecutionTimeoutError
from ray.exceptions import RayError

from model.threads import alone, cores
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.listing import Source
from pipeline.bulk.readers import Model
from pipeline.bulk.storage import Out
from pipeline.bulk.tally import Tally
from pipeline.process import settle

SCORING, MOVING = 0.75, 0.25
"""Of a core, what an actor takes, and what a task that reads or writes takes: both fit on one.
Actors of a whole core have taken all there were, and waited for rows that no core was left to read.
It is no guarantee: four actors still fill three cores; Ray Data's reserves are to prevent that.
"""


class Files(NamedTuple):
    """A model on its way to machines that do not have it."""

    contents: dict[str, bytes]
    """By the files' names."""
    sha256: str

    @classmethod
    def of(cls, model: Model) -> Self:
        """The files of its directory; the store keeps a report in a folder there too."""
        files = [path for path in model.directory.iterdir() if path.is_file()]
        contents = {path.name: path.read_bytes() for path in files}
        return cls(contents, model.sha256)


class Actor:
    """A process of the cluster that reads names."""

    def __init__(self, files: "ray.ObjectRef[Files]", tag: str, options: ScoreOptions) -> None:
        settle()
        held: Files = ray.get(files)
        with TemporaryDirectory(prefix="namelang-model-") as folder:
            for name, content in held.contents.items():
                Path(folder, name).write_bytes(content)
            self._scorer = Model(tag, Path(folder), held.sha256).scorer(options, "cpu")
        self._known = self._scorer.known()

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the new columns; names of earlier tables are not read again."""
        if self._known.full:
            self._known = self._scorer.known()
        with alone():
            return self._scorer.score(table, self._known)


class Sink(Datasink[Tally]):
    """Ray Data's own way to write Parquet, which also tells what was written.

    A task's tally comes with its end, of which the driver takes note once, however often the task
    was begun.
    """

    tally = Tally()

    def __init__(self, out: Out, partitions: list[str], prefix: str) -> None:
        self._files = ParquetDatasink(
            out.work.path,
            filesystem=out.work.filesystem,
            partition_cols=partitions or None,
            mode=SaveMode.ERROR,
        )
        self._prefix = prefix

    def on_write_start(self, schema: pa.Schema | None = None) -> None:
        """The first rows are there."""
        self._files.on_write_start(schema)

    def write(self, blocks: Iterable[pa.Table], ctx: TaskContext) -> Tally:
        """Write the blocks of a task."""
        held = list(blocks)
        self._files.write(held, ctx)
        return reduce(Tally.plus, (Tally.of(block, self._prefix) for block in held), Tally())

    def on_write_complete(self, write_result: WriteResult[Tally]) -> None:
        """All tasks are done."""
        self.tally = reduce(Tally.plus, write_result.write_returns, Tally())


def run(
    source: Source,
    out: Out,
    model: Model,
    options: ScoreOptions,
    *,
    address: str | None,
    actors: int | None,
    block: int,
) -> Tally:
    """Put the scored rows where OUT is made; what was written.

    Raises:
        ValueError: the cluster could not do it.
        ConnectionError: there is no cluster at the address.
    """
    with _connected(address, block):
        sink = Sink(out, source.partitions, options.prefix)
        _scored(_read(source), model, options, actors).write_datasink(
            sink, ray_remote_args={"num_cpus": MOVING}
        )
        return sink.tally


@contextmanager
def _connected(address: str | None, block: int) -> Iterator[None]:
    """A connection for as long as the block, unless there is one already."""
    ours = not ray.is_initialized()
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    try:
        if ours:
            # Without an address Ray would take any cluster that this machine is part of.
            address = address or os.environ.get("RAY_ADDRESS") or "local"
            if address == "local" and cores() < 2:
                raise ValueError("Ray needs a core to list files beside one that reads names")
            ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
        context = DataContext.get_current().copy()
        context.target_max_block_size = block
        context.enable_progress_bars = sys.stderr.isatty()
        with DataContext.current(context):
            yield
    except (RayError, ExecutionTimeoutError) as error:
        why = str(getattr(error, "cause", None) or error).strip().splitlines()[0]
        raise ValueError(f"the cluster could not do it: {why}") from error
    finally:
        if ours:
            ray.shutdown()


def _read(source: Source) -> Dataset:
    place = source.place
    folders = Partitioning(PartitionStyle.HIVE, base_dir=place.path, filesystem=place.filesystem)
    return read_parquet(
        place.path,
        filesystem=place.filesystem,
        partitioning=folders if source.partitions else None,
        file_extensions=None,
        skip_paths=source.hidden or None,
        # What asks for other resources than the actors is not merged with them, so that one file is
        # shared by many of those.
        num_cpus=MOVING,
    )


def _scored(rows: Dataset, model: Model, options: ScoreOptions, actors: int | None) -> Dataset:
    return rows.map_batches(
        Actor,
        fn_constructor_args=(ray.put(Files.of(model)), model.tag, options),
        batch_format="pyarrow",
        batch_size=None,  # a block, whatever number of rows that is
        zero_copy_batch=True,
        compute=ActorPoolStrategy(min_size=1, max_size=actors),
        num_cpus=SCORING,
    )
