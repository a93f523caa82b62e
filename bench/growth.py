"""Each stage of a training run, with 1, 10 and 100 times the data: time and memory per name."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from bench.augment import Augmented
from bench.report import Row, Table
from bench.stage_costs import Work, cost
from pipeline.recipe import Recipe
from pipeline.table import NameTable

Paths = dict[str, Path]
"""Where each stage so far left its work."""

MIN_NAMES = 20
COLUMNS = {
    "data": "",
    "stage": "",
    "names": ",.0f",
    "s": ",.1f",
    "µs/name": ",.1f",
    "CPU µs": ",.1f",
}
COLUMNS |= {"peak MB": ",.0f", "bytes/name": ",.0f"}
NOTE = """Each stage in a process of its own. names: what it reads, from "vocabulary" on
training names. CPU: of all threads, a name. peak: the most in memory beyond the libraries,
without what is mapped from files. training: one network, {steps} updates, and the names that
these showed; its bytes are per name of an epoch."""
RECIPE = Recipe(teachers=0)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    times: tuple[int, ...] = (1, 10, 100)
    steps: int = 200
    """Updates that are timed; an epoch has as many as it has batches."""
    recipe: Recipe = RECIPE


def measure(table: NameTable, plan: Plan = Plan()) -> Iterator[Table]:
    """A table for each amount of data."""
    for times in plan.times:
        with TemporaryDirectory() as home:
            rows = list(stages(table, times, plan, Path(home)))
        note = NOTE.format(steps=plan.steps, batch=plan.recipe.batch)
        yield Table(f"Growth, {times} times the data", COLUMNS, rows, note)


def stages(table: NameTable, times: int, plan: Plan, home: Path) -> Iterator[Row]:
    """A row for each stage."""
    paths = {"base": home / "base.parquet"}
    table.write(paths["base"])
    works: dict[str, Work] = {
        "ingest": partial(ingest, times=times),
        "clean": clean,
        "split": split,
        "vocabulary": partial(vocabulary, recipe=plan.recipe),
        "ids": partial(encode, recipe=plan.recipe),
        "training": partial(train, recipe=plan.recipe, steps=plan.steps),
    }
    for stage, work in works.items():
        taken = cost(work, home, paths)
        names = taken.said["names"]
        if "path" in taken.said:
            paths[stage] = taken.said["path"]
        yield {
            "data": f"{times}x",
            "stage": stage,
            "names": names,
            "s": taken.seconds,
            "µs/name": taken.seconds / names * 1e6,
            "CPU µs": taken.busy / names * 1e6,
            "peak MB": taken.peak / 1e6,
            "bytes/name": taken.peak / taken.said.get("all", names),
        }


def ingest(paths: Paths, times: int) -> dict[str, Any]:
    """Made-up sources → records."""
    from pipeline import stages

    source = Augmented(NameTable.read(paths["base"]), times)
    return {"path": stages.ingest([source]), "names": times * len(source.table)}


def clean(paths: Paths) -> dict[str, Any]:
    """Records → table."""
    from pipeline import stages

    cleaned = stages.clean(paths["ingest"], MIN_NAMES)
    return {"path": cleaned, "names": stages.read_json(cleaned / "report.json")["rows"]}


def split(paths: Paths) -> dict[str, Any]:
    """Table → sides."""
    from pipeline import stages
    from pipeline.config import SplitConfig

    sides = stages.split(paths["clean"], SplitConfig())
    return {"path": sides, "names": rows_in(paths["clean"] / "table.parquet")}


def vocabulary(paths: Paths, recipe: Recipe) -> dict[str, Any]:
    """Training names → vocabulary."""
    from pipeline import stages

    words = stages.build_vocabulary(
        paths["split"], recipe.ngrams, recipe.marks, recipe.min_count, recipe.features
    )
    return {"path": words, "names": rows_in(paths["split"] / "train.parquet")}


def encode(paths: Paths, recipe: Recipe) -> dict[str, Any]:
    """Training names → mapped ids and targets."""
    return {"names": len(_batches(paths, recipe).targets)}


def train(paths: Paths, recipe: Recipe, steps: int) -> dict[str, Any]:
    """The first updates of an epoch."""
    import torch

    from model.rnn import RNN
    from pipeline.threads import lone_threads
    from pipeline.train import step_of

    batches = _batches(paths, recipe)
    words = _words(paths)
    rnn = RNN(len(words), recipe.hidden, batches.targets.shape[1])
    fallback, order = torch.from_numpy(words.fallback), torch.Generator().manual_seed(0)
    with lone_threads() as threads:
        step = step_of(rnn, fallback, recipe, 2 * len(batches), threads)
        epoch = batches.shuffled(order)
        for ids, targets in islice(epoch, 3):  # the first ones load what later ones have
            step.take(ids, targets)
        start, idle, shown = perf_counter(), process_time(), 0
        for ids, targets in islice(epoch, steps):
            step.take(ids, targets)
            shown += len(ids)
        seconds, busy = perf_counter() - start, process_time() - idle
    return {"seconds": seconds, "busy": busy, "names": shown, "all": len(batches.targets)}


def _batches(paths: Paths, recipe: Recipe) -> Any:
    import torch

    from pipeline.batches import Batches, examples

    table = NameTable.read(paths["split"] / "train.parquet")
    training = examples(table, sorted(set(table.language)))
    device = torch.device("cpu")
    return Batches(training, _words(paths), recipe.batch, device, paths["split"].parent)


def _words(paths: Paths) -> Any:
    from model.vocabulary import Vocabulary
    from pipeline.stages import read_json

    return Vocabulary.from_dict(read_json(paths["vocabulary"] / "vocabulary.json"))


def rows_in(path: Path) -> int:
    """How many rows a Parquet file has."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
