"""The command line: what it prints for machines, and what it says to people who err."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rivals import duel_of, swapped, without
from typer.testing import CliRunner

from model.artifact import load, save
from model.classifier import Classifier
from pipeline import store
from pipeline.cli import REFUSED, app, main
from pipeline.contest import Contest, Sizes
from pipeline.race import Race, Speed


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """Every test has a store of its own with a promoted model."""


def namelang(*args: str) -> str:
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refusal(*args: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error of a command that must fail with exit code 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["namelang", *args])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    return line


def labelled(folder: Path, *rows: str) -> str:
    path = folder / "labelled.csv"
    path.write_text("\n".join(["name,language", *rows]), "utf-8")
    return str(path)


def promoted() -> str:
    pointer = store.promoted()
    assert pointer is not None
    return pointer.tag


def test_classify_prints_one_json_object_a_line() -> None:
    lines = namelang("classify", "Kowalski", "田中", "--top-k", "1", "--json").splitlines()
    answers = [json.loads(line) for line in lines]
    assert [answer["name"] for answer in answers] == ["Kowalski", "田中"]
    assert answers[0].keys() == {"model", "name", "verdict", "reason", "set", "languages"}
    assert answers[0]["model"] == promoted()
    assert answers[1]["languages"][0]["code"] == "ja"


def test_classify_for_people() -> None:
    output = namelang("classify", "Kowalski")
    assert "Polish" in output
    assert "█" in output


def test_explain_for_people_and_for_machines() -> None:
    output = namelang("classify", "Kowalski", "--explain")
    assert "on the training lists: Polish ×1" in output
    assert "near: Kowalski (Polish ×1), cosine 1.00" in output
    explanation = json.loads(namelang("classify", "Kowalski", "--explain", "--json"))
    assert [step["symbol"] for step in explanation["trace"]] == [*"kowalski"]
    assert explanation["on_lists"] == {"pl": 1}


def test_the_callers_context() -> None:
    only = json.loads(namelang("classify", "Kowalski", "--only", "Slavic", "--json"))
    shares = {lang["code"]: lang["probability"] for lang in only["languages"]}
    assert shares["el"] == shares["ja"] == 0
    assert shares["pl"] + shares["ru"] == pytest.approx(1)
    assert set(only["set"]) <= {"pl", "ru"}
    prior = ["--prior", "ru=1000", "--prior", "*=1"]
    expected = json.loads(namelang("classify", "Kowalski", *prior, "--json"))
    plain = json.loads(namelang("classify", "Kowalski", "--json"))
    assert {x["code"]: x for x in expected["languages"]}["ru"]["probability"] > (
        {x["code"]: x for x in plain["languages"]}["ru"]["probability"]
    )


def test_the_model_card() -> None:
    assert namelang("models", "card").startswith(f"# Model card: {promoted()}")


def test_classify_with_an_artifact_directory(artifact: Path) -> None:
    [line] = namelang("classify", "Kowalski", "--json", "--model", str(artifact)).splitlines()
    assert json.loads(line)["model"] == str(artifact)


def test_evaluate_on_labelled_names(tmp_path: Path) -> None:
    rows = ["Kowalski,Polish", "Nowak,pol", "Tanaka,ja", "Tanaka,Klingon", "Murray,Scottish"]
    quality = json.loads(namelang("evaluate", labelled(tmp_path, *rows), "--json"))
    assert quality["n"] == 3
    assert quality["accuracy"] == 1.0
    assert quality["unknown_labels"] == {"tlh": 1, "Scottish": 1}
    assert quality["per_language"]["pl"]["n"] == 2
    assert quality.keys() >= {
        "any_valid_accuracy", "macro_f1", "log_loss", "ece", "top3_accuracy",
    }  # fmt: skip


def test_evaluate_for_people_says_what_it_left_out(tmp_path: Path) -> None:
    output = namelang("evaluate", labelled(tmp_path, "Kowalski,Polish", "Murray,Scottish"))
    assert "left out: 1 rows labelled 'Scottish'" in output


def test_models_list_show_promote_and_rollback(artifact: Path) -> None:
    first = promoted()
    second = store.publish(artifact, labels={}, metadata={}, status="accepted")
    listed = json.loads(namelang("models", "list", "--json"))
    assert {row["model"]: row["promoted"] for row in listed} == {first: True, second: False}
    assert first in namelang("models", "list")

    shown = json.loads(namelang("models", "show", second, "--json"))
    assert shown["model"] == second
    assert [language["name"] for language in shown["languages"]] == [
        "Greek", "Japanese", "Polish", "Russian",
    ]  # fmt: skip
    assert "Greek, Japanese" in namelang("models", "show")

    namelang("models", "promote", second)
    assert promoted() == second
    assert json.loads(namelang("models", "rollback", "--json"))["tag"] == first
    assert promoted() == first


UNSEEN = ("Adamski,Polish", "Borkowski,pl", "Ishida,ja", "Ishikawa,Japanese", "Ishida,ja")


def rival(artifact: Path, folder: Path) -> str:
    """Another model in the store, which answers otherwise and carries no evidence."""
    path = folder / "rival"
    model = swapped(Classifier.load(artifact)).artifact
    save(replace(model, evidence_sha256=None, smoke=None), path)
    return store.publish(path, labels={}, metadata={}, status="refused")


def test_compare_two_models_on_labelled_names(artifact: Path, tmp_path: Path) -> None:
    other = rival(artifact, tmp_path)
    data = labelled(tmp_path, *UNSEEN, "Kowalski,pl", "Murray,Scottish")
    outcome = json.loads(namelang("models", "compare", other, "--data", data, "--json"))
    duel = outcome["duel"]
    assert (outcome["challenger"], duel["champion"]) == (other, promoted())
    assert (duel["rows"], duel["names"]) == (4, 4), "each name and label once"
    assert (duel["trained_on"], duel["unknown"]) == (1, 1)
    quality = json.loads(namelang("evaluate", labelled(tmp_path, *UNSEEN[:4]), "--json"))
    assert duel["figures"]["log_loss"]["champion"] == pytest.approx(quality["log_loss"], abs=1e-5)
    assert len(outcome["names"]) == duel["changes"]["changed"] == 4
    drops = [name["drop"] for name in outcome["names"]]
    assert drops == sorted(drops, reverse=True)

    data = labelled(tmp_path, *UNSEEN)
    shown = namelang("models", "compare", other, promoted(), "--data", data, "--names", "1")
    assert f"challenger {other}" in shown
    assert "on the same test rows" in shown
    assert sum(name in shown for name in ("Adamski", "Borkowski", "Ishida", "Ishikawa")) == 1


def test_compare_names_what_the_gate_would_object_to(artifact: Path, tmp_path: Path) -> None:
    data = labelled(tmp_path, *UNSEEN)
    same = namelang("models", "compare", promoted(), promoted(), "--data", data)
    assert "what the gate would object to:\n  - nothing" in same
    assert "Ishida" not in same, "no answer changed"
    fewer = tmp_path / "fewer"
    bare = replace(
        without(Classifier.load(artifact), "ru").artifact, evidence_sha256=None, smoke=None
    )
    save(bare, fewer)
    worse = json.loads(namelang("models", "compare", str(fewer), "--data", data, "--json"))
    assert ["would disappear: ru" in objection for objection in worse["objections"]] == [True]


def test_show_has_the_gates_comparison_where_the_record_has_it(
    artifact: Path, tmp_path: Path
) -> None:
    def shown(name: str, gate: dict[str, Any]) -> str:
        model = replace(load(artifact), metrics={"gate": gate}, evidence_sha256=None)
        save(model, tmp_path / name)
        return namelang("models", "show", str(tmp_path / name))

    old = {"accepted": False, "reasons": ["accuracy 0.1 is below", "and so on"]}
    before = shown("old", old)
    assert "gate: refused\n  - accuracy 0.1 is below\n  - and so on" in before
    assert "champion" not in before
    race = Race(Speed(0.1, 1e5), Speed(0.1, 1e5), 1.0, 1.0)
    now = shown("new", old | Contest(Sizes(1, 2), race, duel_of()).to_dict())
    assert "namelang:champion" in now
    assert "1,000 rows" in now


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["models", "compare", "nothing", "--data", "x.csv"], "'nothing' is not in the store"),
        (["classify", "Kowalski", " "], "name 2: a name without a readable character"),
        (["classify", "x", "--model", "nothing"], "'nothing' is not in the store"),
        (["classify", "x", "--only", "Polishh"], "the nearest known: Polish"),
        (["classify", "x", "--prior", "pl"], "expected a name, = and a number, like pl=3"),
        (["classify", "x", "--coverage", "2"], "coverage is 2.0, expected 0.5 to 0.99"),
        (["models", "rollback"], "nothing to roll back to"),
        (["evaluate", "missing.csv"], "'missing.csv' does not exist"),
        (["train", "--device", "tpu"], "device = 'tpu'"),
        (["train", "--epochs", "0"], "epochs is 0, expected at least 1"),
        (["train", "--config", "missing.toml"], "configuration missing.toml cannot be read"),
    ],
)
def test_a_mistake_ends_in_one_line(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refusal(*args, capsys=capsys)


def test_nothing_to_compare_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = labelled(tmp_path, "Kowalski,Polish", "Murray,Scottish")
    message = refusal("models", "compare", promoted(), "--data", data, capsys=capsys)
    assert "no row to compare on: 1 have a label that not both models know, 1 have" in message


def test_nothing_promoted_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "empty"))
    assert "no model is promoted in" in refusal("models", "show", capsys=capsys)


def test_train_in_a_process_of_its_own_ends_with_one_json_object(tmp_path: Path) -> None:
    """A real run with a server that Prefect starts itself; two epochs of tiny data are refused."""
    rows = [f"{stem}{ending}" for stem in ("Kowa", "Nowa", "Zie", "Lewa", "Kami", "Wis") * 4
            for ending in ("ski,Polish", "akis,Greek")]  # fmt: skip
    rows = [row.replace(",", f"{chr(97 + i // 12)},", 1) for i, row in enumerate(rows)]
    command = ["train", "--source", labelled(tmp_path, *rows), "--epochs", "1", "--hidden", "4"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *command, "--json"],
        capture_output=True,
        text=True,
        env=os.environ | {"BENTOML_HOME": str(tmp_path)},
        cwd=Path(__file__).parent.parent,
    )
    [line] = done.stdout.splitlines()
    outcome = json.loads(line)
    assert outcome.keys() == {"model", "promoted", "reason", "metrics"}
    assert outcome["promoted"] is False
    assert done.returncode == REFUSED
    assert (tmp_path / "namelang" / "prefect").is_dir(), "Prefect's files stay in the same home"
    assert "Finished in state Completed" in done.stderr, "what the run says is told"
    assert "temporary server" not in done.stderr, "what Prefect says of its server is not"
