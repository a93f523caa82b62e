"""Retraining by itself, against real Prefect servers that the tests start, with real processes."""

import csv
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from prefect_server import Prefect, end, postgresql, prefect_server
from waiting import wait_for

from model.artifact import load_record
from pipeline.cli import main
from pipeline.config import Config
from pipeline.ingredients import FINGERPRINT, fingerprint, locate
from pipeline.sources.builtin import BuiltinSource

FAR = ("--cron", "0 3 1 1 *")
"""A schedule that does not fire while tests run."""
SETTINGS = """
device = "cpu"
[training]
hidden = 32
epochs = 4
batch = 64
learning_rate = 0.02
teachers = 0
"""


@dataclass(frozen=True)
class Place:
    """A server, names and settings; what is served is on top of them."""

    prefect: Prefect
    names: Path
    settings: Path

    @contextmanager
    def serving(self, *args: str) -> Iterator[Popen[bytes]]:
        """`namelang schedule` in a process of its own, which has settled earlier runs."""
        given = ["--source", str(self.names), "--config", str(self.settings)]
        command = ["pipeline.cli", "schedule", *args, *given]
        log = self.prefect.folder / "schedule.log"
        before = log.read_text().count("is served") if log.exists() else 0
        with self.prefect.process(*command, log=log.name) as process:

            def served() -> bool | None:
                assert process.poll() is None, log.read_text()
                return log.read_text().count("is served") > before or None

            wait_for(served, "the schedule", log.read_text)
            yield process

    def deployment(self, name: str = "namelang") -> dict[str, Any]:
        """What the server knows of the deployment, once it does."""

        def read() -> dict[str, Any] | None:
            answer = self.prefect.api.get(f"/deployments/name/namelang-retrain/{name}")
            return answer.json() if answer.is_success else None

        return wait_for(read, "the deployment", self.prefect.logs)

    def start(self, name: str = "namelang", **parameters: Any) -> dict[str, Any]:
        """A run by hand, as Prefect's page starts it."""
        path = f"/deployments/{self.deployment(name)['id']}/create_flow_run"
        run: dict[str, Any] = self.prefect.ask(path, parameters=parameters)
        return run

    def promoted(self) -> Path:
        """The directory of the promoted model."""
        models = Path(self.prefect.environment["BENTOML_HOME"], "models")
        pointer = json.loads((models / "namelang" / "promoted.json").read_text())
        return models.joinpath(*pointer["tag"].split(":"))

    def wait_until_idle(self) -> None:
        """Return once nothing waits or runs but what a far time will start."""

        def idle() -> bool | None:
            far = ("cron", "planned")
            left = [r for r in self.prefect.runs() if r["parameters"].get("reason") not in far]
            return all(run["end_time"] for run in left) or None

        wait_for(idle, "nothing to run", self.prefect.logs)

    def models(self) -> set[str]:
        """The versions in the store."""
        folder = Path(self.prefect.environment["BENTOML_HOME"], "models", "namelang")
        return {path.name for path in folder.iterdir() if path.is_dir()}

    def running(self, reason: str) -> dict[str, Any]:
        """A run that was started for this reason, once it runs."""

        def find() -> dict[str, Any] | None:
            return next(
                (
                    run
                    for run in self.prefect.runs()
                    if run["parameters"].get("reason") == reason and run["state_name"] == "Running"
                ),
                None,
            )

        return wait_for(find, f"{reason!r} to run", self.prefect.logs)

    def reading(self, reason: str) -> dict[str, Any]:
        """A run that was started for this reason, once it stands in for no more that wait."""
        run = self.running(reason)
        of_run = {"id": {"any_": [run["id"]]}}

        def read() -> list[Any] | None:
            return self.prefect.ask("/task_runs/filter", flow_runs=of_run) or None

        wait_for(read, f"{reason!r} to read its sources", self.prefect.logs)
        return run


