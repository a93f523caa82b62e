"""The Python client against the service, and against servers that fail."""

import asyncio
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server import Server, serve

from bench.servers import free_port
from service.client import AsyncClient, Client, NamelangError, Result, Retry, failed

NAMES = ["Kowalski", "Παπαδόπουλος", "", "Иванов", "田中", "x" * 101, "O’Neil-Şahin", "Nowak"]
KEYS = {
    "classify": {"model", "name", "verdict", "reason", "set", "languages"},
    "explain": {"familiarity", "on_lists", "nearest", "trace"},
}


@contextmanager
def running(served_home: Path, port: int | None = None) -> Iterator[Server]:
    log = served_home / "log"
    one = {"NAMELANG_WORKERS": "1"}
    with serve(
        "service.app:Namelang", home=served_home, log=log, port=port, settings=one
    ) as server:
        yield server


@pytest.fixture(scope="module")
def url(served_home: Path) -> Iterator[str]:
    with running(served_home) as server:
        yield str(server.http.base_url)


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


# What it asks of the service


def test_a_name_a_full_name_and_every_option(client: Client) -> None:
    answer = client.classify("Kowalski", top_k=2)
    full = client.classify("Anna Maria Kowalska", full_name=True, top_k=None)
    asked = client.classify(
        "Kim", threshold=0.01, languages=["Slavic", "ja"], prior={"ja": 2, "*": 1}, coverage=0.6
    )

    assert answer.keys() == KEYS["classify"]
    assert answer["languages"][0]["code"] == "pl"
    assert len(answer["languages"]) == 2
    assert (full["name"], full["full_name"]) == ("Kowalska", "Anna Maria Kowalska")
    assert {line["code"] for line in asked["languages"]} <= {"pl", "ru", "ja"}


def test_explanation_embeddings_composition_and_the_model(client: Client) -> None:
    explained = client.explain("Nowak", neighbours=2, top_k=1)
    embedded = client.embed(["Jan Nowak", ""], full_names=True)
    made_up = client.composition(["Kowalski"] * 9 + ["Tanaka"], languages=["pl", "ja"])
    model = client.model()

    assert explained.keys() == KEYS["classify"] | KEYS["explain"]
    assert explained["nearest"]
    assert len(explained["nearest"]) == 2
    assert embedded["dimensions"] == 32
    assert ["error" in result for result in embedded["results"]] == [False, True]
    assert made_up["model"] == model["model"]
    assert made_up["names"] + made_up["unknown"] == 10
    assert {line["code"] for line in made_up["languages"]} == {"pl", "ja"}
    assert [line["code"] for line in client.languages()["languages"]] == ["el", "ja", "pl", "ru"]
    assert [line["model"] for line in client.models()["models"]] == [model["model"]]


def test_asyncio_gets_the_same_answers(url: str, client: Client) -> None:
    async def everything() -> list[Any]:
        async with AsyncClient(url) as other:
            return [
                *await asyncio.gather(
                    other.classify("Kowalski", top_k=2),
                    other.classify("Jan Nowak", full_name=True),
                    other.explain("Nowak"),
                    other.embed(["Nowak"]),
                    other.composition(["Kowalski", "Tanaka"], confidence=0.8),
                    other.languages(),
                    other.model(),
                    other.models(),
                ),
                [result async for result in other.classify_all(NAMES, size=3, top_k=1)],
            ]

    assert asyncio.run(everything()) == [
        client.classify("Kowalski", top_k=2),
        client.classify("Jan Nowak", full_name=True),
        client.explain("Nowak"),
        client.embed(["Nowak"]),
        client.composition(["Kowalski", "Tanaka"], confidence=0.8),
        client.languages(),
        client.model(),
        client.models(),
        [*client.classify_all(NAMES, size=3, top_k=1)],
    ]


# Lists of any length


def comparable(results: list[Result]) -> list[Any]:
    """The results but for rounding: BLAS may add up a batch in another order."""
    return [
        result
        if failed(result)
        else {
            **result,
            "languages": {
                line["code"]: pytest.approx(line["probability"], abs=1e-5)
                for line in result["languages"]
            },
        }
        for result in results
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(st.sampled_from(NAMES) | st.text(max_size=120), max_size=12),
    size=st.integers(1, 13),
    full=st.booleans(),
)
def test_any_split_gives_what_one_batch_gives(
    client: Client, names: list[str], size: int, full: bool
) -> None:
    split = list(client.classify_all(names, size=size, full_names=full, coverage=0.8))
    whole = list(client.classify_all(names, size=10_000, full_names=full, coverage=0.8))

    assert len(split) == len(names)
    assert [
        {**result, "languages": {line["code"]: line["probability"] for line in result["languages"]}}
        if not failed(result)
        else result
        for result in split
    ] == comparable(whole)


