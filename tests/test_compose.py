import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from images import read
from server import CHECKOUT

COMPOSE = CHECKOUT / "docker-compose.yml"
COMPOSED: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSED["services"]
EXAMPLE = CHECKOUT / ".env.example"
DOCKERFILES = sorted((CHECKOUT / "containers").glob("*.Dockerfile"))


def test_the_file_keeps_to_the_compose_specification() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_service_is_for_this_machine_unless_someone_says_otherwise() -> None:
    assert SERVICES["api"]["ports"] == [
        "${NAMELANG_ADDRESS:-127.0.0.1}:${NAMELANG_PORT:-3000}:3000"
    ]
    for name in SERVICES.keys() - {"api"}:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_nothing_that_it_need_not(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert not service.get("privileged")


def test_only_the_trainer_and_what_watches_for_drift_can_write_to_the_store() -> None:
    may = {
        name for name, service in SERVICES.items() if "store:/store" in service.get("volumes", ())
    }

    assert may == {"trainer", "trainer-cuda", "drift"}
    assert "store:/store:ro" in SERVICES["api"]["volumes"]


def test_whatever_others_wait_for_says_whether_it_is_well() -> None:
    awaited = {
        other
        for service in SERVICES.values()
        if isinstance(needed := service.get("depends_on"), dict)
        for other, how in needed.items()
        if how["condition"] == "service_healthy"
    }

    assert awaited == {"api", "prefect", "postgres"}
    assert all("test" in SERVICES[name]["healthcheck"] for name in awaited)


@pytest.mark.parametrize(("code", "asked"), [(0, False), (1, False), (4, True)])
def test_drift_has_the_trainer_look_for_new_data(code: int, asked: bool, tmp_path: Path) -> None:
    [script] = SERVICES["drift"]["command"]
    script = script.replace("$$", "$").replace("${NAMELANG_DRIFT_SECONDS:-3600}", "10; exit")
    log = tmp_path / "log"
    for name, lines in {"namelang": f'echo "$@" >> {log}; exit {code}', "sleep": ":"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    subprocess.run([*SERVICES["drift"]["entrypoint"], script], env=environment, check=True)

    first, *more = log.read_text().splitlines()
    assert first == "drift --url http://api:3000 --textfile /metrics/drift.prom"
    assert more == ["retrain --reason drift"] * asked


def test_exactly_one_trainer_runs() -> None:
    [chosen] = re.findall(r"^COMPOSE_PROFILES=(\w+)$", EXAMPLE.read_text(), re.MULTILINE)
    profiles = {name: s["profiles"] for name, s in SERVICES.items() if "profiles" in s}

    assert profiles == {"trainer": ["cpu"], "trainer-cuda": ["cuda"]}
    assert chosen == "cpu"


def test_every_variable_of_the_file_is_explained_and_no_password_is_given() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text()))
    example = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))

    assert example.keys() == used | {"COMPOSE_PROFILES"}
    assert {name for name, value in example.items() if not value} == {
        "POSTGRES_PASSWORD",
        "GRAFANA_PASSWORD",
    }
    for name, value in re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text()):
        assert value == example[name]


def test_images_of_others_are_pinned_by_their_content() -> None:
    theirs = [service["image"] for service in SERVICES.values() if "build" not in service]
    theirs += [read(path).base for path in DOCKERFILES]

    assert len(theirs) == 6
    for image in theirs:
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}", image)


def test_no_path_of_a_machine_is_in_the_files() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSED["volumes"] or (CHECKOUT / source).is_dir(), name


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_an_image_copies_reaches_the_builder(path: Path) -> None:
    context = (CHECKOUT / ".dockerignore").read_text().splitlines()
    copied = {
        source.split("/")[0] if not source.startswith("build/") else source
        for kind, rest in read(path).steps
        if kind != "RUN"
        for source in rest.split(" ")[:-1]
    }

    assert copied
    assert {f"!{source}" for source in copied} <= set(context)
