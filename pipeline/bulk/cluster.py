"""A job on many machines: Ray Data reads, hands out, tries again and writes; ours is the scoring.

Whatever Ray tries again writes the same file again: the names of files depend on the run and the
task alone, so that no row is lost or there twice when a node dies.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import dataset, fs

from model.threads import alone
from pipeline.bulk.columns import Columns, ScoreOptions
from pipeline.bulk.readers import Model

ROWS = 2**16
"""Rows that an actor scores at a time."""

SCORING, MOVING = 0.75, 0.25
"""Of a core, that an actor takes, and a task that lists, reads or writes: one of each to a core, so
that actors can never hold every core while what they wait for finds none."""

MARKER = "_SUCCESS"
"""A file without content that is written last: a folder that lacks it is not complete."""


class Actor:
    """One process of the cluster, with the model in memory."""

    def __init__(self, files: Any, model: Model, options: ScoreOptions) -> None:
        """`files` is a reference to the model's files; nodes need not share a disk for it."""
        import ray

        with tempfile.TemporaryDirectory() as folder:
            for name, content in ray.get(files).items():
                Path(folder, name).write_bytes(content)
            self._scorer = model._replace(directory=Path(folder)).scorer(options, "cpu")

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the new columns; one without rows stays as it is."""
        with alone():
            return self._scorer.score(table) if table.num_rows else table


def score_on_ray(
    source: str,
    out: str,
    model: Model,
    options: ScoreOptions,
    *,
    address: str | None = None,
    actors: int | None = None,
    overwrite: bool = False,
) -> int:
    """Score Parquet, a file or a folder, anywhere that Arrow or fsspec reaches; how many rows.

    OUT is a folder; its rows are in no order. `actors` (None: one a core of the cluster) each load
    the model once.

    Raises:
        ValueError: Ray is not installed, or there is no cluster at `address`; the input cannot be
            scored; OUT is there already.
    """
    system, path = _filesystem(out)
    if not overwrite and system.get_file_info(path).type != fs.FileType.NotFound:
        raise ValueError(f"{out} is there already; expected a new name, or --overwrite")
    languages = model.scorer(options, "cpu").new.languages
    Columns(languages, model.tag, options).check(_schema(source))
    with _ray(address) as ray:
        from ray.data import SaveMode

        found = [file for file in model.directory.iterdir() if file.is_file()]
        files = {file.name: file.read_bytes() for file in found}
        most = actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
        rows = ray.data.read_parquet(source, num_cpus=MOVING).map_batches(
            Actor,
            fn_constructor_args=(ray.put(files), model, options),
            batch_format="pyarrow",
            batch_size=ROWS,
            num_cpus=SCORING,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
        )
        rows.write_parquet(
            out,
            mode=SaveMode.OVERWRITE if overwrite else SaveMode.CREATE,
            ray_remote_args={"num_cpus": MOVING},
        )
    with system.open_output_stream(f"{path}/{MARKER}"):
        pass
    return int(dataset.dataset(path, filesystem=system, format="parquet").count_rows())


@contextmanager
def _ray(address: str | None) -> Iterator[Any]:
    """Ray, at the cluster of this address, or at one that is started here for as long as this.

    Raises:
        ValueError: it is not installed, or there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"the engine ray needs Ray ({missing.name} is missing): install namelang with "
            "the extra ray, `pip install --constraint constraints.txt '.[train,ray]'`, on each node"
        ) from missing
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        raise ValueError(f"there is no Ray cluster at {address}: {error}") from error
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = sys.stderr.isatty()
        context.print_on_execution_start = False
        yield ray
    finally:
        ray.shutdown()


def _schema(source: str) -> pa.Schema:
    """The columns of a Parquet file or folder.

    Raises:
        ValueError: it is none.
    """
    system, path = _filesystem(source)
    try:
        return dataset.dataset(path, filesystem=system, format="parquet").schema
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{source} is no Parquet, which the engine ray needs: {error}") from error


def _filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """What a path or URI is on, and the path there."""
    if "://" not in uri:
        return fs.LocalFileSystem(), str(Path(uri).absolute())
    try:
        system, path = fs.FileSystem.from_uri(uri)
    except pa.ArrowInvalid:  # a scheme that fsspec may know
        import fsspec

        known, path = fsspec.core.url_to_fs(uri)
        system = fs.PyFileSystem(fs.FSSpecHandler(known))
    return system, path