def test_what_cannot_be_read_is_told_and_nothing_is_raised(client: Client) -> None:
    odd: list[Any] = ["Nowak", None, float("nan"), "\ud800", "Kow\udfffalski", "\0" * 10_000, 5]

    results = list(client.classify_all([*odd, "x" * 2_000_000, "Nowak"], size=2, top_k=1))

    assert [failed(result) for result in results] == [
        False, True, True, True, False, True, True, True, False,
    ]  # fmt: skip
    assert results[4]["name"] == "Kowalski"
    faults = [result["error"] for result in results if failed(result)]
    assert [fault["field"] for fault in faults] == [f"names[{i}]" for i in (1, 2, 3, 5, 6, 7)]
    assert faults[-1]["expected"] == "at most 100 characters"


def test_long_names_make_smaller_batches_and_not_too_large_bodies(client: Client) -> None:
    names = ["\u0001" * 400 + "Kowalski"] * 3000

    results = list(client.classify_all(names, full_names=True, size=10_000, top_k=1))

    assert len(results) == 3000
    assert all(map(failed, results))


def test_names_are_taken_as_they_are_needed(client: Client) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "Nowak"

    results = client.classify_all(endless(), size=10, top_k=1)
    assert taken == 0
    for _ in range(15):
        assert next(results)["name"] == "Nowak"

    assert taken <= 30


def test_a_list_that_cannot_be_asked_about_is_refused_at_once(client: Client) -> None:
    for size in (0, 10_001):
        with pytest.raises(ValueError, match="expected 1 to 10000"):
            client.classify_all(["Kim"], size=size)
    for ask in (client.classify_all, client.embed, client.composition):
        with pytest.raises(TypeError, match="one string"):
            ask("Kowalski")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_server_that_dies_and_comes_back_is_waited_for(
    served_home: Path, asynchronous: bool
) -> None:
    port = free_port()
    names = [f"Kowal{i}ski" for i in range(50)]
    waits: list[float] = []
    with ExitStack() as servers:
        first = ExitStack()
        first.enter_context(running(served_home, port))

        def restart(seconds: float) -> None:
            """Instead of the first wait; the first attempt has failed by then."""
            waits.append(seconds)
            if len(waits) == 1:
                servers.enter_context(running(served_home, port))

        async def restart_async(seconds: float) -> None:
            await asyncio.to_thread(restart, seconds)

        def kill_in_the_middle() -> Iterator[str]:
            for i, name in enumerate(names):
                if i == 30:
                    first.close()  # the process has ended when this returns
                yield name

        url = f"http://127.0.0.1:{port}"

        async def collect() -> list[Result]:
            async with AsyncClient(url, sleep=restart_async) as client:
                results = client.classify_all(kill_in_the_middle(), size=10, top_k=1)
                return [result async for result in results]

        if asynchronous:
            results = asyncio.run(collect())
        else:
            with Client(url, sleep=restart) as client:
                results = list(client.classify_all(kill_in_the_middle(), size=10, top_k=1))

    assert [result["name"] for result in results] == names
    assert not any(map(failed, results))
    assert waits


# What it says of a refusal


def test_a_refusal_has_the_problem_details_and_its_message_no_name(client: Client) -> None:
    with pytest.raises(NamelangError) as refused:
        client.classify("Marked" * 20)

    error = refused.value
    assert (error.status, error.title) == (422, "Invalid request")
    assert error.type == "urn:namelang:problem:invalid-request"
    [fault] = error.errors
    assert fault["field"] == "name"
    assert fault["expected"] == "at most 100 characters"
    assert fault["expected"] in error.detail
    assert str(error) == "the service answered 422 Invalid request: name"
    assert "Marked" not in repr(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.errors) == (str(error), error.errors)


def test_a_wrong_option_is_named_and_its_value_is_not(client: Client) -> None:
    with pytest.raises(NamelangError, match=r"422 Invalid request: topk$") as refused:
        client.classify("Kim", topk=3)  # type: ignore[call-arg]
    assert "top_k" in refused.value.errors[0]["expected"]
    with pytest.raises(NamelangError, match=r": prior$"):
        client.classify("Kim", prior={"Marked": -1})


# Servers that fail, and when they are asked again

Reply = Callable[[BaseHTTPRequestHandler], None]
OK = {"model": "m", "name": "Kim"}


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return send


