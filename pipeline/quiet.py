"""Prefect as a tool for one run: its own server, and none of its chatter."""

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from prefect import get_client, settings

from pipeline.workspace import workspace


@contextmanager
def quiet_prefect(meanwhile: Callable[[], object] = lambda: None) -> Iterator[None]:
    """No telemetry, no chatter, its files in `BENTOML_HOME`, and a server that answers.

    With `PREFECT_API_URL` set the run shows up in that server; else Prefect starts one of its own
    for as long as the process lives. That takes some 10 s, and as long again where its database is
    yet to be made; `meanwhile` is called while it does.
    """
    changed: dict[Any, Any] = {
        settings.PREFECT_SERVER_ANALYTICS_ENABLED: False,
        # Its thread is joined at the end of each flow, which costs a second; serving a schedule
        # keeps the default.
        settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        # A busy machine takes longer than the usual 20 s to start it.
        settings.PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120,
    }
    if "PREFECT_HOME" not in os.environ:
        changed[settings.PREFECT_HOME] = home = workspace() / "prefect"
        home.mkdir(parents=True, exist_ok=True)
    with settings.temporary_settings(changed):
        # What the run says is wanted; what Prefect says of its own server is not.
        logging.getLogger("prefect").setLevel(logging.WARNING)
        for name in ("prefect.flow_runs", "prefect.task_runs"):
            logger = logging.getLogger(name)
            logger.setLevel(logging.INFO)
            logger.addFilter(_without_traceback)
        _start_server(meanwhile)
        yield


def _start_server(meanwhile: Callable[[], object]) -> None:
    """Do this while Prefect's own server starts, if there is to be one; return once it answers."""
    if settings.PREFECT_API_URL.value():
        meanwhile()
        return
    # Not left to the thread: two that import the same modules can meet halfway.
    import prefect.server.api.server  # noqa: F401

    with ThreadPoolExecutor(1) as pool:
        # Settings are the context's, which a thread has none of.
        started = pool.submit(copy_context().run, lambda: get_client(sync_client=True))
        meanwhile()
        started.result()


def _without_traceback(record: logging.LogRecord) -> bool:
    """A user's mistake is told in a sentence; our own mistakes keep their traceback."""
    if record.exc_info and isinstance(record.exc_info[1], ValueError):
        record.exc_info = None
    return True
