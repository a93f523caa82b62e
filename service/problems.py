"""Refusals, in one shape for all: problem details for HTTP APIs (RFC 9457)."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from http import HTTPStatus
from typing import Any, NotRequired

from pydantic import ValidationError
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

MAX_FAULTS = 10
"""How many of a request's faults a refusal spells out."""
MAX_ECHO = 120
"""How many characters of a refused value are sent back."""


class Kind(Enum):
    """Every way to be refused: the type's last word, and the status."""

    MALFORMED_JSON = "malformed-json", HTTPStatus.BAD_REQUEST
    UNAUTHORIZED = "unauthorized", HTTPStatus.UNAUTHORIZED
    NOT_FOUND = "not-found", HTTPStatus.NOT_FOUND
    METHOD_NOT_ALLOWED = "method-not-allowed", HTTPStatus.METHOD_NOT_ALLOWED
    BODY_TIMEOUT = "body-timeout", HTTPStatus.REQUEST_TIMEOUT
    NOT_IN_MODEL = "not-in-model", HTTPStatus.CONFLICT
    BODY_TOO_LARGE = "body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    UNSUPPORTED_ENCODING = "unsupported-encoding", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    INVALID_REQUEST = "invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY
    RATE_LIMITED = "rate-limited", HTTPStatus.TOO_MANY_REQUESTS
    INTERNAL_ERROR = "internal-error", HTTPStatus.INTERNAL_SERVER_ERROR
    OVERLOADED = "overloaded", HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, slug: str, status: HTTPStatus) -> None:
        self.slug = slug
        self.status = int(status)


class Fault(TypedDict):
    """One thing that is wrong with a request."""

    field: str
    """Where: `top_k`, `names[3]`, `body`."""
    value: Any
    """What was sent, kept short."""
    expected: str
    """What would have been right."""


class ProblemDetails(TypedDict):
    """The body of a refusal."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[Fault]]


class Problem(Exception):
    """A request is refused. What it holds goes to the caller and nowhere else."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        faults: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.slug)  # no detail, which may hold a name and could end in a log
        self.kind = kind
        self.detail = detail
        self.faults = list(faults)
        self.headers = dict(headers or {})

    @property
    def body(self) -> ProblemDetails:
        """As sent."""
        body = ProblemDetails(
            type=f"urn:namelang:problem:{self.kind.slug}",
            title=self.kind.slug.replace("-", " ").capitalize().replace("json", "JSON"),
            status=self.kind.status,
            detail=self.detail,
        )
        if self.faults:
            body["errors"] = self.faults[:MAX_FAULTS]
        return body


def invalid(faults: list[Fault]) -> Problem:
    """The refusal of a request with these faults (at least one)."""
    first = faults[0]
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    detail = f"{first['field']}: {first['expected']}{more}"
    return Problem(Kind.INVALID_REQUEST, detail, faults)


def faults_of(error: ValidationError, fields: Iterable[str]) -> list[Fault]:
    """What pydantic found wrong in a body with these fields."""
    return [
        _fault(fields, **details)
        for details in error.errors(include_url=False, include_context=False)
    ]


def _fault(
    fields: Iterable[str], *, type: str, loc: tuple[int | str, ...], msg: str, input: Any, **_: Any
) -> Fault:
    field = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if i else part
        for i, part in enumerate(loc)
    )
    expected = msg.removeprefix("Value error, ").removeprefix("Input should be ")
    if type == "model_type":
        expected = "a JSON object"
    if type == "extra_forbidden":
        expected = f"no such field, but {', '.join(fields)}"
        nearest = get_close_matches(field, list(fields), n=1)
        if nearest:
            expected = f"no such field; the nearest is {nearest[0]}"
    return Fault(field=field[:MAX_ECHO] or "body", value=echo(input), expected=expected)


def echo(value: Any) -> Any:
    """What was sent, kept short: ``["a", "b"]`` → ``"array of 2"``."""
    match value:
        case str():
            return value[:MAX_ECHO]
        case list():
            return f"array of {len(value)}"
        case dict():
            return f"object of {len(value)}"
        case _:
            return value
