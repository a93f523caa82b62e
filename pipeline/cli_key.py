"""The command `namelang key`: an API key, and what the service's file of keys has of it."""

import hashlib
import json
import secrets
import sys
from math import isfinite
from typing import Annotated

import typer

BYTES = 32
"""Of randomness in a key: nobody can guess it, not even back from its digest."""


def key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    per_second: Annotated[
        float | None, typer.Option(help="Requests a second; as many as wanted without it.")
    ] = None,
) -> None:
    """Make an API key, shown this once, and print the lines for NAMELANG_KEYS_FILE.

    The key goes to standard error, so that `namelang key crm >> keys.toml` shows it and keeps its
    digest alone.
    """
    made = secrets.token_urlsafe(BYTES)
    lines = entry(name, made, per_second)
    print(f"the key, shown this once: {made}", file=sys.stderr, flush=True)
    print(lines)


def entry(name: str, key: str, per_second: float | None) -> str:
    """A key's lines in the file of keys.

    Raises:
        ValueError: there can be no such entry.
    """
    if not name or not name.isprintable():
        raise ValueError(f"name of the key is {name!r}; expected printable characters")
    if per_second is not None and not (per_second > 0 and isfinite(per_second)):
        raise ValueError(f"per-second is {per_second}; expected a number above 0")
    lines = [
        "[[key]]",
        f"name = {json.dumps(name, ensure_ascii=False)}",  # TOML has the same quotes
        f'sha256 = "{hashlib.sha256(key.encode()).hexdigest()}"',
    ]
    if per_second is not None:
        lines.append(f"per_second = {per_second}")
    return "\n".join(lines)
