import json
import os
from pathlib import Path

import bentoml
import pytest
from bentoml._internal.models import ModelStore

from model.artifact import RECORD, WEIGHTS, ArtifactError, digest
from model.pointer import Pointer, PointerError, pointer_path, read_pointer, write_pointer
from pipeline import store
from pipeline.store import Status, StoreError


def publish(artifact: Path, status: Status = "accepted") -> str:
    return store.publish(artifact, labels={}, metadata={}, status=status)


def promoted_tag() -> str:
    pointer = store.promoted()
    assert pointer
    return pointer.tag


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BENTOML_HOME where nothing was ever stored."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    return tmp_path


def test_a_published_model_is_the_artifact_with_its_labels(artifact: Path, empty: Path) -> None:
    metrics = {"macro_f1": 0.6, "languages": 4}
    tag = store.publish(
        artifact, labels={"data": "builtin"}, metadata={"metrics": metrics}, status="accepted"
    )

    [model] = store.models()
    assert (model.tag, model.status, model.promoted) == (tag, "accepted", False)
    assert model.labels["data"] == "builtin"
    assert model.metadata["metrics"] == metrics
    assert tag.startswith("namelang:")
    assert tag.endswith(digest(artifact)[:8])
    for name in (RECORD, WEIGHTS):
        assert (store.path(tag) / name).read_bytes() == (artifact / name).read_bytes()


def test_versions_of_one_artifact_differ_and_sort_by_age(artifact: Path, empty: Path) -> None:
    tags = [publish(artifact) for _ in range(3)]

    assert tags == sorted(set(tags)) == [model.tag for model in store.models()]


def test_publishing_does_not_promote(artifact: Path, home: Path) -> None:
    before = store.promoted()
    publish(artifact)

    assert store.promoted() == before


def test_what_the_service_could_not_load_is_not_published(tmp_path: Path, empty: Path) -> None:
    with pytest.raises(ArtifactError, match=RECORD):
        publish(tmp_path / "nowhere")
    assert store.models() == []


def test_an_interrupted_publishing_leaves_nothing(
    artifact: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = sorted(home.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupt)
        with pytest.raises(KeyboardInterrupt):
            publish(artifact)

    assert sorted(home.rglob("*")) == before


def test_bentoml_reads_the_store_beside_the_pointer(artifact: Path, home: Path) -> None:
    bentos_own = ModelStore(home / "models")
    first = bentoml.models.get("namelang:latest", _model_store=bentos_own).tag
    second = publish(artifact)

    assert str(first) == promoted_tag()
    assert str(bentoml.models.get("namelang:latest", _model_store=bentos_own).tag) == second
    assert [str(model.tag) for model in bentos_own.list()] == [str(first), second]


def test_a_version_is_named_in_full_or_by_a_prefix(artifact: Path, empty: Path) -> None:
    tag = publish(artifact)
    version = tag.removeprefix("namelang:")

    assert {store.path(name) for name in (tag, version, version[:-4])} == {store.path(tag)}


def test_an_unknown_or_ambiguous_version_is_refused_with_what_is_there(
    artifact: Path, empty: Path
) -> None:
    with pytest.raises(StoreError, match=r"'1999' is not in the store; .* holds nothing"):
        store.promote("1999")
    tags = [publish(artifact), publish(artifact)]
    with pytest.raises(StoreError, match=r"'1999' is not in the store; .*" + ", ".join(tags)):
        store.promote("1999")
    with pytest.raises(StoreError, match="'2' means more than one model; .*" + ", ".join(tags)):
        store.promote("2")


def test_promoting_moves_the_pointer_and_remembers_the_one_before(
    artifact: Path, home: Path
) -> None:
    first = promoted_tag()
    second = publish(artifact)

    pointer = store.promote(second)

    assert pointer == store.promoted() == read_pointer(home)
    assert pointer.sha256 == digest(artifact)
    assert pointer.previous
    assert (pointer.tag, pointer.previous.tag) == (second, first)
    assert [model.tag for model in store.models() if model.promoted] == [second]
    assert store.promote(second) == pointer  # once more changes nothing, the way back included


def test_a_refused_model_is_promoted_by_force_only(artifact: Path, home: Path) -> None:
    before = store.promoted()
    refused = publish(artifact, "refused")

    with pytest.raises(StoreError, match=f"{refused} was refused"):
        store.promote(refused)
    assert store.promoted() == before
    assert store.promote(refused, force=True).tag == refused


def test_a_roll_back_returns_and_a_second_one_undoes_it(artifact: Path, home: Path) -> None:
    first, second = promoted_tag(), publish(artifact)
    store.promote(second)

    assert [store.rollback().tag, store.rollback().tag] == [first, second]


def test_without_an_earlier_model_there_is_no_way_back(artifact: Path, empty: Path) -> None:
    with pytest.raises(StoreError, match="no model is promoted"):
        store.rollback()
    tag = store.promote(publish(artifact)).tag
    with pytest.raises(StoreError, match=f"{tag} is promoted and none was before it"):
        store.rollback()


@pytest.mark.parametrize("file", [RECORD, WEIGHTS])
def test_a_damaged_model_is_never_pointed_at(artifact: Path, home: Path, file: str) -> None:
    first, second = promoted_tag(), publish(artifact)
    pointer = store.promote(second)
    damaged = store.path(first) / file
    damaged.write_bytes(damaged.read_bytes().replace(b"0", b"1"))

    with pytest.raises(StoreError, match=f"{first} is damaged: .*{file}"):
        store.rollback()
    with pytest.raises(StoreError, match=f"{first} is damaged: .*{file}"):
        store.promote(first)
    assert store.promoted() == pointer


def test_each_call_reads_bentoml_home(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {}
    for name in ("one", "two"):
        monkeypatch.setenv("BENTOML_HOME", str(tmp_path / name))
        tags[name] = store.promote(publish(artifact)).tag

    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "one"))
    assert [model.tag for model in store.models()] == [tags["one"]]
    assert promoted_tag() == tags["one"]


def test_a_damaged_pointer_is_an_error_that_names_the_file(home: Path) -> None:
    path = pointer_path(home)
    for content in ("", "[]", "{}", json.dumps({"tag": "namelang:1", "previous": None})):
        path.write_text(content)
        with pytest.raises(PointerError, match=str(path)):
            store.promoted()


def test_a_pointer_that_cannot_be_written_leaves_the_old_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("no space left on device")

    before = read_pointer(home)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_pointer(home, Pointer("namelang:other", "0" * 64, promoted_at="now"))
    assert read_pointer(home) == before
