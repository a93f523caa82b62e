import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.artifact import (
    RECORD,
    WEIGHTS,
    ArtifactError,
    digest,
    load,
    save,
)
from model.classifier import Classifier
from model.evidence import EVIDENCE, Evidence


@pytest.fixture
def copy(artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact, tmp_path / "copy"))


def edit(directory: Path, **changes: object) -> None:
    path = directory / RECORD
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_save_then_load_gives_the_same_probabilities(artifact: Path, tmp_path: Path) -> None:
    sha256 = save(load(artifact), tmp_path / "again")
    Evidence.load(artifact).save(tmp_path / "again")
    assert sha256 == digest(artifact), "the same model gives the same bytes"
    names = ["Kowalski", "Иванов", "田中"]
    np.testing.assert_array_equal(
        Classifier.load(tmp_path / "again", sha256=sha256).probabilities(names),
        Classifier.load(artifact).probabilities(names),
    )


def test_half_the_room_where_nothing_is_lost(artifact: Path, tmp_path: Path) -> None:
    trained = load(artifact)
    matrices = trained.W.size + trained.U.size + trained.V.size
    assert (artifact / WEIGHTS).stat().st_size < 2 * matrices + 1000
    finer = dataclasses.replace(trained, V=trained.V + np.float32(1e-6), evidence_sha256=None)
    save(finer, tmp_path / "finer")
    np.testing.assert_array_equal(load(tmp_path / "finer").V, finer.V)


def test_only_whole_directories_appear(artifact: Path, tmp_path: Path) -> None:
    unwritable = dataclasses.replace(load(artifact), metrics={"f1": object()})
    with pytest.raises(TypeError):
        save(unwritable, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_an_artifact_is_never_overwritten(artifact: Path) -> None:
    before = digest(artifact)
    with pytest.raises(FileExistsError, match="never overwritten"):
        save(load(artifact), artifact)
    assert digest(artifact) == before


@pytest.mark.parametrize("name", [RECORD, WEIGHTS, EVIDENCE])
def test_a_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} cannot be read: No such file"):
        Classifier.load(copy)


def test_damaged_weights(copy: Path) -> None:
    content = bytearray((copy / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (copy / WEIGHTS).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"weights\.safetensors has SHA-256 .* expected"):
        load(copy)


def test_another_model_than_the_one_asked_for(copy: Path) -> None:
    with pytest.raises(ArtifactError, match="expected 00ff"):
        load(copy, sha256="00ff")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 1}, "schema_version 1; this version reads 2"),
        ({"normalisation_version": 0}, "normalisation_version 0; this version reads 2"),
        ({"languages": [{"code": "pl", "name": "Polish"}]}, r"V has shape \(4, 32\), expected \(1"),
        ({"temperature": 0}, "temperature is 0, expected above 0"),
        ({"vocabulary": {"order": 3}}, "not a whole artifact: KeyError"),
        ({"languages": None}, "not a whole artifact: TypeError"),
        ({"confusion": [[1, 2], [3, 4]]}, "confusion is not square; expected 4 rows of 4 counts"),
        ({"confusion": []}, "confusion is not square"),
        ({"confusion": [[0, 0, 0, -1]] * 4}, "confusion holds what is no count"),
        ({"confusion": [[0, 0, 0, 0.5]] * 4}, "confusion holds what is no count"),
        ({"confusion": 7}, "not a whole artifact: TypeError"),
    ],
)
def test_a_record_that_cannot_be_right(
    copy: Path, changes: dict[str, object], message: str
) -> None:
    edit(copy, **changes)
    with pytest.raises(ArtifactError, match=message):
        load(copy)


def test_a_model_of_before_the_confusion_was_counted(copy: Path) -> None:
    path = copy / RECORD
    record = json.loads(path.read_text("utf-8"))
    del record["confusion"]
    path.write_text(json.dumps(record), "utf-8")
    assert load(copy).confusion is None
    assert Classifier.load(copy).classify(["Nowak"], 1)


def test_a_record_cut_short(copy: Path) -> None:
    (copy / RECORD).write_bytes((copy / RECORD).read_bytes()[:99])
    with pytest.raises(ArtifactError, match="not a model's record"):
        load(copy)


def test_weights_that_are_not_finite(artifact: Path) -> None:
    model = load(artifact)
    with pytest.raises(ArtifactError, match="W holds values that are not finite"):
        dataclasses.replace(model, W=np.full_like(model.W, np.nan))
