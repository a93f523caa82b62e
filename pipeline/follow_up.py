"""After a promotion: does the running service serve the model, and does it answer as recorded?

What a model says on disk and what callers get are two things; only the second one counts. So the
service is asked over HTTP, and a promotion that does not arrive is taken back.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

import httpx

from model.artifact import load_record
from model.pointer import Pointer, PointerError, bentoml_home, model_directory
from model.smoke import TOLERANCE
from pipeline import store

SECONDS = 10.0
"""How long the processes of a service may take to follow; they look four times a second."""
KEY = "SERVICE_KEY"
"""The environment variable with an API key, where the service asks for one."""
ASKED = 24
"""Connections that must all be answered by the model: the kernel spreads them over processes."""


class NotServed(ValueError):
    """The service does not serve what was promoted."""


def promote(tag: str, *, url: str | None, force: bool = False, seconds: float = SECONDS) -> Pointer:
    """Promote a version; where a service runs at `url`, see that it follows, or roll back.

    Raises:
        StoreError: as `store.promote`.
        NotServed: the service did not follow or answers otherwise; the promotion is taken back.
    """
    before = _before()
    pointer = store.promote(tag, force=force)
    if url is None:
        return pointer
    try:
        see_served(url, pointer, seconds)
    except NotServed as error:
        if before is None or before.tag == pointer.tag:
            raise
        store.rollback()
        raise NotServed(f"{error}; {before.tag} is promoted again") from error
    return pointer


def _before() -> Pointer | None:
    try:
        return store.promoted()
    except PointerError:  # the promotion mends it
        return None


def see_served(url: str, pointer: Pointer, seconds: float = SECONDS) -> None:
    """Ask the service at `url` until all its processes serve the promoted model as recorded.

    Raises:
        NotServed: they do not, within so many seconds.
    """
    directory = model_directory(bentoml_home(), pointer.tag)
    smoke = load_record(directory, sha256=pointer.sha256).get("smoke")
    deadline = time.monotonic() + seconds
    while True:
        try:
            for _ in range(ASKED):
                _ask(url, pointer.tag, smoke)
        except (NotServed, httpx.HTTPError) as error:
            if time.monotonic() > deadline:
                reason = str(error) or type(error).__name__
                raise NotServed(f"{url} does not serve {pointer.tag}: {reason}") from error
            time.sleep(0.1)
        else:
            return


def _ask(url: str, tag: str, smoke: Mapping[str, Any] | None) -> None:
    names = smoke["names"] if smoke else ["Kowalski"]
    key = os.environ.get(KEY)
    reply = httpx.post(  # on a connection of its own, which any process may take
        f"{url}/v1/classify_batch",
        json={"names": names},
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )
    answer = reply.raise_for_status().json()
    if answer["model"] != tag:
        raise NotServed(f"it answers with {answer['model']}")
    if smoke is None:
        return
    for result, expected in zip(answer["results"], smoke["probabilities"], strict=True):
        found = sorted(line["probability"] for line in result["languages"])
        apart = max(abs(a - b) for a, b in zip(found, sorted(expected), strict=True))
        if apart > TOLERANCE:
            raise NotServed(f"its answer for {result['name']!r} is {apart:.4f} from the record's")
