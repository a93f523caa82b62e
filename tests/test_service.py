"""The service over HTTP, as its callers meet it."""

import asyncio
import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from server import CHECKOUT, Server, command, serve

from model.artifact import WEIGHTS
from model.classifier import Classifier
from model.context import Context, training_prior
from pipeline import store

NAMES = ["Kowalski", "Παπαδόπουλος", "Иванов", "田中", "O’Neil-Şahin"]


@pytest.fixture(scope="module")
def server(served_home: Path) -> Iterator[Server]:
    """The service, started once for this file as processes of its own."""
    with serve("service.app:Namelang", home=served_home, log=served_home / "log") as running:
        yield running


@pytest.fixture(scope="module")
def classifier(artifact: Path) -> Classifier:
    return Classifier.load(artifact)


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


# What it answers


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gets_the_answer_of_the_classifier(
    server: Server, classifier: Classifier, name: str
) -> None:
    answer = ask(server, "classify", {"name": name, "top_k": 2})

    [expected] = classifier.classify([name], top_k=2)
    assert answer.pop("model").startswith("namelang:")
    assert answer == close_to(expected)


def test_all_languages_without_top_k_the_most_probable_first(server: Server) -> None:
    languages = ask(server, "classify", {"name": "Kowalski"})["languages"]

    probabilities = [line["probability"] for line in languages]
    assert {line["code"] for line in languages} == {"el", "ja", "pl", "ru"}
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)


def test_a_threshold_lists_only_what_is_as_probable(server: Server) -> None:
    everything = ask(server, "classify", {"name": "Kowalski"})["languages"]
    [first, second, *_] = everything
    threshold = (first["probability"] + second["probability"]) / 2

    assert ask(server, "classify", {"name": "Kowalski", "threshold": threshold})["languages"] == [
        first
    ]


def test_languages_and_prior_are_the_callers_context(
    server: Server, classifier: Classifier
) -> None:
    asked = {
        "name": "Kowalski",
        "languages": ["ru", "Japanese", "Greek"],
        "prior": {"ru": 1, "*": 3},
    }

    answer = ask(server, "classify", {**asked, "coverage": 0.8})

    context = Context.of(
        classifier.languages,
        training_prior(classifier.artifact),
        only=["ru", "ja", "el"],
        prior={"ru": 1, "*": 3},
    )
    [expected] = classifier.classify(["Kowalski"], coverage=0.8, context=context)
    del answer["model"]
    assert answer == close_to(expected)
    assert answer["languages"][-1] == {"code": "pl", "language": "Polish", "probability": 0.0}


def test_of_a_full_name_the_family_name_is_read(server: Server) -> None:
    answer = ask(server, "classify", {"full_name": "Anna Maria Kowalska"})

    assert (answer["name"], answer["full_name"]) == ("Kowalska", "Anna Maria Kowalska")
    assert answer["languages"] == ask(server, "classify", {"name": "Kowalska"})["languages"]


def test_a_batch_is_answered_in_the_order_asked(server: Server) -> None:
    answer = ask(server, "classify_batch", {"names": NAMES, "top_k": 3})

    singles = [ask(server, "classify", {"name": name, "top_k": 3}) for name in NAMES]
    model = answer["model"]
    assert [{"model": model, **result} for result in answer["results"]] == [
        close_to(single) for single in singles
    ]


def test_an_item_that_cannot_be_read_fails_alone(server: Server) -> None:
    names = ["Kowalski", "", None, "x" * 101, {"a": 1}, "Nowak"]

    results = ask(server, "classify_batch", {"names": names, "top_k": 1})["results"]

    assert ["error" in result for result in results] == [False, True, True, True, True, False]
    assert results[1]["error"] == {
        "field": "names[1]",
        "value": "",
        "expected": "at least one letter",
    }
    assert results[3]["error"]["expected"] == "at most 100 characters"
    full = ask(server, "classify_batch", {"full_names": ["Jan Nowak", " "]})["results"]
    assert (full[0]["name"], full[0]["full_name"]) == ("Nowak", "Jan Nowak")
    assert full[1]["error"]["field"] == "full_names[1]"


