"""Drift found in a real service, by the command and by the flow, which asks for a retraining."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from made_up import table_of
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness
from server import CHECKOUT, Server, serve
from typer.testing import CliRunner

from model import tally
from model.artifact import Artifact, Language, save
from model.classifier import Classifier
from model.vocabulary import Vocabulary
from pipeline import store, windows
from pipeline.batches import examples
from pipeline.calibrate import calibrate
from pipeline.cli import app
from pipeline.recipe import Recipe
from pipeline.table import NameTable
from pipeline.train import train

ENDINGS = {"el": "opoulos", "ja": "moto", "pl": "ski", "ru": "ov"}
LETTERS = "abdegiklmnoprstu"


def split_of(names: int) -> list[NameTable]:
    """Tables of so many names each: to train on, to calibrate on, to refer to, and to send."""
    table = table_of(ENDINGS, LETTERS, 4 * names)
    order = np.random.default_rng(0).permutation(4 * names)
    return [table.take(np.sort(rows)) for rows in np.split(order, 4)]


TABLES = split_of(1200)
SENT = list(TABLES[3].name)
NOISE = ["".join(np.random.default_rng(i).choice(list("qxzwvjжщ"), 7)) for i in range(400)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with a promoted model that knows four endings, and what its test names come to."""
    home = tmp_path_factory.mktemp("home")
    training, validation, test, _ = TABLES
    codes = sorted(ENDINGS)
    seen = examples(training, codes)
    vocabulary = Vocabulary.fit(seen.names, min_count=2)
    recipe = Recipe(hidden=16, batch=64, epochs=2, learning_rate=0.02)
    trained = train(seen, examples(validation, codes), vocabulary, recipe, device="cpu")
    languages = tuple(Language(code, code) for code in codes)
    model = Artifact(trained.W, trained.U, trained.V, vocabulary, languages)
    fitted = calibrate(Classifier(model), training, validation)
    model = replace(model, **fitted._asdict())
    model = replace(model, reference=tally.reference(Classifier(model), test.name))
    save(model, home / "artifact")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        store.promote(store.publish(home / "artifact", labels={}, metadata={}, status="accepted"))
        yield home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serve("service.app:Namelang", home=home, log=home / "log") as running:
        yield running


def address(server: Server) -> str:
    return str(server.http.base_url).rstrip("/")


def send(server: Server, names: list[str]) -> None:
    response = server.http.post("/v1/classify_batch", json={"names": names, "top_k": 1})
    assert response.status_code == 200


def drift(server: Server, *options: str, code: int) -> dict[str, Any]:
    """What the command says for machines."""
    line = ["drift", "--url", address(server), "--json", *options]
    result = CliRunner().invoke(app, line, catch_exceptions=False)
    assert result.exit_code == code, result.output
    report: dict[str, Any] = json.loads(result.output)
    report["findings"] = {c["feature"]: c["finding"] for c in report["comparisons"]}
    return report


def a_day_passes(server: Server) -> None:
    """A snapshot is taken, and what was taken is a day older."""
    path = windows.path_of(address(server))
    CliRunner().invoke(app, ["drift", "--url", address(server)])
    history = windows.read(path)
    history.snapshots = [replace(s, at=s.at - 86_400) for s in history.snapshots]
    windows.write(path, history)


# The command


def test_names_like_those_of_training_are_no_drift(server: Server) -> None:
    a_day_passes(server)
    send(server, SENT)

    report = drift(server, code=0)

    assert report["finding"] == "steady"
    assert report["names"] == 1200
    assert 1150 < report["other_names"] <= 1200
    assert report["findings"].pop("languages") == "information"
    assert set(report["findings"].values()) == {"steady"}


def test_noise_is_drift(server: Server, tmp_path: Path) -> None:
    a_day_passes(server)
    send(server, SENT + NOISE)
    picture, textfile = tmp_path / "drift.png", tmp_path / "drift.prom"

    report = drift(server, "--draw", str(picture), "--textfile", str(textfile), code=4)

    assert report["names"] == 1600
    del report["findings"]["languages"]
    assert set(report["findings"].values()) == {"drift"}
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "namelang_drift_names 1600.0" in textfile.read_text()


