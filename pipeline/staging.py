"""Folders for what is not complete yet, and locks: what a killed process leaves behind is harmless.

Both rest on `flock`, which the kernel takes back from a process that dies, however it dies.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PREFIX = "staging-"


@contextmanager
def staging(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, gone at the end; those that dead processes left go first."""
    with ExitStack() as stack:
        with locked(parent):  # so that no one sweeps away the new folder before it is locked
            _sweep(parent)
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(dir=parent, prefix=PREFIX))
            )
            stack.enter_context(locked(folder))
        yield folder


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Alone with this file or folder; the file is made if need be.

    Raises:
        BlockingIOError: another is there, and this one is not to wait.
    """
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            descriptor = _open(folder)
        except FileNotFoundError:  # its owner was faster
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # its owner is alive
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _open(path: Path) -> int:
    if path.is_dir():
        return os.open(path, os.O_RDONLY)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