def test_a_batch_takes_ten_thousand_names_and_not_one_more(server: Server) -> None:
    answer = ask(server, "classify_batch", {"names": ["Nowak"] * 10_000, "top_k": 1})
    refusal = ask(server, "classify_batch", {"names": ["Nowak"] * 10_001}, status=422)

    assert len(answer["results"]) == 10_000
    assert refusal["errors"][0]["field"] == "names"
    assert "10000" in refusal["errors"][0]["expected"]


def test_a_batch_comes_line_by_line_to_who_asks_for_lines(server: Server) -> None:
    body = {"names": [*NAMES, ""] * 500, "top_k": 1}
    whole = ask(server, "classify_batch", body)

    response = server.http.post(
        "/v1/classify_batch", json=body, headers={"Accept": "application/x-ndjson"}
    )

    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert lines == [{"model": whole["model"], **result} for result in whole["results"]]


def test_an_explanation_tells_the_trace_the_evidence_and_the_nearest_names(server: Server) -> None:
    answer = ask(server, "explain", {"name": "Nowak", "neighbours": 2})

    assert [step["symbol"] for step in answer["trace"]] == [*"nowak"]
    assert answer["trace"][-1]["languages"] == [
        {**line, "probability": pytest.approx(line["probability"], abs=1e-5)}
        for line in answer["languages"]
    ]
    assert [gram["text"] for gram in answer["trace"][1]["grams"]][:2] == ["o", "no"]
    assert answer["on_lists"] == {"pl": 1}
    itself, _ = answer["nearest"]
    assert itself["name"] == "Nowak"
    assert 0 <= answer["familiarity"] <= 1
    short = ask(server, "explain", {"full_name": "Jan Nowak", "top_k": 1})
    assert (short["name"], short["full_name"]) == ("Nowak", "Jan Nowak")
    assert {len(step["languages"]) for step in short["trace"]} == {1}


def test_embeddings_are_the_classifiers(server: Server, classifier: Classifier) -> None:
    answer = ask(server, "embed", {"names": ["Kowalski", "", "田中"]})

    assert answer["dimensions"] == 32
    first, failed, last = answer["results"]
    assert failed["error"]["field"] == "names[1]"
    expected = classifier.embed(["Kowalski", "田中"])
    assert [first["embedding"], last["embedding"]] == [
        pytest.approx(row.tolist(), abs=1e-4) for row in expected
    ]


def test_a_composition_is_told_with_intervals_and_with_what_was_left_out(server: Server) -> None:
    names = ["Kowalski", "Nowak", "Wójcik"] * 20 + ["Tanaka", "Suzuki"] * 10 + ["", "xqzvxqzvwq"]

    answer = ask(server, "composition", {"names": names, "confidence": 0.9})

    assert answer["names"] + answer["unknown"] + answer["unreadable"] == len(names)
    assert answer["unreadable"] == 1
    assert answer["unknown"] >= 1
    shares = {line["code"]: line for line in answer["languages"]}
    assert sum(line["share"] for line in answer["languages"]) == pytest.approx(1, abs=1e-3)
    assert shares["pl"]["share"] > shares["ja"]["share"] > shares["el"]["share"]
    for line in answer["languages"]:
        assert 0 <= line["low"] <= line["share"] <= line["high"] <= 1
    only = ask(server, "composition", {"names": names, "languages": ["ja", "ru"]})["languages"]
    assert {line["code"] for line in only} == {"ja", "ru"}
    nothing = ask(server, "composition", {"names": ["", "xqzvxqzvwq"]})
    assert (nothing["names"], nothing["languages"]) == (0, [])


def test_the_model_tells_about_itself(server: Server, classifier: Classifier) -> None:
    languages = server.http.get("/v1/languages").json()
    model = server.http.get("/v1/model").json()
    models = server.http.get("/v1/models").json()

    assert [line["code"] for line in languages["languages"]] == ["el", "ja", "pl", "ru"]
    assert languages["groups"]["Slavic"] == ["pl", "ru"]
    assert "Romance" not in languages["groups"]
    assert model["data"]["origins"][0]["licence"] == "MIT"
    assert model["hidden"] == 32
    assert model["card"].startswith(f"# Model card: {model['model']}")
    assert model["promoted_at"]
    assert [(line["model"], line["promoted"]) for line in models["models"]] == [
        (model["model"], True)
    ]
    assert {x["model"] for x in (languages, model, models)} == {model["model"]}


