"""OpenAPI 3.1, made of the list of endpoints and the types of bodies, so that it follows them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from service.asgi import JSON, NDJSON, PROBLEM_JSON
from service.dispatch import Endpoint
from service.examples import ANSWERS, REQUESTS
from service.problems import Kind, ProblemDetails

VERSION = "1"

WITH_KEY = (Kind.UNAUTHORIZED, Kind.RATE_LIMITED)
WITH_BODY = (
    Kind.MALFORMED_JSON,
    Kind.BODY_TIMEOUT,
    Kind.BODY_TOO_LARGE,
    Kind.UNSUPPORTED_ENCODING,
    Kind.INVALID_REQUEST,
    Kind.OVERLOADED,
)
ALWAYS = (Kind.METHOD_NOT_ALLOWED, Kind.INTERNAL_ERROR)

TAG_HEADER = {
    "Namelang-Model": {"description": "The model that answers.", "schema": {"type": "string"}}
}
RETRY_HEADER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
}


def description(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The description of those endpoints that take or give JSON."""
    described = [endpoint for endpoint in endpoints if endpoint.answer is not None]
    schemas, definitions = _schemas(described)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "namelang",
            "version": VERSION,
            "description": "Which language does a family name come from?",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            endpoint.path: {endpoint.method.lower(): _operation(endpoint, schemas)}
            for endpoint in described
        },
        "components": {
            "schemas": definitions,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each body by its type, and the definitions that they refer to."""
    bodies: set[Any] = {endpoint.body for endpoint in endpoints if endpoint.body}
    answers = {endpoint.answer for endpoint in endpoints} | {ProblemDetails}
    modes: list[tuple[set[Any], JsonSchemaMode]] = [
        (bodies, "validation"),
        (answers, "serialization"),
    ]
    found, rest = TypeAdapter.json_schemas(
        [
            (kind, mode, TypeAdapter(kind))
            for kinds, mode in modes
            for kind in sorted(kinds, key=_name)
        ],
        ref_template="#/components/schemas/{model}",
    )
    return {key: schema for (key, _), schema in found.items()}, rest["$defs"]


def _operation(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    summary, _, more = (getdoc(endpoint.handle) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": endpoint.path.rpartition("/")[2],
        "summary": summary,
        "security": [{}, {"key": []}],
        "responses": dict(sorted(_responses(endpoint, schemas))),
    }
    if more:
        operation["description"] = " ".join(more.split())
    if endpoint.body:
        operation["requestBody"] = {
            "required": True,
            "content": {
                JSON: {"schema": schemas[endpoint.body], "examples": _examples(REQUESTS, endpoint)}
            },
        }
    return operation


def _responses(endpoint: Endpoint, schemas: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    content = {JSON: {"schema": schemas[endpoint.answer], "examples": _examples(ANSWERS, endpoint)}}
    if endpoint.streams:
        content[NDJSON] = {"schema": {"type": "string"}}
    yield "200", {"description": "The answer.", "headers": TAG_HEADER, "content": content}
    kinds: dict[int, list[Kind]] = defaultdict(list)
    for kind in (*ALWAYS, *WITH_KEY, *(WITH_BODY if endpoint.body else ()), *endpoint.refusals):
        kinds[kind.status].append(kind)
    for status, of_status in kinds.items():
        waits = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
        yield (
            str(status),
            {
                "description": ", ".join(kind.slug for kind in of_status),
                "headers": TAG_HEADER | (RETRY_HEADER if waits else {}),
                "content": {PROBLEM_JSON: {"schema": schemas[ProblemDetails]}},
            },
        )


def _examples(known: dict[str, dict[str, Any]], endpoint: Endpoint) -> dict[str, Any]:
    return {name: {"value": value} for name, value in known.get(endpoint.path, {}).items()}


def _name(kind: Any) -> str:
    return str(kind.__name__)
