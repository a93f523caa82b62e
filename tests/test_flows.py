"""The whole way on real names, under Prefect's test server: data in, a promoted model out."""

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from model.artifact import load
from model.classifier import Classifier
from pipeline import store
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.score import ScoreConfig
from pipeline.config import Config
from pipeline.flows import Outcome, training
from pipeline.quiet import quiet_prefect
from pipeline.recipe import OF_FEW
from pipeline.score_flow import scoring
from pipeline.sources.builtin import BuiltinSource
from pipeline.sources.protocol import DataError
from pipeline.textfile import FAILED, SUCCEEDED, TRAINING
from pipeline.workspace import workspace

LANGUAGES = ("el", "it", "ja", "pl")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's CSV: a few hundred real names of four languages."""
    path = tmp_path_factory.mktemp("data") / "names.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "language"])
        source = BuiltinSource(languages=LANGUAGES, max_names=250)
        rows.writerows((record.name, record.language) for record in source.records())
    return path


@pytest.fixture(scope="module", autouse=True)
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, prefect_test_harness():
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def configuration(names: Path, **training: float) -> Config:
    recipe = {"hidden": 48, "epochs": 8, "batch": 64, "learning_rate": 0.02, "teachers": 2}
    return Config.read(
        None,
        {"ingest": {"sources": [str(names)]}, "training": recipe | training, "device": "cpu"},
    )


def run(config: Config) -> Outcome:
    with quiet_prefect():
        return training(config)


@pytest.fixture(scope="module")
def first(names: Path, prefect: None) -> Outcome:
    return run(configuration(names))


def test_a_good_model_is_published_and_promoted(first: Outcome) -> None:
    assert first.promoted
    pointer = store.promoted()
    assert pointer is not None
    assert pointer.tag == first.model
    classifier = Classifier.load(store.path(first.model), sha256=pointer.sha256)
    answers = classifier.classify(["Kowalski", "Papadopoulos", "田中", "Esposito"], top_k=1)
    assert [a["languages"][0]["code"] for a in answers] == ["pl", "el", "ja", "it"]


def test_its_record_says_where_it_comes_from_and_how_good_it_is(first: Outcome) -> None:
    artifact = load(store.path(first.model))
    assert artifact.metrics["test"] == first.metrics
    assert artifact.metrics["baseline"]["n"] == first.metrics["n"]
    assert set(first.metrics["per_language"]) == set(LANGUAGES)
    assert artifact.metrics["gate"]["accepted"]
    assert artifact.data["origins"][0]["name"] == "names.csv"
    assert artifact.training["hidden"] == 48
    assert artifact.training["teachers"] == 2
    assert artifact.training["passes"] == OF_FEW.passes
    assert artifact.libraries["torch"].startswith("2.13")
    assert artifact.reference is not None
    counted = [sum(own["verdicts"].values()) for own in artifact.reference.values()]
    assert first.metrics["n"] * 0.9 < sum(counted) <= first.metrics["n"], "each test name once"
    report = store.path(first.model) / "report"
    assert {path.name for path in report.iterdir()} == {
        "calibration.png", "confusion.png", "gate.md", "learning-curve.png", "quality.md",
        "report.md",
    }  # fmt: skip
    assert (report / "confusion.png").read_bytes().startswith(b"\x89PNG")


def artifacts() -> dict[str, str]:
    """The newest of the artifacts that Prefect holds, by key."""
    response = httpx.post(f"{PREFECT_API_URL.value()}/artifacts/latest/filter", json={})
    return {artifact["key"]: artifact["data"] for artifact in response.json()}


def test_prefect_shows_the_reports(first: Outcome) -> None:
    shown = artifacts()
    assert "| Polish | pl |" in shown["data-report"]
    assert "recall" in shown["quality-per-language"]
    for picture in ("learning-curve", "confusion", "calibration"):
        assert shown[picture].startswith("data:image/png;base64,")
    assert shown["gate"].startswith("# Gate: accepted\n\n- no promoted model to compare with")


