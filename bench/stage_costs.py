"""What one stage takes, in a process of its own: seconds, and memory beyond the libraries'."""

import multiprocessing
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from pipeline.process import settle

OFTEN = 0.01
"""Seconds between two looks at a process's memory."""

Work = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Cost:
    """What it took."""

    seconds: float
    busy: float
    """Seconds of processors, of all threads: what other programs on the machine hardly change."""
    peak: int
    """Bytes at the height, of those that only memory holds; the libraries' left out. What is mapped
    from a file does not count: the system takes it back when it wants the memory."""
    said: dict[str, Any]
    """What the work returned; "seconds" and "busy" in it count instead of those of the whole."""


def cost(work: Work, home: Path, *arguments: Any) -> Cost:
    """Run it in a new process that has `BENTOML_HOME` there, and watch.

    Raises:
        ValueError: this system does not tell what a process has in memory.
        RuntimeError: the process died.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_child, args=(theirs, work, home, arguments))
    child.start()
    theirs.close()
    try:
        ours.recv()  # the libraries are loaded
        before = height = anonymous(child.pid or 0)
        ours.send("go")
        while not ours.poll(OFTEN):
            height = max(height, anonymous(child.pid or 0))
        seconds, busy, said = ours.recv()
    except EOFError as error:
        raise RuntimeError(f"the process of {work} died") from error
    finally:
        child.join()
    return Cost(said.pop("seconds", seconds), said.pop("busy", busy), height - before, said)


def anonymous(pid: int) -> int:
    """Bytes of a process that no file backs.

    Raises:
        ValueError: this system does not tell.
    """
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        raise ValueError(f"{status} is not there: growth can be measured on Linux only")
    found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text("utf-8"))
    return int(found[1]) * 1024 if found else 0  # none any more: it has just ended


def _child(to_parent: Connection, work: Work, home: Path, arguments: tuple[Any, ...]) -> None:
    settle()
    os.environ["BENTOML_HOME"] = str(home)
    import pyarrow.parquet  # noqa: F401

    import pipeline.stages  # noqa: F401

    to_parent.send("ready")
    to_parent.recv()
    start, idle = perf_counter(), process_time()
    said = work(*arguments)
    to_parent.send((perf_counter() - start, process_time() - idle, said))
