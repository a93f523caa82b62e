"""Chromium for tests of the web page, and what it saw that should not have been."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE = 10_000  # ms
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browser() -> Iterator[Browser]:
    """The system's Chromium, or else Playwright's own; the tests are skipped where neither is."""
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
        executable = found or playwright.chromium.executable_path
        if not Path(executable).exists():
            pytest.skip("no Chromium is installed")
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@dataclass
class Sight:
    """A page, the addresses it asked for, and its complaints."""

    page: Page
    urls: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(chromium: Browser, url: str, **context: Any) -> Iterator[Sight]:
    """The page at `url` in a browser context of its own."""
    page = chromium.new_context(**context).new_page()
    page.set_default_timeout(PATIENCE)
    sight = Sight(page)
    page.on("request", lambda request: sight.urls.append(request.url))
    page.on("pageerror", lambda error: sight.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            sight.complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.goto(url)
    yield sight
    page.context.close()