def test_the_same_again_is_taken_from_the_workspace(
    first: Outcome, names: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (workspace() / "work").iterdir()}
    with caplog.at_level(logging.INFO, "prefect.task_runs"):
        again = run(configuration(names))
    after = {path: path.stat().st_mtime_ns for path in (workspace() / "work").iterdir()}
    assert after == before
    assert not any("epoch" in record.getMessage() for record in caplog.records)
    assert again.metrics == first.metrics
    assert again.promoted, "a tie is accepted"
    duel = load(store.path(again.model)).metrics["gate"]["duel"]
    assert (duel["champion"], duel["changes"]["changed"]) == (first.model, 0)
    assert duel["rows"] == first.metrics["n"]


def test_a_worse_model_is_kept_but_not_served(first: Outcome, names: Path) -> None:
    before = store.promoted()
    worse = run(configuration(names, epochs=1, hidden=2, teachers=0))
    assert not worse.promoted
    assert "below" in worse.reason
    assert store.promoted() == before
    [stored] = [model for model in store.models() if model.tag == worse.model]
    assert stored.status == "refused"
    gate = load(store.path(worse.model)).metrics["gate"]
    assert gate["reasons"]
    assert before
    assert gate["duel"]["champion"] == before.tag
    report = artifacts()["gate"]
    assert report == (store.path(worse.model) / "report" / "gate.md").read_text("utf-8")
    assert report.startswith("# Gate: refused")
    assert all(reason in report for reason in gate["reasons"])
    assert "## Names whose answer changed" in report
    with pytest.raises(store.StoreError, match="refused by the gate"):
        store.promote(worse.model)


def test_a_model_of_private_names_tells_none(first: Outcome, names: Path) -> None:
    config = configuration(names, epochs=1, hidden=2, teachers=0)
    private = run(config.model_copy(update={"evidence": False}))
    assert load(store.path(private.model)).training["exceptions"] == 0
    report = artifacts()["gate"]
    assert report == (store.path(private.model) / "report" / "gate.md").read_text("utf-8")
    assert "no longer right" in report
    assert "Names whose answer changed" not in report


def test_data_with_nothing_sensible_in_it(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("name,language\n123,Polish\n456,Greek\n", "utf-8")
    with pytest.raises(DataError, match="digits"):
        run(configuration(path))


def test_how_it_ended_is_left_for_alerts(
    first: Outcome, names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = tmp_path / "training.prom"
    monkeypatch.setenv(TRAINING, str(figures))
    with pytest.raises(DataError):
        run(configuration(tmp_path / "nowhere.csv"))
    assert FAILED in figures.read_text()
    assert SUCCEEDED not in figures.read_text()
    run(configuration(names))
    assert SUCCEEDED in figures.read_text()


def test_names_never_reach_the_logs(names: Path, caplog: pytest.LogCaptureFixture) -> None:
    marked = names.with_name("marked.csv")
    marked.write_text(names.read_text("utf-8") + "Zyxwvutski,pl\nZyxwvut5ki,pl\n", "utf-8")
    with caplog.at_level(logging.DEBUG):
        run(configuration(marked, epochs=1))
    assert "epoch" in caplog.text
    assert "zyxwvut" not in caplog.text.casefold()


def test_what_prefect_yaml_scores_can_be_asked_for() -> None:
    deployments = yaml.safe_load(Path("prefect.yaml").read_text("utf-8"))["deployments"]
    [scored] = [each for each in deployments if each["name"] == "namelang-score"]
    assert scored["entrypoint"] == f"pipeline/score_flow.py:{scoring.fn.__name__}"
    ScoreConfig.model_validate(scored["parameters"]["config"])


def test_scoring_leaves_a_report_without_names(first: Outcome, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("surname\nKowalski\nNowak\n\nTanaka\n", "utf-8")
    asked = ScoreConfig(
        source=str(tmp_path / "names.csv"),
        out=str(tmp_path / "out.csv"),
        options=ScoreOptions(column="surname"),
    )
    assert scoring(asked, model=first.model) == 4
    report = artifacts()["score-report"]
    assert f"**4 rows** by {first.model}" in report
    assert "| no_name | 1 | 25.0% |" in report
    assert not any(name in report for name in ("Kowalski", "Nowak", "Tanaka"))
    assert len((tmp_path / "out.csv").read_text("utf-8").splitlines()) == 5