def test_every_reply_names_the_model(server: Server) -> None:
    tag = server.http.get("/v1/model").json()["model"]

    for reply in (
        server.http.get("/"),
        server.http.get("/nowhere"),
        server.http.get("/v1/languages"),
        server.http.post("/v1/classify", json={}),
        server.http.post("/v1/classify", json={"name": "Kim"}),
    ):
        assert reply.headers["namelang-model"] == tag


def test_many_callers_at_once_each_get_their_own_answer(
    server: Server, classifier: Classifier
) -> None:
    names = [f"{name}{suffix}" for name in NAMES for suffix in ("", "ski", "ov", "opoulos", "a")]

    async def everybody() -> list[Any]:
        async with httpx.AsyncClient(base_url=server.http.base_url, timeout=30) as client:

            async def one(name: str, top_k: int) -> Any:
                body = {"name": name, "top_k": top_k}
                return (await client.post("/v1/classify", json=body)).json()

            return await asyncio.gather(*(one(name, i % 3 + 1) for i, name in enumerate(names * 8)))

    answers = asyncio.run(everybody())

    expected = classifier.classify(names)
    for i, answer in enumerate(answers):
        wanted = expected[i % len(names)]
        assert answer["name"] == wanted["name"]
        assert answer["languages"] == close_to(wanted)["languages"][: i % 3 + 1]


# What callers send


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("  KOWALSKI\t", "kowalski"),
        ("O`Neil", "O’Neil"),
        ("Kowal\u200bski", "Kowalski"),
        ("\u202eKowalski\u202c", "Kowalski"),
        ("Wo\u0301jcik", "Wójcik"),
        ("Ｋｏｗａｌｓｋｉ", "Kowalski"),
    ],
)
def test_spellings_of_one_name_get_one_answer(server: Server, name: str, same_as: str) -> None:
    answer, other = (ask(server, "classify", {"name": x})["languages"] for x in (name, same_as))

    assert answer == other


@pytest.mark.parametrize("name", ["😀", "한글", "ابن سينا", "12345", "李", "x\nY"])
def test_odd_names_are_answered(server: Server, name: str) -> None:
    answer = ask(server, "classify", {"name": name})

    assert answer["name"] == name
    assert answer["verdict"] in ("confident", "ambiguous", "unknown")


@pytest.mark.parametrize("name", ["😀", "12345", "ابن سينا"])
def test_what_no_training_name_has_is_unknown(server: Server, name: str) -> None:
    assert ask(server, "classify", {"name": name})["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("path", "body", "field", "value", "expected"),
    [
        ("classify", {}, "body", "object of 0", "exactly one of name and full_name"),
        ("classify", {"name": "a", "full_name": "b"}, "body", "object of 2", "exactly one of"),
        ("classify", {"name": 5}, "name", 5, "string"),
        ("classify", {"name": ""}, "name", "", "at least one letter"),
        ("classify", {"name": "\u200b "}, "name", "\u200b ", "at least one letter"),
        ("classify", {"name": "x" * 10_000}, "name", "x" * 120, "at most 100 characters"),
        ("classify", {"full_name": "x " * 300}, "full_name", "x " * 60, "at most 400 characters"),
        ("classify", {"name": "Kim", "top_k": 0}, "top_k", 0, "greater than or equal to 1"),
        ("classify", {"name": "Kim", "top_k": "3"}, "top_k", "3", "integer"),
        ("classify", {"name": "Kim", "topk": 3}, "topk", 3, "the nearest is top_k"),
        ("classify", {"name": "Kim", "zzz": 3}, "zzz", 3, "no such field, but name, full_name"),
        ("classify", {"name": "Kim", "coverage": 1}, "coverage", 1, "less than or equal to 0.99"),
        ("classify", {"name": "Kim", "threshold": -1}, "threshold", -1, "greater than"),
        ("classify", {"name": "Kim", "languages": []}, "languages", "array of 0", "at least 1"),
        (
            "classify",
            {"name": "Kim", "languages": ["Polnish"]},
            "languages",
            "array of 1",
            "Polish",
        ),
        ("classify", {"name": "Kim", "prior": {"pll": 1}}, "prior", "object of 1", "pl"),
        ("classify", {"name": "Kim", "prior": {"pl": -1}}, "prior.pl", -1, "greater than"),
        ("classify", ["Kim"], "body", "array of 1", "object"),
        ("classify_batch", {"names": []}, "names", "array of 0", "at least 1 item"),
        ("classify_batch", {"names": "Kim"}, "names", "Kim", "list"),
        ("explain", {"name": "Kim", "neighbours": 51}, "neighbours", 51, "less than or equal"),
        ("composition", {"names": ["Kim"], "prior": {}}, "prior", "object of 0", "no such field"),
    ],
)
def test_a_bad_request_is_told_which_field_which_value_and_what_was_expected(
    server: Server, path: str, body: Any, field: str, value: Any, expected: str
) -> None:
    refusal = ask(server, path, body, status=422)

    assert refusal["type"] == "urn:namelang:problem:invalid-request"
    assert refusal["status"] == 422
    [fault] = refusal["errors"]
    assert (fault["field"], fault["value"]) == (field, value)
    assert expected in fault["expected"]
    assert fault["expected"] in refusal["detail"]