def place(folder: Path, prefect: Prefect) -> Place:
    names, settings = folder / "names.csv", folder / "settings.toml"
    source = BuiltinSource(languages=("el", "it", "ja", "pl"), max_names=200)
    with names.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "language"])
        rows.writerows((record.name, record.language) for record in source.records())
    settings.write_text(SETTINGS)
    return Place(prefect, names, settings)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """On SQLite. A model is promoted already, by a schedule that fired."""
    with fired(tmp_path_factory.mktemp("sqlite"), None) as here:
        yield here


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The same on PostgreSQL."""
    with postgresql() as url, fired(tmp_path_factory.mktemp("postgresql"), url) as here:
        yield here


@contextmanager
def fired(folder: Path, database: str | None) -> Iterator[Place]:
    """A place where a schedule fired."""
    with prefect_server(folder, database) as prefect:
        here = place(folder, prefect)
        the_schedule_fires(here)
        yield here


def the_schedule_fires(here: Place) -> None:
    """It trains; then it finds nothing changed, and says so; then it is told to end."""
    with here.serving("--every", "4", *FAR) as process:
        first = here.prefect.ended("", "Promoted")
        assert here.promoted().name in first["state"]["message"]
        second = here.prefect.ended("every", "NothingChanged")
        assert second["state_type"] == "COMPLETED"
        assert here.promoted().name in second["state"]["message"]
        end(process)
        assert process.returncode == 0
    assert "Traceback" not in (here.prefect.folder / "schedule.log").read_text()


def test_a_models_record_has_the_fingerprint_of_what_it_was_made_of(at: Place) -> None:
    config = Config.read(at.settings, {"ingest": {"sources": [str(at.names)]}})
    made = load_record(at.promoted())["data"][FINGERPRINT]
    assert made == fingerprint(config, locate(config.ingest))
    elsewhere = config.model_copy(update={"device": "auto"})
    assert fingerprint(elsewhere, locate(config.ingest)) == made
    other = config.model_copy(update={"training": replace(config.training, seed=1)})
    assert fingerprint(other, locate(config.ingest)) != made


def test_by_hand_and_by_event_new_names_make_a_new_model_and_runs_never_overlap(at: Place) -> None:
    with at.serving(*FAR):
        deployment = at.deployment()
        assert deployment["global_concurrency_limit"]["limit"] == 1
        wrong = {"config": deployment["parameters"]["config"] | {"split": {"test": 7}}}
        path = f"/deployments/{deployment['id']}/create_flow_run"
        assert at.prefect.api.post(path, json={"parameters": wrong}).status_code == 409

        at.wait_until_idle()  # else whatever is to be caught up does what this run asks for
        at.prefect.command("pipeline.cli", "retrain", "--reason", "hand")
        assert at.prefect.ended("hand")["state_name"] == "NothingChanged"

        before = at.models()
        with at.names.open("a", encoding="utf-8") as file:
            file.write("Kowalczewski,pl\n")
        emit = ["prefect", "events", "emit", "namelang.data", "--resource-id", "names.csv"]
        at.prefect.command(*emit)
        trains = at.reading("namelang.data")
        same, other = at.start(reason="same"), at.start(reason="other", force=True)
        assert at.prefect.ended("namelang.data")["state_name"] in {"Promoted", "Refused"}
        [made] = at.models() - before
        assert made in at.prefect.ended("namelang.data")["state"]["message"]
        assert at.prefect.ended("same")["state_name"] == "NothingChanged"
        assert at.prefect.ended("other")["state_type"] == "COMPLETED"
        spans = [
            (run["start_time"], run["end_time"])
            for run in at.prefect.runs()
            if run["id"] in {trains["id"], same["id"], other["id"]}
        ]
        spans.sort()
        assert len(spans) == 3
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_renewal_catches_up_once_with_the_parameters_of_today(at: Place) -> None:
    """Killed in a run while others wait, and served anew with other settings."""
    with at.serving(*FAR) as process:
        at.start(reason="killed", force=True)
        killed = at.running("killed")
        end(process, signal.SIGKILL)
    missed = [at.start(reason="missed") for _ in range(3)]
    tomorrow = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}}
    path = f"/deployments/{at.deployment()['id']}/create_flow_run"
    planned = at.prefect.ask(path, parameters={"reason": "planned"}, state=tomorrow)
    at.settings.write_text(SETTINGS + "seed = 1\n")
    with at.serving("--cron", "0 4 1 1 *"):
        caught_up = at.prefect.ended("catches up 4 missed")
        assert caught_up["state_type"] == "COMPLETED"
        assert caught_up["parameters"]["config"]["training"]["seed"] == 1
        runs = {run["id"]: run for run in at.prefect.runs()}
        assert runs[killed["id"]]["state_name"] == "Crashed"
        assert {runs[run["id"]]["state_name"] for run in [*missed, planned]} == {"Cancelled"}
        waiting = [run for run in runs.values() if run["state_type"] == "SCHEDULED"]
        assert all(run["parameters"]["config"]["training"]["seed"] == 1 for run in waiting)
        assert {run["parameters"]["reason"] for run in waiting} == {"cron", "planned"}
        [schedule] = at.deployment()["schedules"]
        assert schedule["schedule"]["cron"] == "0 4 1 1 *"


def test_of_runs_that_waited_together_one_runs_a_drift_event_among_them(at: Place) -> None:
    drift = ["prefect", "events", "emit", "namelang.drift", "--resource-id", "namelang.model"]
    reasons = {"burst 1", "burst 2", "namelang.drift"}

    def asked(ended: bool) -> list[dict[str, Any]] | None:
        runs = [run for run in at.prefect.runs() if run["parameters"].get("reason") in reasons]
        return runs if len([r for r in runs if r["end_time"] or not ended]) == 3 else None

    with at.serving(*FAR) as process:
        process.send_signal(signal.SIGSTOP)
        at.start(reason="burst 1")
        at.start(reason="burst 2")
        at.prefect.command(*drift)
        wait_for(lambda: asked(ended=False), "three runs", at.prefect.logs)
        process.send_signal(signal.SIGCONT)
        runs = wait_for(lambda: asked(ended=True), "three runs to end", at.prefect.logs)
    assert sorted(run["state_name"] for run in runs)[:2] == ["Cancelled", "Cancelled"]
    [ran] = [run for run in runs if run["state_name"] != "Cancelled"]
    assert ran["state_type"] == "COMPLETED"


def test_postgresql_is_all_the_database_that_its_server_has(on_postgresql: Place) -> None:
    assert not list((on_postgresql.prefect.folder / "prefect").glob("*.db"))


def test_a_worker_runs_what_prefect_yaml_deploys(on_postgresql: Place) -> None:
    """On PostgreSQL: on SQLite a poll of the worker can lock the server for half a minute."""
    at = on_postgresql
    config = Config.read(at.settings, {"ingest": {"sources": [str(at.names)]}})
    pool = ["work-pool", "create", "--type", "process", "namelang"]
    at.prefect.command("prefect", *pool)
    given = json.dumps({"config": config.model_dump(mode="json")})
    # With fastapi 0.154 Prefect 3.8.8 deploys, and then fails to ask for the pool's workers.
    deploy = ["prefect", "--no-prompt", "deploy", "--name", "namelang-worker", "--params", given]
    assert "successfully created" in at.prefect.command(*deploy, ends_well=False)
    with at.prefect.process("prefect", "worker", "start", "--pool", "namelang", log="worker.log"):
        at.start("namelang-worker", reason="worker")
        assert at.prefect.ended("worker")["state_name"] == "NothingChanged"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no time is given; expected --cron"),
        (["--cron", "monday"], "cron is 'monday', expected one like five fields"),
        (["--cron", "0 3 * * 1", "--timezone", "Mars"], "timezone is 'Mars', expected one like"),
        (["--every", "0.1"], "every is 0.1, expected at least 1 second"),
        (["--every", "9", "--source", "missing.csv"], "missing.csv' does not exist"),
        (["--every", "9", "--config", "missing.toml"], "configuration missing.toml"),
        (["--every", "9"], "no Prefect server is named; `prefect server start` starts one"),
    ],
)
def test_a_mistake_is_told_before_anything_is_sent(
    args: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["namelang", "schedule", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_nobody_to_retrain(at: Place) -> None:
    with pytest.raises(AssertionError, match="no deployment 'namelang-retrain/nobody'"):
        at.prefect.command("pipeline.cli", "retrain", "--name", "nobody")
