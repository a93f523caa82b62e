"""The gate on models in directories: the challenger's, and the promoted one in the store."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rivals import TEST, spoilt, table, without

from model.artifact import RECORD, WEIGHTS, save
from model.classifier import Classifier
from model.evidence import display
from pipeline import store
from pipeline.config import GateConfig
from pipeline.contest import Contestant, compete
from pipeline.decide import decide
from pipeline.evaluate import evaluate
from pipeline.gate import Decision, Findings, judge
from pipeline.stages import write_json

LAX = GateConfig(min_accuracy=0, min_macro_f1=0, max_ece=1)


@pytest.fixture
def model(artifact: Path) -> Classifier:
    return Classifier(Classifier.load(artifact).artifact)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BENTOML_HOME of the test's own with nothing in it."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    return tmp_path


def written(model: Classifier, directory: Path) -> Path:
    """The model as an artifact; with its evidence where it has some."""
    evidence = model.evidence
    sha256 = evidence.sha256 if evidence else None
    bare = dataclasses.replace(model.artifact, evidence_sha256=sha256, smoke=None)
    save(bare, directory)
    if evidence:
        evidence.save(directory)
    return directory


def promote(model: Classifier, folder: Path) -> str:
    path = written(model, folder / "champion")
    tag = store.publish(path, labels={}, metadata={}, status="accepted")
    store.promote(tag)
    return tag


def decided(
    model: Classifier, folder: Path, config: GateConfig = LAX, *, show_names: bool = True
) -> Decision:
    """What the gate says of a model whose test names are those of `table`."""
    rows = table()
    folders = [folder / name for name in ("sides", "trained", "evaluated")]
    for each in folders:
        each.mkdir()
    sides, trained, evaluated = folders
    rows.write(sides / "test.parquet")
    written(model, trained / "artifact")
    quality = evaluate(
        rows.name, rows.language, model.probabilities(rows.name), model.languages
    ).to_dict()
    write_json(evaluated / "quality.json", {"test": quality, "baseline": quality})
    return decide(sides, trained, evaluated, config, show_names=show_names)


def test_the_first_model(model: Classifier, empty: Path) -> None:
    decision = decided(model, empty)
    assert decision.accepted
    artifact = empty / "trained" / "artifact"
    size = sum((artifact / file).stat().st_size for file in (WEIGHTS, RECORD))
    assert decision.contest["bytes"] == {"challenger": size, "champion": None}
    assert decision.contest["race"]["challenger"]["names_per_second"] > 0


def test_an_equal_model_is_accepted(model: Classifier, empty: Path) -> None:
    tag = promote(model, empty)
    decision = decided(model, empty)
    assert decision.accepted, decision.reason
    assert decision.contest["duel"]["champion"] == tag
    assert decision.contest["duel"]["rows"] == len(TEST)
    assert "it cannot be known whether it was trained on" in decision.reason
    assert "Names whose answer changed" not in decision.report


def test_a_better_model_is_accepted(model: Classifier, empty: Path) -> None:
    promote(spoilt(model, 20), empty)
    decision = decided(model, empty)
    assert decision.accepted, decision.reason
    figure = decision.contest["duel"]["figures"]["accuracy"]
    assert figure["low"] > 0, "better beyond chance"


def test_a_worse_model_is_refused_and_the_report_lists_what_changed(
    model: Classifier, empty: Path
) -> None:
    promote(model, empty)
    decision = decided(spoilt(model, 20), empty)
    assert not decision.accepted
    assert [r.split()[0] for r in decision.reasons[:3]] == ["accuracy", "macro-F1", "log-loss"]
    assert "## Names whose answer changed" in decision.report
    assert sum(display(name) in decision.report for name in TEST) > 5
    record = json.dumps(decision.to_dict(), ensure_ascii=False)
    assert not any(name in record for name in TEST)
    assert json.loads(record)["duel"]["changes"]["lost"] > 5


def test_without_evidence_no_name_is_shown(model: Classifier, empty: Path) -> None:
    promote(model, empty)
    decision = decided(spoilt(model, 20), empty, show_names=False)
    assert "no longer right" in decision.report
    assert not any(display(name) in decision.report for name in TEST)


def test_what_the_champion_was_trained_on_does_not_count(artifact: Path, empty: Path) -> None:
    """The champion carries all the test names but two as its evidence."""
    whole = Classifier.load(artifact)
    assert whole.evidence
    known = {name: by for name, by in whole.evidence.known.items() if name not in TEST[:2]}
    champion = Classifier(whole.artifact, dataclasses.replace(whole.evidence, known=known))
    promote(champion, empty)
    decision = decided(Classifier(whole.artifact), empty)
    assert decision.contest["duel"]["rows"] == 2
    assert "38 rows left out that a model was trained on" in decision.reasons
    assert not any(display(name) in decision.report for name in TEST)


def test_a_model_that_lost_a_language(model: Classifier, empty: Path) -> None:
    promote(model, empty)
    decision = decided(without(model, "ru"), empty)
    assert not decision.accepted
    assert "1 language of the promoted model would disappear: ru" in decision.reason


def test_a_model_that_is_too_large(model: Classifier, empty: Path) -> None:
    decision = decided(model, empty, LAX.model_copy(update={"max_bytes": 1000}))
    assert not decision.accepted
    assert "bytes is above the limit of 1,000" in decision.reason


class Dawdler(Classifier):
    """The same answers, each asked for five times."""

    def probabilities(self, names: Sequence[str]) -> np.ndarray:
        for _ in range(4):
            super().probabilities(names)
        return super().probabilities(names)


def test_a_model_that_is_too_slow(model: Classifier) -> None:
    rows = table()
    slow, fast = Contestant("slow", Dawdler(model.artifact), 1), Contestant("fast", model, 1)
    p = model.probabilities(rows.name)
    quality = evaluate(rows.name, rows.language, p, model.languages)
    decision = judge(Findings(quality, quality, compete(slow, fast, rows)), LAX)
    assert not decision.accepted
    assert any("one name takes" in reason for reason in decision.reasons)
    assert judge(Findings(quality, quality, compete(fast, slow, rows)), LAX).accepted


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_champion_that_cannot_be_read(model: Classifier, empty: Path, how: str) -> None:
    tag = promote(model, empty)
    directory = store.path(tag)
    if how == "damaged":
        (directory / WEIGHTS).write_bytes(b"no weights")
    else:
        directory.rename(empty / "elsewhere")
    decision = decided(model, empty)
    assert decision.accepted
    assert decision.reasons[0] == f"{tag} is promoted but cannot be read, nor compared with"
    assert str(empty) not in decision.report