def test_many_faults_are_counted_and_the_first_are_told(server: Server) -> None:
    refusal = ask(server, "classify", {"name": "Kim", **{f"x{i}": i for i in range(50)}}, 422)

    assert "and 49 more" in refusal["detail"]
    assert len(refusal["errors"]) == 10


@pytest.mark.parametrize(
    "body",
    [b"", b'{"name": "Kim"', b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"name": NaN}'],
)
def test_a_body_that_is_no_json_is_refused(server: Server, body: bytes) -> None:
    response = server.http.post("/v1/classify", content=body)

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:namelang:problem:malformed-json"


def test_paths_methods_and_encodings_that_are_not_there_are_refused(server: Server) -> None:
    http = server.http
    nowhere = http.get("/v1/nowhere")
    wrong_method = http.get("/v1/classify")
    encoded = http.post("/v1/classify", content=b"x", headers={"Content-Encoding": "br"})

    assert (nowhere.status_code, nowhere.json()["title"]) == (404, "Not found")
    assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "POST")
    assert http.delete("/v1/model").headers["allow"] == "GET, HEAD"
    assert encoded.status_code == 415
    head = http.head("/v1/languages")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == http.get("/v1/languages").headers["content-length"]


def test_long_answers_are_compressed_for_who_takes_it(server: Server) -> None:
    def get(encoding: str) -> httpx.Response:
        with server.http.stream(
            "GET", "/v1/model", headers={"Accept-Encoding": encoding}
        ) as response:
            response.extensions["raw"] = b"".join(response.iter_raw())
        return response

    plain, compressed = get("identity"), get("br;q=1, gzip;q=0.5")

    for reply in (plain, get("gzip;q=0")):
        assert "content-encoding" not in reply.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed.extensions["raw"]) == plain.extensions["raw"]
    assert "accept-encoding" in compressed.headers["vary"]


# Names are personal data


def test_names_are_never_logged_nor_measured(server: Server) -> None:
    ask(server, "classify", {"name": "Marked"})
    ask(server, "explain", {"full_name": "Marked Marked"})
    ask(server, "classify_batch", {"names": ["Marked", "Marked-Too"]})
    ask(server, "composition", {"names": ["Marked"] * 3})
    ask(server, "classify", {"name": "Marked" * 20}, status=422)
    ask(server, "classify_batch", {"names": ["Marked", ""], "Marked": "Marked"}, status=422)
    server.http.post("/v1/classify", content=b'{"name": "Marked')
    server.http.get("/Marked?Marked=Marked")
    for body in ({"names": ["Marked"]}, {"names": "Marked"}, {"names": [{"Marked": 1}]}):
        server.http.post("/bento/classify", json=body)

    log = server.log.read_text()
    assert "path=/bento/classify" in log
    assert "marked" not in log.casefold()
    assert "marked" not in server.http.get("/metrics").text.casefold()


