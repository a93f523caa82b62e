"""From a request to its endpoint and back: who may ask, what was sent, and what went wrong."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from service.asgi import (
    PROBLEM_JSON,
    App,
    Gone,
    Receive,
    Reply,
    Scope,
    Send,
    parse,
    read_body,
    replayed,
    send_reply,
)
from service.batcher import Overloaded
from service.keys import Keyring
from service.metrics import Metrics
from service.problems import Kind, Problem, faults_of, invalid
from service.requests import Body

log = logging.getLogger("bentoml.namelang")  # BentoML's handlers write it

ELSEWHERE = "other"
"""The endpoint's label in metrics for every path that is none: unknown paths make no series."""

SAFE_HEADERS = [(b"x-content-type-options", b"nosniff")]

OVERLOADED = Problem(
    Kind.OVERLOADED,
    "too many names wait to be read; expected another attempt a little later",
    headers={"Retry-After": "1"},
)

T = TypeVar("T")


@dataclass(frozen=True)
class Endpoint:
    """A path, and what answers there."""

    method: str
    path: str
    handle: Callable[[Any, Scope], Awaitable[Reply]]
    """Takes the validated body, or None where there is none."""
    answer: Any = None
    """The type of the answer's body, for the description; None where it is no JSON."""
    body: type[Body] | None = None
    streams: bool = False
    """Whether the answer can be had line by line."""
    refusals: tuple[Kind, ...] = ()
    """Besides those that every endpoint knows."""
    guarded: bool = True
    """Whether a key is asked for, where there are keys."""


class Dispatcher:
    """The ASGI application of the endpoints."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        native: Mapping[str, App],
        *,
        tag: Callable[[], str],
        keyring: Keyring,
        metrics: Metrics,
        max_body: int,
        body_seconds: float,
    ) -> None:
        """`tag` names the model that is served; every reply does.

        `native` paths are answered by other applications, which are guarded like the endpoints.
        """
        self._native = native
        self._endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self._tag = tag
        self._keyring = keyring
        self._metrics = metrics
        self._max_body = max_body
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path in self._native:
            await self._forward(self._native[path], scope, receive, send)
            return
        started = perf_counter()
        endpoint = self._endpoints.get(path)
        try:
            reply = await self._refusable(self._reply(endpoint, scope, receive))
            await self._send(reply, scope, send)
        except Gone:
            return
        label = endpoint.path if endpoint else ELSEWHERE
        self._metrics.request(label, reply.status, perf_counter() - started)

    async def _forward(self, native: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Let another application answer, if the caller may ask and the body is not too large."""

        async def admitted() -> bytes:
            self._keyring.admit(scope)
            return await self._body(scope, receive)

        try:
            body = await self._refusable(admitted())
        except Gone:
            return
        if isinstance(body, Reply):
            await self._send(body, scope, send)
        else:
            await native(scope, replayed(body, receive), send)

    async def _refusable(self, work: Awaitable[T]) -> T | Reply:
        """What `work` gives, or the reply that says why it does not."""
        try:
            return await work
        except Problem as problem:
            return refusal(problem)
        except Overloaded:
            return refusal(OVERLOADED)
        except Gone:
            raise
        except Exception as error:
            _log(error)
            return refusal(Problem(Kind.INTERNAL_ERROR, "the service's log has the place"))

    async def _send(self, reply: Reply, scope: Scope, send: Send) -> None:
        reply.headers += [(b"namelang-model", self._tag().encode()), *SAFE_HEADERS]
        try:
            await send_reply(reply, scope, send)
        except Exception as error:  # a stream broke off
            _log(error)
            raise RuntimeError("an answer was cut short") from None

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        return await read_body(scope, receive, most=self._max_body, seconds=self._body_seconds)

    async def _reply(self, endpoint: Endpoint | None, scope: Scope, receive: Receive) -> Reply:
        if endpoint is None:
            paths = ", ".join(self._endpoints)
            raise Problem(Kind.NOT_FOUND, f"expected one of {paths}")
        allowed = [endpoint.method, "HEAD"] if endpoint.method == "GET" else [endpoint.method]
        if scope["method"] not in allowed:
            raise Problem(
                Kind.METHOD_NOT_ALLOWED,
                f"expected {' or '.join(allowed)}",
                headers={"Allow": ", ".join(allowed)},
            )
        if endpoint.guarded:
            self._keyring.admit(scope)
        if endpoint.body is None:
            return await endpoint.handle(None, scope)
        body = await self._body(scope, receive)
        return await endpoint.handle(validated(endpoint.body, body), scope)


def validated(body: type[Body], content: bytes) -> Body:
    """A request's body as the endpoint takes it.

    Raises:
        Problem: it is no JSON, or not this body.
    """
    try:
        return body.model_validate(parse(content))
    except ValidationError as error:
        raise invalid(faults_of(error, body.model_fields)) from None


def refusal(problem: Problem) -> Reply:
    """The reply that a problem makes."""
    headers = [(key.lower().encode(), value.encode()) for key, value in problem.headers.items()]
    return Reply(orjson.dumps(problem.body), PROBLEM_JSON, problem.kind.status, headers)


def _log(error: Exception) -> None:
    """Where an error arose; not its message, which may hold a name."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    log.error("%s\n%s", type(error).__name__, "".join(frames))
