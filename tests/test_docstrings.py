"""Every example in a docstring, run as it stands."""

import doctest
import importlib

import pytest
from server import CHECKOUT

ROOMS = ("model", "pipeline", "service", "bench")
MODULES = sorted(
    ".".join(file.relative_to(CHECKOUT).with_suffix("").parts)
    for room in ROOMS
    for file in (CHECKOUT / room).rglob("*.py")
    if ">>> " in file.read_text("utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_an_example_gives_what_it_shows(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried
    assert not failed
