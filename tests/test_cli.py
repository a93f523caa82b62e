"""The command line: what it prints for machines, and what it says to people who err."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import store
from pipeline.cli import REFUSED, app, main


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
    assert [step["symbol"] for step in explanation["trace"]] == ["⊢", *"kowalski", "⊣"]
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


@pytest.mark.parametrize(
    ("args", "message"),
    [
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
