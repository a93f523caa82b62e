import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server import CHECKOUT, Server, bentoml, serve

from model.artifact import WEIGHTS
from model.classifier import Classifier
from pipeline import store

NAMES = ["Kowalski", "Παπαδόπουλος", "Иванов", "田中", "O’Neil-Şahin"]


@pytest.fixture(scope="module")
def server(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service, started once for this file as a process of its own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        store.promote(store.publish(artifact, labels={}, metadata={}, status="accepted"))
    with serve("service.app:Namelang", home=home, log=home / "log") as running:
        yield running


def ask(server: Server, path: str, body: Any, status: int = 200) -> Any:
    response = server.http.post(f"/v1/{path}", json=body)
    assert response.status_code == status, response.text
    return response.json()


def close_to(answer: Any) -> Any:
    """The same answer but for rounding: BLAS may add up a batch in another order."""
    languages = [
        {**line, "probability": pytest.approx(line["probability"], abs=1e-5)}
        for line in answer["languages"]
    ]
    return {**answer, "languages": languages}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gets_the_answer_of_the_classifier(
    server: Server, artifact: Path, name: str
) -> None:
    answer = ask(server, "classify", {"name": name, "top_k": 2})

    [expected] = Classifier.load(artifact).classify([name], top_k=2)
    assert answer.pop("model").startswith("namelang:")
    assert answer == close_to(expected)


def test_all_languages_without_top_k_the_most_probable_first(server: Server) -> None:
    languages = ask(server, "classify", {"name": "Kowalski"})["languages"]

    probabilities = [line["probability"] for line in languages]
    assert {line["code"] for line in languages} == {"el", "ja", "pl", "ru"}
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)


def test_a_batch_is_answered_in_the_order_asked(server: Server) -> None:
    answer = ask(server, "classify_batch", {"names": NAMES, "top_k": 3})

    singles = [ask(server, "classify", {"name": name, "top_k": 3}) for name in NAMES]
    model = answer["model"]
    assert [{"model": model, **result} for result in answer["results"]] == [
        close_to(single) for single in singles
    ]


def test_a_batch_takes_ten_thousand_names_and_not_one_more(server: Server) -> None:
    answer = ask(server, "classify_batch", {"names": ["Nowak"] * 10_000, "top_k": 1})
    refusal = ask(server, "classify_batch", {"names": ["Nowak"] * 10_001}, status=400)

    assert len(answer["results"]) == 10_000
    assert refusal["detail"][0]["field"] == "names"
    assert "10000" in refusal["detail"][0]["expected"]


@pytest.mark.parametrize(
    ("path", "body", "field", "value", "expected"),
    [
        ("classify", {}, "name", "object of 0", "required"),
        ("classify", {"name": 5}, "name", 5, "string"),
        ("classify", {"name": ""}, "name", "", "at least 1 character"),
        ("classify", {"name": "\u200b "}, "name", "\u200b ", "at least one letter"),
        ("classify", {"name": "x" * 101}, "name", "x" * 101, "at most 100 characters"),
        ("classify", {"name": "Kim", "top_k": 0}, "top_k", 0, "greater than or equal to 1"),
        ("classify", {"name": "Kim", "top_k": "3"}, "top_k", "3", "integer"),
        ("classify", {"name": "Kim", "topk": 3}, "topk", 3, "no field but name, top_k"),
        ("classify", ["Kim"], "body", "array of 1", "object"),
        ("classify_batch", {"names": []}, "names", "array of 0", "at least 1 item"),
        ("classify_batch", {"names": "Kim"}, "names", "Kim", "array"),
        ("classify_batch", {"names": ["Kim", None]}, "names[1]", None, "string"),
    ],
)
def test_a_bad_request_is_told_which_field_which_value_and_what_was_expected(
    server: Server, path: str, body: Any, field: str, value: Any, expected: str
) -> None:
    [problem] = ask(server, path, body, status=400)["detail"]

    assert (problem["field"], problem["value"]) == (field, value)
    assert expected in problem["expected"]


@pytest.mark.parametrize(
    "body", [b"", b'{"name": "Kim"', b'{"name": "\xff"}', b'{"name": "\\ud800"}']
)
def test_a_body_that_is_no_json_is_refused(server: Server, body: bytes) -> None:
    response = server.http.post("/v1/classify", content=body)

    assert response.status_code == 400
    assert response.json()["detail"][0]["field"] == "body"


def test_a_number_that_json_does_not_know_is_refused(server: Server) -> None:
    response = server.http.post("/v1/classify", content=b'{"name": NaN}')

    assert response.status_code == 400
    assert response.json()["detail"][0]["value"].casefold() == "nan"


def test_many_errors_are_counted_and_the_first_are_told(server: Server) -> None:
    refusal = ask(server, "classify_batch", {"names": [""] * 50}, status=400)

    assert "50" in refusal["error"]
    assert [problem["field"] for problem in refusal["detail"]] == [f"names[{i}]" for i in range(10)]


def test_names_are_never_logged(server: Server) -> None:
    ask(server, "classify", {"name": "Marked"})
    ask(server, "classify_batch", {"names": ["Marked", "Marked-Too"]})
    ask(server, "classify", {"name": "Marked" * 20}, status=400)
    ask(server, "classify_batch", {"names": ["Marked", ""], "Marked": "Marked"}, status=400)
    server.http.post("/v1/classify", content=b'{"name": "Marked')

    log = server.log.read_text()
    assert "path=/v1/classify_batch" in log
    assert "marked" not in log.casefold()
    assert "Traceback" not in log


def test_health_metrics_and_description(server: Server) -> None:
    ask(server, "classify", {"name": "Kim"})

    assert [server.http.get(f"/{z}").status_code for z in ("livez", "readyz", "healthz")] == [
        200
    ] * 3
    assert 'endpoint="/v1/classify",http_response_code="200"' in server.http.get("/metrics").text
    description = server.http.get("/docs.json").json()
    body = description["paths"]["/v1/classify"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"]["properties"]["name"]["maxLength"] == 100
    assert "/v1/classify_batch" in description["paths"]


def failed_start(home: Path) -> str:
    command = bentoml("serve", "service.app:Namelang", "--port", "0", home=home)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    return done.stderr


def test_a_start_without_a_promoted_model_says_what_to_do(tmp_path: Path) -> None:
    assert f"no model is promoted in {tmp_path}: train one with" in failed_start(tmp_path)


def test_a_start_with_a_damaged_model_says_what_is_damaged(home: Path) -> None:
    pointer = store.promoted()
    assert pointer
    (store.path(pointer.tag) / WEIGHTS).write_bytes(b"damaged")

    assert f"{WEIGHTS} has SHA-256" in failed_start(home)


def test_the_service_never_loads_what_training_needs() -> None:
    heavy = ("torch", "prefect", "pipeline", "pyarrow")
    program = f"import sys, service.app; print([m for m in {heavy} if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=CHECKOUT)

    assert loaded.stdout == b"[]\n", loaded.stderr
