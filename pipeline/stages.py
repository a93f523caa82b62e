"""The stages from sources to a trained model, each from directory to directory.

Rows never travel between stages in memory, so each can run, fail and be repeated alone.
`flows` strings them together; `record` turns the outcome into a model's record.
"""

import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.artifact import Artifact, save
from model.classifier import Classifier
from model.vocabulary import Vocabulary
from pipeline import clean as cleaning
from pipeline import split as splitting
from pipeline.batches import examples, rows
from pipeline.calibrate import calibrate
from pipeline.config import SplitConfig
from pipeline.distil import distil
from pipeline.languages import resolve
from pipeline.ranks import Ranks, call, calls, joined
from pipeline.recipe import Recipe
from pipeline.sources.protocol import Dropped, Source
from pipeline.table import NameTable, read_records, write_records
from pipeline.texts import numbered
from pipeline.train import Epoch, Trained
from pipeline.workspace import stage, workspace

LIBRARIES = ("bentoml", "numpy", "prefect", "safetensors", "scikit-learn", "torch")


@stage
def ingest(out: Path, sources: Sequence[Source]) -> None:
    """Sources → `records.parquet`, and `sources.json`: origins, licences, what was unreadable."""
    records = (record for source in sources for record in source.records())
    write_records(records, out / "records.parquet")
    described = [
        {
            "origins": [dataclasses.asdict(origin) for origin in source.provenance()],
            "fingerprint": source.fingerprint(),
            "dropped": dataclasses.asdict(source.dropped),
        }
        for source in sources
    ]
    write_json(out / "sources.json", described)


@stage
def clean(out: Path, ingested: Path, min_names: int) -> None:
    """Records → `table.parquet`, and the data report as `report.json` and `report.md`.

    Raises:
        DataError: nothing sensible is left; the message says what was dropped and why.
    """
    table, report = cleaning.clean(
        read_records(ingested / "records.parquet"),
        min_names=min_names,
        unreadable={
            source["origins"][0]["name"]: Dropped(**source["dropped"])
            for source in read_json(ingested / "sources.json")
        },
    )
    table.write(out / "table.parquet")
    write_json(out / "report.json", report.to_dict())
    (out / "report.md").write_text(report.markdown(), "utf-8")


@stage
def split(out: Path, cleaned: Path, config: SplitConfig) -> None:
    """Table → `train.parquet`, `validation.parquet` and `test.parquet`, parted by name."""
    table = NameTable.read(cleaned / "table.parquet")
    sides = splitting.split(table, validation=config.validation, test=config.test, seed=config.seed)
    for side in dataclasses.fields(sides):
        table.take(getattr(sides, side.name)).write(out / f"{side.name}.parquet")


@stage
def build_vocabulary(
    out: Path, sides: Path, order: int, marks: bool, min_count: int, most: int
) -> None:
    """Training names → `vocabulary.json`."""
    names, _ = numbered(NameTable.read(sides / "train.parquet").name)
    vocabulary = Vocabulary.fit(names, order=order, marks=marks, min_count=min_count, most=most)
    write_json(out / "vocabulary.json", dataclasses.asdict(vocabulary))


@stage
def train(
    out: Path,
    sides: Path,
    vocabulary: Path,
    recipe: Recipe,
    device: str,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Training and validation names → `artifact/`, not yet judged, and `curve.json`.

    The ranks that torchrun started beside this one are called to train with it.
    """
    order = {
        "sides": sides.name,
        "vocabulary": vocabulary.name,
        "recipe": dataclasses.asdict(recipe),
        "device": device,
    }
    with joined(call(order), device) as ranks:
        trained = _learn(
            sides, vocabulary, recipe, device, on_epoch=on_epoch, scratch=out, ranks=ranks
        )
    table, held_out = (NameTable.read(sides / f"{s}.parquet") for s in ("train", "validation"))
    codes = list(numbered(table.language)[0])
    artifact = Artifact(
        W=trained.W,
        U=trained.U,
        V=trained.V,
        vocabulary=trained.vocabulary,
        languages=tuple(resolve(code) for code in codes),
        temperature=trained.temperature,
        training={
            **dataclasses.asdict(recipe),
            **(trained.teaching._asdict() if trained.teaching else {}),
            "device": device,
        }
        | ({"processes": ranks.count} if ranks.count > 1 else {}),
        libraries={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
    )
    calibration = calibrate(Classifier(artifact), table, held_out)
    save(dataclasses.replace(artifact, **calibration._asdict()), out / "artifact")
    write_json(out / "curve.json", [epoch._asdict() for epoch in trained.curve])


def follow() -> None:
    """What every rank but the first does: train with it whenever it calls, and keep nothing.

    Raises:
        ValueError: this machine lacks what rank 0 prepared, or another rank has ended.
    """
    for name, order in calls():
        sides, vocabulary = (
            workspace() / "work" / order[stage] for stage in ("sides", "vocabulary")
        )
        if missing := [path for path in (sides, vocabulary) if not path.is_dir()]:
            raise ValueError(
                f"{missing[0]} is not there: all ranks need the BENTOML_HOME of rank 0, on other "
                "machines as a shared folder"
            )
        recipe = Recipe(**order["recipe"])
        with joined(name, order["device"]) as ranks:
            _learn(sides, vocabulary, recipe, order["device"], scratch=sides.parent, ranks=ranks)


def _learn(
    sides: Path,
    vocabulary: Path,
    recipe: Recipe,
    device: str,
    *,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    scratch: Path,
    ranks: Ranks,
) -> Trained:
    """W, U and V from the files of earlier stages."""
    table, held_out = (NameTable.read(sides / f"{s}.parquet") for s in ("train", "validation"))
    codes = list(numbered(table.language)[0])
    return distil(
        examples(table, codes, scratch),
        rows(held_out, codes),
        Vocabulary.from_dict(read_json(vocabulary / "vocabulary.json")),
        recipe,
        device=device,
        on_epoch=on_epoch,
        scratch=scratch,
        ranks=ranks,
    )


def read_json(path: Path) -> Any:
    """The JSON value in a file that a stage left."""
    return json.loads(path.read_text("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Leave a JSON value for a later stage."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