def test_another_language_is_drift_from_the_day_before_and_none_from_training(
    server: Server,
) -> None:
    a_day_passes(server)
    send(server, SENT)
    a_day_passes(server)
    send(server, [name for name in SENT if name.endswith("ski")] * 2)

    before = drift(server, "--against", "before", code=4)
    reference = drift(server, code=0)

    assert (before["names"], before["other_names"]) == (532, 1200)
    assert before["findings"]["languages"] == "drift"
    assert reference["comparisons"][0]["distance"] > 0.3
    assert reference["other_names"] < 400, "test names of this language alone"


def test_as_a_program_it_ends_with_4_and_names_nobody(server: Server, home: Path) -> None:
    a_day_passes(server)
    send(server, NOISE)

    line = [sys.executable, "-m", "pipeline.cli", "drift", "--url", address(server)]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True)

    nobody = subprocess.run([*line, "--window", "8d"], cwd=CHECKOUT, capture_output=True)

    assert done.returncode == 4, done.stderr
    assert nobody.returncode == 1
    assert "familiarity" in done.stdout
    kept = windows.path_of(address(server)).read_text()
    for name in SENT + NOISE:
        assert name not in done.stdout + kept
    history = windows.read(windows.path_of(address(server)))
    labels = {label for s in history.snapshots for each in s.counts.values() for label in each}
    verdicts = {"confident", "ambiguous", "unknown"}
    assert labels <= {*ENDINGS, *verdicts, *tally.BINS, "learned", "unlearned"}


def refusal(*options: str) -> str:
    """What the command says where it ends with exit code 1; `main` prints it."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        CliRunner().invoke(app, ["drift", *options], catch_exceptions=False)
    return str(refused.value)


def test_what_cannot_be_told_is_said_in_a_sentence(
    server: Server, home: Path, artifact: Path, tmp_path: Path
) -> None:
    a_day_passes(server)
    url = address(server)
    assert "has read no name since" in refusal("--url", url)
    send(server, SENT[:20])
    assert drift(server, code=1)["finding"] == "too few names"
    assert "127.0.0.1:9 cannot be asked" in refusal("--url", "http://127.0.0.1:9")
    assert "at most 7 days" in refusal("--url", url, "--window", "8d")
    assert "--model names the directory" in refusal("--url", url, "--model", str(tmp_path))
    record = json.loads((artifact / "model.json").read_text())
    del record["reference"]
    (tmp_path / "model.json").write_text(json.dumps(record))
    assert "has no reference counts" in refusal("--url", url, "--model", str(tmp_path))


# The flow


@pytest.fixture(scope="module")
def prefect() -> Iterator[str]:
    with prefect_test_harness():
        yield str(PREFECT_API_URL.value())


def events(api: str, expected: int) -> list[dict[str, Any]]:
    """The drift events that Prefect's server has; it takes a moment to store them."""
    deadline = time.monotonic() + 10
    while True:
        body = {"filter": {"event": {"name": ["namelang.drift"]}}}
        found: list[dict[str, Any]] = httpx.post(f"{api}/events/filter", json=body).json()["events"]
        if len(found) >= expected or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def test_the_flow_asks_for_a_retraining_once_and_shows_why(server: Server, prefect: str) -> None:
    from pipeline.drift_flow import watch_drift

    a_day_passes(server)
    send(server, SENT)
    day = 86_400.0
    steady = watch_drift(address(server), day, return_state=True)
    assert events(prefect, 0) == []
    send(server, NOISE)
    drifted = [watch_drift(address(server), day, return_state=True) for _ in range(2)]

    assert [state.name for state in (steady, *drifted)] == ["Steady", "Drift", "Drift"]
    [event] = events(prefect, 1)
    assert event["resource"]["prefect.resource.name"].startswith("namelang:")
    assert event["payload"]["names"] == 1600
    time.sleep(0.5)
    assert len(events(prefect, 1)) == 1
    shown = httpx.post(f"{prefect}/artifacts/filter", json={}).json()
    texts = {artifact["key"]: artifact["data"] for artifact in shown}
    assert "| familiarity |" in texts["drift"]
    assert base64.b64decode(texts["drift-shares"].partition(",")[2]).startswith(b"\x89PNG")
