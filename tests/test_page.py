"""The web page in a real browser, against a real service."""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import Sight, browser, visit
from playwright.sync_api import Browser, Page, Response, Route, expect
from server import CHECKOUT, Server, serve

from bench.servers import free_port

PAGE = CHECKOUT / "service" / "page"
PHONE = {"width": 390, "height": 844}
HEAD = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def server(served_home: Path) -> Iterator[Server]:
    settings = {"NAMELANG_WORKERS": "1"}
    with serve(
        "service.app:Namelang", home=served_home, log=served_home / "log", settings=settings
    ) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def sight(chromium: Browser, server: Server) -> Iterator[Sight]:
    """The page, which must make no complaint: no error, no violation of its policy."""
    with visit(chromium, str(server.http.base_url), viewport=HEAD) as sight:
        yield sight
    assert sight.complaints == []


@pytest.fixture
def page(sight: Sight) -> Page:
    return sight.page


def type_name(page: Page, name: str) -> None:
    """Type a name, and wait for its answer."""

    def answers(response: Response) -> bool:
        return name in (response.request.post_data or "")

    with page.expect_response(answers):
        page.locator("#name").fill(name)
    expect(page.locator("#answer:not(.outdated)")).to_be_visible()


def explain(server: Server, name: str) -> Any:
    body = {"name": name, "threshold": 0.001, "neighbours": 12}
    return server.http.post("/v1/explain", json=body).json()


def bars(page: Page) -> dict[str, str]:
    texts = [row.locator("span").all_text_contents() for row in page.locator("#bars li").all()]
    return {text[0]: text[-1] for text in texts}


def percent(text: str) -> float:
    return float(text.strip("<>\u202f%"))


# One name


def test_bars_and_trace_show_what_the_service_says_of_each_prefix(
    page: Page, server: Server
) -> None:
    field = page.locator("#name")
    for prefix in ("Ko", "Kowal", "Kowalski"):
        field.press_sequentially(prefix.removeprefix(field.input_value()))
        answer = explain(server, prefix)
        expect(page.locator(".letters button")).to_have_text([*prefix.lower()])

        shown = {line["language"]: 100 * line["probability"] for line in answer["languages"]}
        assert {name: percent(text) for name, text in bars(page).items()} == pytest.approx(
            shown, abs=0.11
        )
        assert page.locator("#verdict").text_content() == answer["verdict"]
        assert page.locator("#trace-rows tr").count() == len(answer["trace"])

    expect(page.locator("#lists")).to_have_text("On the training lists of Polish.")
    expect(page.locator("#nearest button").first).to_have_text("Kowalski")


def test_an_earlier_answer_is_never_shown_over_a_later_one(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        late = json.loads(route.request.post_data or "")["name"] == "Ko"
        held.append(route) if late else route.continue_()

    page.route("**/v1/explain", hold)
    page.locator("#name").fill("Ko")
    page.wait_for_timeout(100)
    page.locator("#name").fill("Kow")
    expect(page.locator(".letters button")).to_have_text([*"kow"])
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_timeout(200)

    expect(page.locator(".letters button")).to_have_text([*"kow"])


def test_what_looks_like_no_name_is_no_answer(page: Page) -> None:
    type_name(page, "xqzvxq")

    expect(page.locator("#verdict")).to_have_text("unknown")
    expect(page.locator("#headline")).to_have_text("Looks like no name")
    expect(page.locator("#bars-title")).to_have_text("If it were a name")
    expect(page.locator("#bars .within")).to_have_count(0)
    assert "grayscale" in page.locator("#bars .fill").first.evaluate(
        "fill => getComputedStyle(fill).filter"
    )


@pytest.mark.parametrize(
    ("name", "headline", "letters"),
    [
        ("Παππάς", "Greek", [*"παππα", "◌́", "σ"]),
        ("田中", "Japanese", [*"田中"]),
        ("الحسن", "In a script it cannot read", [*"الحسن"]),
    ],
)
def test_native_scripts(page: Page, name: str, headline: str, letters: list[str]) -> None:
    type_name(page, name)

    expect(page.locator("#headline")).to_have_text(headline)
    expect(page.locator(".letters button")).to_have_text(letters)


def test_a_name_from_right_to_left_is_traced_from_right_to_left(page: Page) -> None:
    type_name(page, "الحسن")

    field = page.locator("#name")
    assert field.evaluate("field => getComputedStyle(field).direction") == "rtl"
    lefts = [box["x"] for b in page.locator(".letters button").all() if (box := b.bounding_box())]
    assert lefts == sorted(lefts, reverse=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("x" * 101, "at most 100 characters"), ("\u200b", "at least one letter")],
)
def test_what_cannot_be_read_is_told_why(sight: Sight, name: str, expected: str) -> None:
    page = sight.page
    page.locator("#name").fill(name)
    expect(page.locator("#refusal")).to_have_text(f"The name cannot be read: expected {expected}.")
    expect(page.locator("#answer")).to_be_hidden()
    page.locator("#name").fill(" ")
    expect(page.locator("#welcome")).to_be_visible()
    sight.complaints.clear()  # the browser's own line on a status of 422


