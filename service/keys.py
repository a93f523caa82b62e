"""API keys, if the operator wants any: who may ask, and how often.

A TOML file holds for each key its SHA-256, never the key itself:

    [[key]]
    name = "crm"
    sha256 = "9f86d0…"
    per_second = 50

Keys are long and random (`namelang key crm` makes one), so that a plain digest cannot be guessed
back.
"""

import hashlib
import hmac
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.asgi import Scope, header
from service.problems import Kind, Problem
from service.settings import SettingsError


class Key(BaseModel):
    """A caller's key, as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    per_second: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """Requests a second, with bursts of ten seconds' worth; as many as wanted without it."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: Annotated[list[Key], Field(min_length=1)]


BURST_SECONDS = 10.0


class Bucket:
    """Tokens that drip in at a rate, and one of which each request takes."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._rate = per_second
        self._room = max(1.0, per_second * BURST_SECONDS)
        self._tokens = self._room
        self._clock = clock
        self._then = clock()

    def take(self) -> float:
        """Take a token and return 0, or return in how many seconds there will be one."""
        now = self._clock()
        self._tokens = min(self._room, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


class Keyring:
    """The keys that open the service; an empty ring lets everybody in."""

    def __init__(
        self,
        keys: Sequence[Key] = (),
        *,
        processes: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Each of so many processes grants its part of a key's rate."""
        self._keys = [
            (key.sha256, Bucket(key.per_second / processes, clock) if key.per_second else None)
            for key in keys
        ]

    @classmethod
    def load(cls, path: Path | None, *, processes: int) -> Self:
        """The keys of a file; none where no file is named.

        Raises:
            SettingsError: it cannot be read, or is no list of keys.
        """
        if path is None:
            return cls()
        try:
            file = _File.model_validate(tomllib.loads(path.read_text("utf-8")))
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path} is no TOML: {error}") from error
        except ValidationError as error:
            [fault, *_] = error.errors(include_url=False, include_input=False)
            place = ".".join(str(part) for part in fault["loc"])
            raise SettingsError(f"{path}: {place}: {fault['msg']}") from error
        return cls(file.key, processes=processes)

    def admit(self, scope: Scope) -> None:
        """Let a request in.

        Raises:
            Problem: it has no key, a wrong one, or one that asks too often.
        """
        if not self._keys:
            return
        kind, _, key = header(scope, b"authorization").partition(" ")
        found = hashlib.sha256(key.strip().encode()).hexdigest()
        # All are compared, each in constant time: how long it takes tells nothing about any.
        matching = [entry for entry in self._keys if hmac.compare_digest(entry[0], found)]
        if kind.lower() != "bearer" or not matching:
            raise Problem(
                Kind.UNAUTHORIZED,
                "expected the header Authorization: Bearer and a key of this service",
                headers={"WWW-Authenticate": "Bearer"},
            )
        _, bucket = matching[0]
        if bucket and (seconds := bucket.take()):
            raise Problem(
                Kind.RATE_LIMITED,
                "this key asks more often than it may",
                headers={"Retry-After": str(max(1, round(seconds)))},
            )
