"""Every example of docs/api.md, run as written, and everything that the docs have to tell."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser import browser, visit
from playwright.sync_api import Page
from server import CHECKOUT, Server, serve

from service.about import About
from service.api import Api
from service.endpoints import endpoints
from service.problems import Kind
from service.requests import Asked
from service.settings import PREFIX, Settings

DOCS = (CHECKOUT / "docs" / "api.md").read_text("utf-8")
RUNS = {"sh", "js", "python"}
SERIES = {"Counter", "Gauge", "Histogram"}
FREE = {"on_lists", "groups", "data", "metrics", "training", "libraries"}
"""Fields whose own fields are names of languages, or differ from model to model."""


@dataclass(frozen=True)
class Block:
    """A block of code in the docs."""

    line: int
    language: str
    text: str


BLOCKS = [
    Block(DOCS.count("\n", 0, match.start()) + 1, match[1], match[2])
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", DOCS, re.M | re.S)
]
EXAMPLES = [
    (block, after if after.language in ("json", "text") else None)
    for block, after in pairwise([*BLOCKS, Block(0, "", "")])
    if block.language in RUNS
]


@pytest.fixture(scope="module")
def server(served_home: Path) -> Iterator[Server]:
    one = {"NAMELANG_WORKERS": "1"}
    with serve(
        "service.app:Namelang", home=served_home, log=served_home / "log", settings=one
    ) as running:
        yield running


@pytest.fixture(scope="module")
def page(server: Server) -> Iterator[Page]:
    """The service's own page in a browser."""
    with browser() as chromium, visit(chromium, f"http://localhost:{port(server)}/") as sight:
        yield sight.page


def port(server: Server) -> int | None:
    return server.http.base_url.port


@pytest.fixture
def run(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Runs an example, with the port of the test's service, and gives what it prints."""
    scripts = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": scripts, "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8", "KEY": ""}
    commands = {"sh": ["bash", "-euc"], "python": [sys.executable, "-W", "error", "-c"]}

    def run(block: Block) -> str:
        text = block.text.replace(":3000", f":{port(server)}")
        if block.language == "js":
            return printed_by_page(request.getfixturevalue("page"), text)
        done = subprocess.run(
            [*commands[block.language], text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def printed_by_page(page: Page, script: str) -> str:
    lines: list[str] = []

    def keep(message: Any) -> None:
        lines.append(message.text)

    page.on("console", keep)
    page.evaluate(f"async () => {{ {script} }}")
    page.remove_listener("console", keep)
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(("block", "output"), EXAMPLES, ids=lambda x: x and f"line {x.line}")
def test_an_example_does_what_the_docs_show(run: Any, block: Block, output: Block | None) -> None:
    printed = run(block)

    if output is None:
        assert "urn:namelang:problem" not in printed
    elif output.language == "json":
        shown, got = values(output.text), values(printed)
        assert len(shown) == len(got)
        for one, other in zip(shown, got, strict=True):
            compare(one, other)
    else:
        # How each line begins: the rest may be otherwise with a small model.
        assert beginnings(printed) == beginnings(output.text)


def beginnings(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()]


def values(text: str) -> list[Any]:
    """The JSON values that stand one after the other in a text; `…` stands for more of them."""
    text = re.sub(r",\s*…\s*\]", "]", text)
    text = re.sub(r",\s*…\s*\}", ', "…": 0}', text).strip()
    found = []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


def compare(shown: Any, got: Any, at: str = "answer") -> None:
    """Raises where two values differ in more than texts, numbers, lengths and what can be null."""
    if shown is None or got is None:
        return
    if isinstance(shown, bool) or not isinstance(shown, int | float):
        assert type(shown) is type(got), at
    else:
        assert isinstance(got, int | float), at
    if isinstance(shown, list):
        assert bool(shown) == bool(got) or at.endswith(".nearest"), at
        for one, other in zip(shown, got, strict=False):
            compare(one, other, f"{at}[]")
    if (
        isinstance(shown, dict)
        and at.rpartition(".")[2] not in FREE
        and not at.endswith("[].languages")
    ):
        fields = shown.keys() - {"…"}
        assert fields <= got.keys() if "…" in shown else fields == got.keys(), at
        for field in fields:
            compare(shown[field], got[field], f"{at}.{field}")


def test_the_examples_are_there() -> None:
    languages = [block.language for block, _ in EXAMPLES]

    assert languages.count("sh") >= 10
    assert languages.count("python") >= 3
    assert languages.count("js") >= 2
    for endpoint in ("classify", "classify_batch", "explain", "embed", "composition"):
        assert any(f"/v1/{endpoint}" in block.text for block, _ in EXAMPLES)


def has_row(*cells: str) -> bool:
    """Whether a table of the docs has a row that begins with these cells."""
    rows = ([cell.strip() for cell in line.split("|")[1:]] for line in DOCS.splitlines())
    return any(tuple(row[: len(cells)]) == cells for row in rows)


def test_every_endpoint_is_told() -> None:
    host = (CHECKOUT / "service" / "host.py").read_text("utf-8")  # to load it is to load BentoML
    [health] = re.findall(r"^HEALTH = (.*)$", host, re.M)
    ours = [
        (e.method, e.path)
        for e in endpoints(Api.__new__(Api), About.__new__(About))
        if "/page/" not in e.path
    ]

    for method, path in [
        *ours,
        *(("GET", path) for path in ast.literal_eval(health)),
        ("POST", "/bento/classify"),
    ]:
        assert f"`{method} {path}`" in DOCS


def test_every_option_is_told_with_its_field() -> None:
    for field in Asked.model_fields:
        assert re.search(rf"^\| `{field}` \|", DOCS, re.M)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.slug)
def test_every_problem_is_told_with_its_status(kind: Kind) -> None:
    assert has_row(f"`{kind.slug}`", str(kind.status))


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_told_with_its_default(field: str) -> None:
    default = Settings.model_fields[field].default
    [row] = re.findall(rf"^\| `{PREFIX}{field.upper()}` \| (.*?) \|", DOCS, re.M)

    if isinstance(default, int | float) and field != "workers":
        assert float(row) == default


def test_no_setting_is_told_that_is_not_there() -> None:
    told = set(re.findall(rf"{PREFIX}(\w+)", DOCS))

    assert told == {field.upper() for field in Settings.model_fields}


def test_every_series_is_told_with_its_kind_and_labels() -> None:
    tree = ast.parse((CHECKOUT / "service" / "metrics.py").read_text("utf-8"))
    told = set(re.findall(r"^\| `(namelang_\w+)` \|", DOCS, re.M))
    series = set()
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in SERIES:
            kind = call.func.id  # type: ignore[attr-defined]
            name, _, *more = call.args
            labels = ast.literal_eval(more[0]) if more else ()
            full = ast.literal_eval(name) + ("_total" if kind == "Counter" else "")
            series.add(full)
            assert has_row(
                f"`{full}`", kind.lower(), ", ".join(f"`{label}`" for label in labels) or ""
            )

    assert told == series
    assert len(series) > 5
