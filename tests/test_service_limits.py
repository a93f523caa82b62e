"""What an operator can set: limits, keys, origins. The service runs with all of them set."""

import hashlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from server import Server, serve

from service.keys import Bucket, Key, Keyring
from service.problems import Problem
from service.settings import Settings, SettingsError

KEY, SLOW_KEY = "a-long-random-key", "another-long-random-key"
ORIGIN = "https://names.example"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture(scope="module")
def server(served_home: Path) -> Iterator[Server]:
    keys = served_home / "keys.toml"
    keys.write_text(
        f'[[key]]\nname = "crm"\nsha256 = "{digest(KEY)}"\n'
        f'[[key]]\nname = "slow"\nsha256 = "{digest(SLOW_KEY)}"\nper_second = 0.1\n'
    )
    settings = {
        "NAMELANG_WORKERS": "1",
        "NAMELANG_MAX_BODY": "200000",
        "NAMELANG_MAX_QUEUE": "10000",
        "NAMELANG_BODY_SECONDS": "0.5",
        "NAMELANG_CORS_ORIGINS": ORIGIN,
        "NAMELANG_KEYS_FILE": str(keys),
    }
    log = served_home / "log"
    with serve("service.app:Namelang", home=served_home, log=log, settings=settings) as running:
        running.http.headers["Authorization"] = f"Bearer {KEY}"
        yield running


@pytest.mark.parametrize("path", ["/v1/classify", "/bento/classify"])
def test_a_body_that_is_too_large_is_refused_however_it_is_sent(server: Server, path: str) -> None:
    large = json.dumps({"name": "x" * 200_000}).encode()

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(large), 50_000):
            yield large[start : start + 50_000]

    for content in (large, chunks()):
        response = server.http.post(path, content=content)
        assert response.status_code == 413
        assert response.json()["detail"] == "expected a body of at most 200000 bytes"


def test_a_body_that_does_not_come_is_not_waited_for(server: Server) -> None:
    url = server.http.base_url
    head = (
        f"POST /v1/classify HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Length: 100\r\n\r\n"
    )
    for begun in ("", '{"name": "Ko'):
        with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
            connection.sendall((head + begun).encode())
            reply = connection.recv(4096).decode()
        assert reply.startswith("HTTP/1.1 408 ")


def test_too_many_waiting_names_are_turned_away_and_told_when_to_return(server: Server) -> None:
    body = {"names": ["Nowak"] * 10_000, "top_k": 1}

    with ThreadPoolExecutor(6) as pool:
        replies = list(
            pool.map(lambda _: server.http.post("/v1/classify_batch", json=body), range(12))
        )

    assert {reply.status_code for reply in replies} == {200, 503}
    refused = next(reply for reply in replies if reply.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["type"] == "urn:namelang:problem:overloaded"
    assert server.http.post("/v1/classify_batch", json=body).status_code == 200


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {KEY}", "Bearer é", KEY])
@pytest.mark.parametrize("path", ["/v1/classify", "/bento/classify"])
def test_without_a_key_nothing_is_answered(server: Server, path: str, header: str | None) -> None:
    headers = {} if header is None else {b"Authorization": header.encode()}
    response = httpx.post(server.http.base_url.join(path), json={"name": "Kim"}, headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"


def test_page_health_and_description_need_no_key(server: Server) -> None:
    for path in ("/", "/openapi.json", "/livez", "/readyz", "/metrics"):
        assert httpx.get(server.http.base_url.join(path)).status_code == 200


def test_a_key_that_asks_too_often_is_told_when_to_return(server: Server) -> None:
    headers = {"Authorization": f"Bearer {SLOW_KEY}"}
    replies = [
        server.http.post("/v1/classify", json={"name": "Kim"}, headers=headers) for _ in range(2)
    ]

    assert [reply.status_code for reply in replies] == [200, 429]
    assert 1 <= int(replies[1].headers["retry-after"]) <= 10
    assert server.http.post("/v1/classify", json={"name": "Kim"}).status_code == 200


def test_pages_of_the_origins_that_are_named_may_ask_and_no_other(server: Server) -> None:
    def preflight(origin: str) -> httpx.Response:
        return server.http.options(
            "/v1/classify",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type",
            },
        )

    assert preflight(ORIGIN).headers["access-control-allow-origin"] == ORIGIN
    assert preflight("https://other.example").status_code == 400
    reply = server.http.post("/v1/classify", json={"name": "Kim"}, headers={"Origin": ORIGIN})
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert "Namelang-Model" in reply.headers["access-control-expose-headers"]


def test_a_bucket_lets_bursts_through_and_then_as_many_as_drip_in() -> None:
    now = 0.0
    bucket = Bucket(2.0, lambda: now)

    assert [bucket.take() for _ in range(20)] == [0.0] * 20  # ten seconds' worth
    assert bucket.take() == pytest.approx(0.5)
    now = 0.5
    assert bucket.take() == 0.0
    assert bucket.take() > 0
    now = 1000.0
    assert sum(bucket.take() == 0.0 for _ in range(30)) == 20


def test_a_rate_is_shared_by_the_processes() -> None:
    now = 0.0
    key = Key(name="crm", sha256=digest(KEY), per_second=4.0)
    ring = Keyring([key], processes=4, clock=lambda: now)
    scope = {"headers": [(b"authorization", f"bearer {KEY}".encode())]}

    for _ in range(10):  # a quarter of 4 a second, for ten seconds
        ring.admit(scope)
    with pytest.raises(Problem, match="rate-limited"):
        ring.admit(scope)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("key = [", "is no TOML"),
        ("", "key: Field required"),
        ('[[key]]\nname = "crm"\nsha256 = "abc"', "key.0.sha256: String should match"),
        ('[[key]]\nname = "crm"\nkey = "abc"', "key.0.sha256: Field required"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used_says_where(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(content)

    with pytest.raises(SettingsError, match=message):
        Keyring.load(path, processes=1)


def test_a_file_of_keys_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read: No such file"):
        Keyring.load(tmp_path / "none.toml", processes=1)


def test_settings_come_from_the_environment_and_have_defaults() -> None:
    settings = Settings.from_environment({"NAMELANG_MAX_BODY": "5000", "HOME": "/root"})

    assert settings.max_body == 5000
    assert settings.workers >= 2
    assert settings.keys_file is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("NAMELANG_WORKERS", "0", "NAMELANG_WORKERS is '0'"),
        ("NAMELANG_MAX_QUEUE", "100", "NAMELANG_MAX_QUEUE is '100'.*10000"),
        ("NAMELANG_KEYS", "x", "NAMELANG_KEYS is not a setting; .* NAMELANG_KEYS_FILE"),
    ],
)
def test_settings_that_cannot_be_used_are_named(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_environment({name: value})
