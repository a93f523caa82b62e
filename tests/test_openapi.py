"""The description: its examples are true, and a fuzzer finds nothing that it does not say."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from server import Server, serve

from service import answers
from service.examples import ANSWERS, REQUESTS

TYPES = {
    "/v1/classify": answers.ClassifyAnswer,
    "/v1/classify_batch": answers.BatchAnswer,
    "/v1/explain": answers.ExplainAnswer,
    "/v1/embed": answers.EmbedAnswer,
    "/v1/composition": answers.CompositionAnswer,
    "/v1/languages": answers.LanguagesAnswer,
    "/v1/models": answers.ModelsAnswer,
}

# Whether a language is known depends on the model, so that not every request of the right shape
# can be accepted.
UNFIT = "positive_data_acceptance"


@pytest.fixture(scope="module")
def server(served_home: Path) -> Iterator[Server]:
    with serve("service.app:Namelang", home=served_home, log=served_home / "log") as running:
        yield running


@pytest.mark.parametrize(
    ("path", "body"), [(path, body) for path, all_ in REQUESTS.items() for body in all_.values()]
)
def test_every_example_of_a_request_is_answered_as_described(
    server: Server, path: str, body: Any
) -> None:
    known = {"pl", "ru", "*"}
    if "prior" in body:
        assert body["prior"].keys() <= known

    response = server.http.post(path, json=body)

    assert response.status_code == 200, response.text
    TypeAdapter(TYPES[path]).validate_json(response.content, strict=True, extra="forbid")


@pytest.mark.parametrize(
    ("path", "answer"), [(path, one) for path, all_ in ANSWERS.items() for one in all_.values()]
)
def test_every_example_of_an_answer_is_of_the_described_type(path: str, answer: Any) -> None:
    TypeAdapter(TYPES[path]).validate_python(answer, strict=True, extra="forbid")


def test_every_endpoint_is_described_with_examples_and_refusals(server: Server) -> None:
    paths = server.http.get("/openapi.json").json()["paths"]

    assert paths.keys() == {*TYPES, "/v1/model"}
    for path, operations in paths.items():
        [(method, operation)] = operations.items()
        assert operation["summary"]
        responses = operation["responses"]
        assert {"200", "401", "405", "429", "500"} <= responses.keys()
        assert all("Namelang-Model" in response["headers"] for response in responses.values())
        if method == "post":
            assert {"400", "408", "413", "415", "422", "503"} <= responses.keys()
            assert "Retry-After" in responses["503"]["headers"]
            assert operation["requestBody"]["content"]["application/json"]["examples"]
        if path != "/v1/model":
            assert responses["200"]["content"]["application/json"]["examples"]


def test_a_fuzzer_finds_no_server_error_and_nothing_undescribed(
    server: Server, tmp_path: Path
) -> None:
    url = server.http.base_url.join("/openapi.json")
    options = f"--exclude-checks {UNFIT} --max-examples 40 --seed 1 --generation-database none"
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(url), *options.split()]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
    assert "Tested: 8" in done.stdout
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "[ERROR]" not in log
