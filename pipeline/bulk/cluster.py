"""A job on many machines, told from here; what knows Ray is loaded only when it is needed."""

import os
from types import ModuleType

import pyarrow as pa

from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.listing import Source
from pipeline.bulk.readers import Model
from pipeline.bulk.storage import Out
from pipeline.bulk.tally import Tally

BLOCK = 2**26
"""Bytes of rows that are read together: seconds of work, which is what a dead machine costs."""


def score_on_ray(
    source: str,
    out: str,
    model: Model,
    options: ScoreOptions,
    *,
    address: str | None = None,
    actors: int | None = None,
    block: int = BLOCK,
) -> Tally:
    """Score Parquet files into a folder of Parquet files; each is a path or URI that all see.

    `address` is that of a cluster; None: RAY_ADDRESS, or else a Ray of this machine that lives as
    long as the job. At most so many `actors` read names, one on a core; None: as there are cores.
    OUT has the rows of the source, in any order. Folders like country=DE are kept.

    Raises:
        ValueError: Ray is missing; the source, OUT or the model cannot be used; the cluster could
            not do it. OUT is not there then.
        ConnectionError: there is no cluster at the address.
    """
    engine = _engine()
    new = model.scorer(options, "cpu").new
    files = Source.of(source)
    with Out.open(out) as place:
        rows, schema = files.check(new)  # a mistake is told before any work
        if rows:
            tally: Tally = engine.run(
                files, place, model, options, address=address, actors=actors, block=block
            )
        else:  # Ray Data writes no file without rows
            place.write_nothing(pa.schema([*schema, *new.schema]))
            tally = Tally()
        if tally.rows != rows:
            raise ValueError(f"{tally.rows} rows were written of {rows}: OUT is deleted")
        place.complete()
    return tally


def _engine() -> ModuleType:
    """What knows Ray.

    Raises:
        ValueError: Ray is missing.
    """
    # Ray looks at them when it is loaded: no word to its makers, and no warning about GPUs.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        from pipeline.bulk import ray_data
    except ImportError as error:
        raise ValueError(
            f"a job on many machines needs Ray ({error}); expected "
            "`pip install -e '.[train,ray]' -c constraints.txt` on each of them"
        ) from error
    return ray_data
