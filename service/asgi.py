"""Requests and replies as ASGI messages: what stands between the server and the endpoints."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.middleware.cors import CORSMiddleware

from service.problems import Kind, Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON, PROBLEM_JSON, NDJSON = "application/json", "application/problem+json", "application/x-ndjson"

PRIVATE = ((b"cache-control", b"no-store"),)
"""No answer about a name is kept on its way to the caller."""

LEAST_TO_COMPRESS = 1024  # bytes
COMPRESSION = 1
"""zlib's fastest level: names and probabilities shrink to a sixth with it, and hardly more at 6."""
LEAST_FOR_A_THREAD = 2**16  # bytes whose compression would hold up the loop


class Gone(Exception):
    """The caller has hung up."""


@dataclass
class Reply:
    """What is sent back."""

    body: bytes | AsyncIterator[bytes]
    """Whole, or in parts that are sent as they come."""
    media_type: str = JSON
    status: int = 200
    headers: Headers = field(default_factory=list)


def private(body: Any) -> Reply:
    """A JSON value that is for the caller alone."""
    return Reply(orjson.dumps(body), headers=list(PRIVATE))


def header(scope: Scope, name: bytes) -> str:
    """A request's header, empty where there is none; the first where there are several."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def accepts(scope: Scope, name: bytes, wanted: str) -> bool:
    """Whether a request's header names what is wanted, and not with a weight of 0.

    >>> accepts({"headers": [(b"accept-encoding", b"br, gzip;q=0.5")]}, b"accept-encoding", "gzip")
    True
    """
    for entry in header(scope, name).lower().split(","):
        value, _, weight = entry.partition(";")
        if value.strip() == wanted:
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


async def read_body(scope: Scope, receive: Receive, *, most: int, seconds: float) -> bytes:
    """The body of a request, at most so many bytes, and no longer in coming than so many seconds.

    Raises:
        Problem: it is larger, slower, or compressed.
        Gone: the caller hung up.
    """
    if header(scope, b"content-encoding") not in ("", "identity"):
        raise Problem(Kind.UNSUPPORTED_ENCODING, "expected a body without Content-Encoding")
    length = header(scope, b"content-length")
    too_large = length.isdecimal() and int(length) > most
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(seconds):
            while more and not too_large:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
                size += len(parts[-1])
                too_large = size > most
    except TimeoutError:
        raise Problem(Kind.BODY_TIMEOUT, f"expected the whole body within {seconds:g} s") from None
    if too_large:
        raise Problem(Kind.BODY_TOO_LARGE, f"expected a body of at most {most} bytes")
    return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that first gives the body that was read already."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


async def send_reply(reply: Reply, scope: Scope, send: Send) -> None:
    """Send a reply, compressed where the caller takes gzip and it is worth it."""
    headers = [(b"content-type", reply.media_type.encode()), *reply.headers]
    compressed = accepts(scope, b"accept-encoding", "gzip")
    if isinstance(reply.body, bytes):
        body = reply.body
        if len(body) >= LEAST_TO_COMPRESS:
            headers.append((b"vary", b"accept-encoding"))
            if compressed:
                body = await _gzip(body)
                headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    async for part in reply.body:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def parse(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        Problem: it is no JSON in UTF-8.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # Only the place: the message of the parser has none of the body, but may one day.
        raise Problem(
            Kind.MALFORMED_JSON,
            f"expected JSON in UTF-8, without lone surrogates; wrong at character {error.pos}",
        ) from None


async def _gzip(body: bytes) -> bytes:
    if len(body) < LEAST_FOR_A_THREAD:
        return gzip(body)
    return await asyncio.to_thread(gzip, body)


def gzip(body: bytes) -> bytes:
    """The body in gzip's format."""
    return zlib.compress(body, COMPRESSION, wbits=31)


def across_origins(app: App, origins: list[str]) -> App:
    """The same application, for pages of these web origins too."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Accept", "Authorization", "Content-Type"],
        expose_headers=["Namelang-Model", "Retry-After"],
        max_age=600,
    )
