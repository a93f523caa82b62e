"""When the client asks again, and what it says when it gives up. Nothing waits here."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import Any, Self, TypeGuard

import httpx

from service.problems import Fault

AGAIN = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""What may go well a little later."""

HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""What the request itself is to blame for."""

OURS = "urn:namelang:problem:"

Outcome = httpx.Response | httpx.RequestError


class NamelangError(Exception):
    """The service refused, or did not answer in the time and the attempts allowed.

    The message repeats nothing of the request but names of fields, and may go to a log; `detail`
    and `errors` may hold what was sent.
    """

    type: str = "about:blank"
    """What went wrong, as `urn:namelang:problem:` and a word, where the service said so."""
    title: str = "No answer"
    """The same for people."""
    status: int | None = None
    """Of HTTP; None where no answer came."""
    detail: str = ""
    """What the service wrote, or which error ended the connection."""
    errors: Sequence[Fault] = ()
    """The faults of the request: field, value, and what would have been right."""

    # Only the message is an argument: so it can be pickled, and its repr shows no more.
    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """What a refusal, or the end of a connection, says."""
        if isinstance(outcome, httpx.RequestError):
            error = cls(f"no answer from the service: {type(outcome).__name__}")
            error.detail = type(outcome).__name__
            return error
        problem = _problem(outcome)
        error = cls(_message(outcome.status_code, problem))
        error.status = outcome.status_code
        error.type, error.title = problem["type"], problem["title"]
        error.detail, error.errors = problem.get("detail", ""), problem.get("errors", ())
        return error


@dataclass(frozen=True)
class Retry:
    """How often and how long to try."""

    attempts: int = 8
    """At most, the first included; 1 is never to try again."""
    seconds: float = 60.0
    """No attempt begins later than this after the first."""
    first: float = 0.25
    """Seconds to wait before the second attempt; twice as long before each one after it."""
    longest: float = 10.0
    """Seconds to wait at most, unless the service says `Retry-After`."""


RETRY = Retry()


class Attempts:
    """The attempts at one request. Each can be repeated, a POST too: it changes nothing there."""

    def __init__(self, retry: Retry, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._retry = retry
        self._clock = clock
        self._started = clock()
        self._made = 0

    def wait(self, outcome: Outcome) -> float:
        """In how many seconds to ask again after no answer.

        Raises:
            NamelangError: another attempt would not help, or none, or no time for it, is left.
        """
        self._made += 1
        retry = self._retry
        waits = min(retry.longest, retry.first * 2 ** (self._made - 1)) * random.uniform(0.5, 1)
        # Added up: of callers who are told the same second, not all come back in it at once.
        seconds = waits + _asked_to_wait(outcome)
        left = self._started + retry.seconds - self._clock()
        if not _may_help(outcome) or self._made >= retry.attempts or seconds > left:
            raise NamelangError.of(outcome) from (
                outcome if isinstance(outcome, Exception) else None
            )
        return seconds


def answered(outcome: Outcome) -> TypeGuard[httpx.Response]:
    """Whether the service did what was asked."""
    return isinstance(outcome, httpx.Response) and outcome.status_code == HTTPStatus.OK


def _may_help(outcome: Outcome) -> bool:
    """Whether to ask again may end better."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in AGAIN
    return not isinstance(outcome, HOPELESS)


def _asked_to_wait(outcome: Outcome) -> float:
    """The seconds of a `Retry-After`, which may also be a date; 0 without it."""
    value = outcome.headers.get("retry-after", "") if isinstance(outcome, httpx.Response) else ""
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (ValueError, OverflowError):
        return 0.0


def _problem(response: httpx.Response) -> dict[str, Any]:
    """The problem details of a refusal, or what its status says where another server refused."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and str(body.get("type")).startswith(OURS) and "title" in body:
        return body
    return {"type": "about:blank", "title": response.reason_phrase or "Refused"}


def _message(status: int, problem: dict[str, Any]) -> str:
    """``the service answered 422 Invalid request: top_k``."""
    # Of `prior.pl` only what is ours: the rest is a key of the caller's.
    fields = ", ".join(fault["field"].partition(".")[0] for fault in problem.get("errors", ()))
    return f"the service answered {status} {problem['title']}{fields and ': '}{fields}"