def test_answers_are_not_kept_on_their_way(server: Server) -> None:
    reply = server.http.post("/v1/classify", json={"name": "Kim"})

    assert reply.headers["cache-control"] == "no-store"


def test_the_page_comes_from_here_and_asks_for_nothing_else(server: Server) -> None:
    page = server.http.get("/")

    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy + page.text.replace("http://www.w3.org/", "")
    assert "https:" not in policy + page.text
    again = server.http.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# What operators see


def test_health_and_metrics(server: Server) -> None:
    ask(server, "classify_batch", {"names": ["Kowalski", "12345", "\u4e00"], "top_k": 1})
    for i in range(20):
        server.http.get(f"/unknown/{i}")

    assert [server.http.get(f"/{z}").status_code for z in ("livez", "readyz", "healthz")] == [
        200
    ] * 3
    metrics = server.http.get("/metrics").text
    assert 'namelang_requests_total{endpoint="/v1/classify_batch",status="200"}' in metrics
    assert 'namelang_requests_total{endpoint="other",status="404"} ' in metrics
    assert "unknown/" not in metrics
    for series in (
        'namelang_request_seconds_bucket{endpoint="/v1/classify_batch",le="0.01"}',
        "namelang_batch_names_bucket",
        "namelang_waiting_names 0.0",
        'namelang_verdicts_total{verdict="unknown"}',
        'namelang_top_languages_total{language="pl"}',
        "namelang_unlearned_symbols_total",
        'namelang_familiarity_names_total{bin="',
        'namelang_model_info{model="namelang:',
    ):
        assert series in metrics


def test_bentos_own_clients_are_served(server: Server, classifier: Classifier) -> None:
    program = (
        "import bentoml, json, sys; client = bentoml.SyncHTTPClient(sys.argv[1]); "
        "print(json.dumps(client.classify(names=['Kowalski', ''])))"
    )
    url = str(server.http.base_url)
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True)
    results = json.loads(done.stdout)

    [expected] = classifier.classify(["Kowalski"])
    assert results[0] == close_to(expected)
    assert results[1]["error"]["expected"] == "at least one letter"


def test_without_a_host_it_listens_on_this_machine_alone(server: Server) -> None:
    port = server.http.base_url.port
    assert f"listening on http://127.0.0.1:{port}" in server.log.read_text()
    with pytest.raises(OSError, match="refused"):  # every address of 127/8 is this machine
        socket.create_connection(("127.0.0.2", port or 0), timeout=5)


def failed_start(home: Path, **settings: str) -> str:
    line = command("serve", "service.app:Namelang", "--port", "0", home=home, settings=settings)
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    return done.stderr


def test_a_start_without_a_promoted_model_says_what_to_do(tmp_path: Path) -> None:
    assert f"no model is promoted in {tmp_path}: train one with" in failed_start(tmp_path)


def test_a_start_with_a_damaged_model_says_what_is_damaged(home: Path) -> None:
    pointer = store.promoted()
    assert pointer
    (store.path(pointer.tag) / WEIGHTS).write_bytes(b"damaged")

    assert f"{WEIGHTS} has SHA-256" in failed_start(home)


def test_a_start_with_a_wrong_setting_names_it_and_the_nearest(home: Path) -> None:
    wrong = failed_start(home, NAMELANG_WORKER="2")
    bad = failed_start(home, NAMELANG_MAX_BODY="lots")

    assert "NAMELANG_WORKER is not a setting; the nearest is NAMELANG_WORKERS" in wrong
    assert "NAMELANG_MAX_BODY is 'lots'" in bad
    assert "none.toml cannot be read" in failed_start(home, NAMELANG_KEYS_FILE="none.toml")


def test_the_service_never_loads_what_training_needs() -> None:
    heavy = ("torch", "prefect", "pipeline", "pyarrow")
    program = f"import sys, service.app; print([m for m in {heavy} if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=CHECKOUT)

    assert loaded.stdout == b"[]\n", loaded.stderr
