"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    look: Callable[[], T | None],
    what: str,
    explain: Callable[[], str],
    limit: float = 150.0,
    pause: float = 0.2,
) -> T:
    """What `look` finds, as soon as it finds something; an error after `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(pause)
    raise TimeoutError(f"waited for {what}\n{explain()}")