def dropped(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def cut_short(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.wfile.write(b'{"model": ')
    request.close_connection = True


OKAY = reply(200, json.dumps(OK).encode())


class Failing(ThreadingHTTPServer):
    """A server with a list of replies, of which the last is given again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[tuple[str, str, str | None, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Failing)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["Authorization"]
        server.requests.append((self.command, self.path, key, json.loads(body)))
        (server.replies.pop(0) if len(server.replies) > 1 else server.replies[0])(self)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def failing(*replies: Reply) -> Iterator[Failing]:
    with Failing(*replies) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(url: str, clock: Clock, asynchronous: bool, **how: Any) -> Any:
    async def asked() -> Any:
        async with AsyncClient(url, sleep=clock.sleep_async, clock=clock, **how) as client:
            return await client.classify("Marked")

    if asynchronous:
        return asyncio.run(asked())
    with Client(url, sleep=clock.sleep, clock=clock, **how) as client:
        return client.classify("Marked")


def expect_waits(waits: list[float], longest: list[float]) -> None:
    """Each wait is between half and all of what it can be at the longest."""
    assert len(waits) == len(longest)
    for wait, most in zip(waits, longest, strict=True):
        assert most / 2 <= wait <= most


both = pytest.mark.parametrize("asynchronous", [False, True])


@both
@pytest.mark.parametrize("failure", [dropped, cut_short, *map(reply, (429, 502, 503, 504))])
def test_what_may_help_is_done_again(clock: Clock, failure: Reply, asynchronous: bool) -> None:
    with failing(failure, failure, failure, OKAY) as server:
        assert ask(server.url, clock, asynchronous, key=" secret\n") == OK

    expect_waits(clock.waits, [0.25, 0.5, 1])
    assert server.requests == [("POST", "/v1/classify", "Bearer secret", {"name": "Marked"})] * 4


@both
def test_a_service_that_says_when_to_return_is_left_alone_until_then(
    clock: Clock, asynchronous: bool
) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    replies = [reply(503, Retry_After="7"), reply(429, Retry_After=at), reply(503, Retry_After="x")]
    with failing(*replies, OKAY) as server:
        assert ask(server.url, clock, asynchronous) == OK

    seven, date, unreadable = clock.waits
    assert 7.125 <= seven <= 7.25
    assert 18 <= date <= 20.5
    assert 0.5 <= unreadable <= 1


@both
def test_attempts_have_an_end(clock: Clock, asynchronous: bool) -> None:
    with failing(reply(503, b"<html>Marked</html>")) as server, pytest.raises(NamelangError) as end:
        ask(server.url, clock, asynchronous, retry=Retry(attempts=7, longest=3))

    expect_waits(clock.waits, [0.25, 0.5, 1, 2, 3, 3])
    assert len(server.requests) == 7
    assert str(end.value) == "the service answered 503 Service Unavailable"
    assert (end.value.type, end.value.status) == ("about:blank", 503)


@both
def test_time_has_an_end_which_is_seen_before_it_is_waited_for(
    clock: Clock, asynchronous: bool
) -> None:
    with failing(reply(429, Retry_After="61")) as server, pytest.raises(NamelangError):
        ask(server.url, clock, asynchronous)
    assert clock.waits == []

    with failing(reply(503)) as server, pytest.raises(NamelangError):
        ask(server.url, clock, asynchronous, retry=Retry(attempts=1000, seconds=25))
    assert 15 < clock.now - 1000 <= 25


@both
def test_where_nobody_listens_the_error_says_so_in_the_end(
    clock: Clock, asynchronous: bool
) -> None:
    with pytest.raises(NamelangError, match="no answer from the service: ConnectError") as end:
        ask(f"http://127.0.0.1:{free_port()}", clock, asynchronous, retry=Retry(attempts=3))

    assert (end.value.status, end.value.detail) == (None, "ConnectError")
    assert len(clock.waits) == 2


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 422, 500])
def test_what_would_end_the_same_is_not_done_again(clock: Clock, status: int) -> None:
    with failing(reply(status)) as server, pytest.raises(NamelangError) as refused:
        ask(server.url, clock, False)

    assert (refused.value.status, len(server.requests), clock.waits) == (status, 1, [])


def test_a_wrong_address_is_said_at_once(clock: Clock) -> None:
    with pytest.raises(NamelangError, match="UnsupportedProtocol"):
        ask("ftp://127.0.0.1", clock, False)
    assert clock.waits == []


def test_another_server_that_answers_is_no_service(clock: Clock) -> None:
    page = reply(200, b"<html>Marked</html>")
    with failing(page) as server, pytest.raises(NamelangError, match="no JSON") as refused:
        ask(server.url, clock, False)

    assert "Marked" not in str(refused.value)


def test_a_service_behind_a_path_is_found(clock: Clock) -> None:
    with failing(OKAY) as server:
        ask(f"{server.url}/names/", clock, False)

    assert server.requests[0][1] == "/names/v1/classify"