def test_half_a_character_does_not_spoil_a_name(page: Page) -> None:
    page.locator("#name").evaluate(
        "field => { field.value = 'Nowak\\ud83d'; field.dispatchEvent(new Event('input')); }"
    )

    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator("#refusal")).to_be_hidden()


def test_pointing_at_a_letter_and_at_a_neighbour_tells_more(page: Page) -> None:
    type_name(page, "Kowalski")

    page.locator(".letters button").nth(2).hover()
    expect(page.locator("#step")).to_have_text("After kow")
    expect(page.locator("#step-grams")).to_contain_text("w →")
    page.locator("#nearest button").first.hover()
    expect(page.locator("#neighbour")).to_contain_text("Kowalski: on the lists as Polish 1")
    page.locator("#nearest button").nth(1).click()
    expect(page.locator("#name")).not_to_have_value("Kowalski")


# A list


def paste(page: Page, text: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.locator("#list-text").press("Control+V")
    expect(page.locator("#list-run")).to_be_enabled()
    page.locator("#list-run").click()


def made_up(count: int) -> list[str]:
    stems = ["Kowalsk", "Papadopoul", "Tanak", "Иванов", "Nowak", "xqzv"]
    return [f"{stems[i % len(stems)]}{'aeio'[i // 6 % 4]}" for i in range(count)]


def downloaded(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.locator("#list-download").click()
    text = download.value.path().read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_five_thousand_names_with_progress_and_a_file_in_the_end(
    page: Page, server: Server
) -> None:
    names = [*made_up(4_997), "=1+1+Nowak", 'O"Neil, Kim', "x" * 101]
    seen: list[str] = []

    def slow(route: Route) -> None:
        seen.append(page.locator("#list-done").text_content() or "")
        route.continue_()

    page.route("**/v1/classify_batch", slow)
    paste(page, "\n".join(names))
    expect(page.locator("#list-message")).to_contain_text("Done", timeout=30_000)

    assert seen == [f"{i} of 5,000 names" for i in range(0, 5000, 1000)]
    expect(page.locator("#kinds button").first).to_have_text("all 5,000")
    assert page.locator("#rows tr").count() == 50
    page.locator("#next").click()
    expect(page.locator("#rows th").first).to_have_text(names[50])
    page.get_by_role("button", name="unreadable 1").click()
    expect(page.locator("#rows td").nth(1)).to_contain_text("at most 100 characters")

    rows = downloaded(page)
    assert list(rows[0]) == ["name", "verdict", "language", "code", "probability", "set", "model"]
    assert [row["name"] for row in rows] == [*names[:-3], "'=1+1+Nowak", *names[-2:]]
    known = next(row for row in rows if row["verdict"] != "unknown")
    answer = server.http.post("/v1/classify", json={"name": known["name"]}).json()
    assert known["verdict"] == answer["verdict"]
    assert known["set"].split() == answer["set"]
    assert known["model"] == answer["model"]
    best = answer["languages"][0]
    assert (known["language"], known["code"]) == (best["language"], best["code"])
    assert float(known["probability"]) == pytest.approx(best["probability"], abs=1e-5)
    unknown = [row for row in rows if row["verdict"] == "unknown"]
    assert unknown
    assert not any(row["language"] or row["code"] for row in unknown)


COMPOSED = {
    "confidence": 0.95,
    "names": 90,
    "unknown": 8,
    "unreadable": 2,
    "languages": [
        {"code": "pl", "language": "Polish", "share": 0.6, "low": 0.5, "high": 0.7, "answered": 1},
        {"code": "el", "language": "Greek", "share": 0.4, "low": 0.3, "high": 0.5, "answered": 0},
    ],
}


def test_what_a_list_is_made_of(page: Page) -> None:
    asked: list[int] = []

    def compose(route: Route) -> None:
        asked.append(len(json.loads(route.request.post_data or "")["names"]))
        route.fulfill(json=COMPOSED)

    page.route("**/v1/composition", compose)
    paste(page, "\n".join(["Kowalski"] * 10_001))
    rows = page.locator("#composition-rows tr")
    expect(rows).to_have_count(2, timeout=30_000)

    assert asked == [10_000]
    assert rows.first.locator("td").all_text_contents()[1:] == [
        "60.0\u202f%",
        "50.0\u202f% – 70.0\u202f%",
    ]
    note = page.locator("#composition-note")
    expect(note).to_contain_text("8 names left out as unknown. 2 names left out as unreadable.")
    expect(note).to_contain_text("Only the first 10,000 names are counted here.")


@pytest.mark.parametrize(
    ("filename", "content", "names"),
    [
        ("a.csv", b'id,Surname\n1,"Kim, ""Jo"""\n2,Nowak\n', ['Kim, "Jo"', "Nowak"]),
        ("b.tsv", "Łucja\tNowak\nJan\tKim\n".encode("utf-16"), ["Łucja", "Jan"]),
        ("c.csv", "Müller;x\nNowak;y\n".encode("cp1252"), ["Müller", "Nowak"]),
        ("d.txt", b"Kim\r\n\r\nVan der Berg\r\n", ["Kim", "Van der Berg"]),
    ],
)
def test_files(page: Page, filename: str, content: bytes, names: list[str]) -> None:
    page.locator("#list-file").set_input_files(
        {"name": filename, "mimeType": "text/plain", "buffer": content}
    )

    expect(page.locator("#list-preview bdi")).to_have_text(names)
    expect(page.locator("#list-columns")).to_be_visible(visible=filename != "d.txt")


def test_another_column_can_be_picked_and_a_list_can_be_dropped(page: Page) -> None:
    transfer = page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["name,place\\nKim,Seoul\\nNowak,Lublin"], "a.csv"));
            return transfer;
        }"""
    )
    page.locator("#list-area").dispatch_event("drop", {"dataTransfer": transfer})
    preview = page.locator("#list-preview bdi")
    expect(preview).to_have_text(["Kim", "Nowak"])
    page.locator("#list-column").select_option(label="place")
    expect(preview).to_have_text(["Seoul", "Lublin"])
    page.get_by_label("the first row holds titles").uncheck()
    expect(preview).to_have_text(["place", "Seoul", "Lublin"])


def test_a_list_can_be_cancelled_and_what_is_done_be_kept(page: Page) -> None:
    def second_is_never_answered(route: Route) -> None:
        done = page.locator("#list-done").text_content() or ""
        if done.startswith("0 "):
            route.continue_()

    page.route("**/v1/classify_batch", second_is_never_answered)
    paste(page, "\n".join(made_up(3_000)))
    expect(page.locator("#list-done")).to_have_text("1000 of 3,000 names")
    page.locator("#list-cancel").click()

    expect(page.locator("#list-message")).to_have_text(
        "Cancelled. Done so far: 1,000 names of 3000."
    )
    assert len(downloaded(page)) == 1_000


# The model


def test_the_languages_can_be_sorted(page: Page) -> None:
    first = page.locator("#language-rows th").first
    expect(page.locator("#tested")).to_have_text("How good it is was never tested.")
    expect(page.locator("#facts")).to_contain_text("Knows 4 languages.")
    expect(first).to_have_text("Greek")
    page.get_by_role("button", name="Language", exact=True).click()
    expect(first).to_have_text("Russian")
    page.get_by_role("button", name="Names").click()
    assert page.locator("[aria-sort=descending]").text_content() == "Names"
    counts = [
        int(text) for text in page.locator("#language-rows td:nth-child(2)").all_text_contents()
    ]
    assert counts == sorted(counts, reverse=True)


QUALITY = {
    "n": 100,
    "accuracy": 0.834,
    "top3_accuracy": 0.949,
    "macro_f1": 0.772,
    "ece": 0.022,
    "reliability": [
        {"n": 20, "confidence": 0.4, "accuracy": 0.45},
        {"n": 80, "confidence": 0.95, "accuracy": 0.93},
    ],
}


def test_figures_and_calibration_of_a_tested_model(chromium: Browser, server: Server) -> None:
    def tested(route: Route) -> None:
        model = server.http.get("/v1/model").json()
        route.fulfill(json={**model, "metrics": {"test": QUALITY, "baseline": {"accuracy": 0.793}}})

    with visit(chromium, "about:blank") as sight:
        sight.page.route("**/v1/model", tested)
        sight.page.goto(str(server.http.base_url))
        figures = sight.page.locator("#figures")
        expect(figures).to_contain_text("83.4\u202f%")
        expect(figures).to_contain_text("naive Bayes: 79.3\u202f%")
        plot = sight.page.get_by_role("img")
        expect(plot).to_have_accessible_name(
            "40.0\u202f% sure, 45.0\u202f% right, 20 names; "
            "95.0\u202f% sure, 93.0\u202f% right, 80 names"
        )
        assert plot.locator("circle").count() == 2


# When the service cannot answer


def test_the_service_goes_and_comes_back(
    chromium: Browser, served_home: Path, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"NAMELANG_WORKERS": "1"}

    def service(log: str) -> Any:
        target = "service.app:Namelang"
        return serve(target, home=served_home, log=tmp_path / log, port=port, settings=settings)

    with visit(chromium, "about:blank") as sight:
        page = sight.page
        connection = page.locator("#connection-text")
        with service("first"):
            page.goto(f"http://127.0.0.1:{port}")
            type_name(page, "Kowalski")
        page.locator("#name").press_sequentially("e")
        expect(connection).to_have_text("The service does not answer. Trying again…")
        expect(page.locator("#answer.outdated")).to_be_visible()
        with service("second"):
            expect(connection).to_have_text("The service answers again.", timeout=20_000)
            expect(page.locator(".letters button")).to_have_count(len("Kowalskie"))
            expect(page.locator("#answer:not(.outdated)")).to_be_visible()
            expect(connection).to_have_text("")


def test_a_busy_service_is_asked_again_when_it_says_so(sight: Sight) -> None:
    refused: list[float] = []

    def busy(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(time.monotonic())
        problem = {"status": 429, "detail": "Too many requests."}
        route.fulfill(status=429, json=problem, headers={"Retry-After": "1"})

    sight.page.route("**/v1/explain", busy)
    sight.page.locator("#name").fill("Nowak")
    expect(sight.page.locator("#connection-text")).to_have_text("Too many requests. Trying again…")
    expect(sight.page.locator("#answer")).to_be_visible()
    assert time.monotonic() - refused[0] >= 1
    sight.complaints.clear()


def test_a_refusal_that_stays_is_told(sight: Sight) -> None:
    detail = "A body is larger than 4 MiB."
    problem = {"status": 413, "detail": detail}
    sight.page.route("**/v1/*", lambda route: route.fulfill(status=413, json=problem))
    sight.page.locator("#name").fill("Nowak")
    expect(sight.page.locator("#refusal")).to_have_text(detail)
    paste(sight.page, "Nowak")
    expect(sight.page.locator("#list-message")).to_contain_text(detail)
    sight.complaints.clear()


def test_an_api_key_is_asked_for_and_kept_for_the_session(
    chromium: Browser, server: Server
) -> None:
    def guarded(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer right":
            route.continue_()
        else:
            route.fulfill(status=401, json={"status": 401, "detail": "A key, please."})

    with visit(chromium, "about:blank") as sight:
        page = sight.page
        page.route("**/v1/*", guarded)
        page.goto(str(server.http.base_url))
        for key, answer in {"wrong": "This API key is not taken.", "right": None}.items():
            field = page.locator("#key-input")
            expect(field).to_be_visible()
            field.fill(key)
            field.press("Enter")
            if answer:
                expect(page.locator("#key-text")).to_have_text(answer)
        expect(page.locator("#facts")).to_contain_text("Knows 4 languages.")
        expect(page.locator("#key")).to_be_hidden()
        page.reload()
        expect(page.locator("#facts")).to_contain_text("Knows 4 languages.")
        assert page.evaluate("localStorage.length") == 0


# For everybody


@pytest.fixture(scope="module")
def full(chromium: Browser, server: Server) -> Iterator[Page]:
    """The page with a name and a list answered."""
    with visit(chromium, str(server.http.base_url), reduced_motion="reduce") as sight:
        sight.page.route("**/v1/composition", lambda route: route.fulfill(json=COMPOSED))
        paste(sight.page, "\n".join([*made_up(120), "x" * 101]))
        expect(sight.page.locator("#composition-rows tr")).to_have_count(2)
        yield sight.page
        assert sight.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(full: Page, scheme: Any) -> None:
    full.emulate_media(color_scheme=scheme)
    for name in ("Kowalski", "xqzvxq"):
        type_name(full, name)
        full.locator("details").first.evaluate("details => { details.open = true; }")

        found = Axe().run(full).response["violations"]

        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_dark_where_the_system_is_dark(full: Page) -> None:
    def brightness() -> int:
        colour = full.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(","))

    full.emulate_media(color_scheme="light")
    assert brightness() > 600
    full.emulate_media(color_scheme="dark")
    assert brightness() < 150


@pytest.mark.parametrize("name", ["Kowalski", "Wolfeschlegelsteinhausenbergerdorff" * 2])
def test_a_phone_needs_no_sideways_scrolling(full: Page, name: str) -> None:
    full.set_viewport_size(PHONE)  # type: ignore[arg-type]
    type_name(full, name)
    expect(full.locator(".letters button")).to_have_count(len(name))

    assert full.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_by_keyboard_alone(page: Page) -> None:
    keys = page.keyboard
    expect(page.locator("#name")).to_be_focused()
    keys.type("Kowalski")
    expect(page.locator(".letters button")).to_have_count(8)
    keys.press("Tab")
    expect(page.locator(".letters button").last).to_be_focused()
    keys.press("ArrowLeft")
    expect(page.locator("#step")).to_have_text("After kowalsk")
    page.set_viewport_size({"width": 1000, "height": 900})
    expect(page.locator(".letters button:focus")).to_have_text("k")
    keys.press("Home")
    expect(page.locator("#step")).to_have_text("After k")
    keys.press("ArrowRight")
    letter = page.locator(".letters button").nth(1)
    expect(letter).to_have_accessible_name(re.compile("^o: .+%$"))
    expect(page.locator("#step")).to_have_text("After ko")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#trace-rows")).to_be_visible()
    for _ in range(20):
        keys.press("Tab")
        if page.evaluate("document.activeElement.id") == "list-text":
            break
    keys.type("Nowak")
    expect(page.locator("#list-run")).to_be_enabled()
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#rows th")).to_have_text("Nowak")


def test_names_are_in_no_address_and_nowhere_stored(sight: Sight) -> None:
    page = sight.page
    before = page.evaluate("history.length")
    paste(page, "Nowak\nKim")
    expect(page.locator("#rows tr")).to_have_count(2)
    type_name(page, "Kowalski")

    assert page.evaluate("history.length") == before
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [
        0,
        0,
        "",
    ]
    assert not any("?" in url or "owa" in url for url in [*sight.urls, page.url])
    assert all(url.startswith(page.url) for url in sight.urls)
    assert "Kowalski" not in page.title()


def test_the_page_is_small_and_asks_nobody_else() -> None:
    files = {path.name: path.read_text("utf-8") for path in PAGE.iterdir()}

    assert sum(len(text.encode()) for text in files.values()) < 60_000
    for text in files.values():
        assert "innerHTML" not in text
        assert "style=" not in text
        assert "https://" not in text


def test_every_file_comes_with_a_strict_policy(server: Server) -> None:
    paths = ["/", *(f"/page/{p.name}" for p in PAGE.iterdir() if p.name != "index.html")]
    for path in paths:
        response = httpx.get(f"{server.http.base_url}{path}".replace("//page", "/page"))
        assert response.status_code == 200
        policy = response.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
