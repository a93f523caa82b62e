"""Where the stages of a run leave their work: one directory for each distinct content.

A directory's name is a digest of all that decides what is in it: the stage, its arguments and the
code. Paths count by their own name, which is such a digest again. So a stage whose directory is
there has nothing to do, and what it would write cannot differ.
"""

import hashlib
import inspect
import json
import os
import shutil
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from model.pointer import bentoml_home

P = ParamSpec("P")


def workspace() -> Path:
    """The folder in `BENTOML_HOME` that training works in."""
    return bentoml_home() / "namelang"


def stage(work: Callable[Concatenate[Path, P], None]) -> Callable[P, Path]:
    """Turn a function that fills the directory of its first argument into one that returns it.

    The directory appears only when the function ends well. Arguments that are functions (a
    progress call) decide nothing and do not count.
    """
    signature = inspect.signature(work)

    @wraps(work)
    def complete(*args: P.args, **kwargs: P.kwargs) -> Path:
        given = signature.bind(None, *args, **kwargs)
        given.apply_defaults()
        decided_by = {k: v for k, v in given.arguments.items() if not inspect.isfunction(v)}
        content = json.dumps([decided_by, code_digest()], default=_content, sort_keys=True)
        key = hashlib.sha256(content.encode()).hexdigest()[:16]
        directory = workspace() / "work" / f"{work.__name__}-{key}"
        if not directory.exists():
            partial = directory.with_name(f".{directory.name}.{os.getpid()}")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            try:
                work(partial, *args, **kwargs)
                if not directory.exists():  # another run of the same content may have come first
                    partial.rename(directory)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return directory

    return complete


@cache
def code_digest() -> str:
    """A digest of the code that turns data into a model: an edit makes earlier work stale."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted([*root.glob("model/**/*.*"), *root.glob("pipeline/**/*.*")]):
        if path.suffix in (".py", ".toml"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _content(value: Any) -> Any:
    """What of a value decides the work that is done with it, as JSON values."""
    if isinstance(value, Path):
        return value.name
    if hasattr(value, "fingerprint"):
        return value.fingerprint()
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else vars(value)
