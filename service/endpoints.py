"""Which path is answered by what: the one list that requests, metrics and OpenAPI go by."""

from collections.abc import Iterator

import orjson

from service import answers, requests
from service.about import About
from service.api import Api
from service.asgi import Reply, Scope
from service.dispatch import Endpoint
from service.openapi import description
from service.page import page
from service.problems import Kind


def endpoints(api: Api, about: About) -> Iterator[Endpoint]:
    """The endpoints of the API, its description, and the page."""
    described = tuple(_described(api, about))
    content = orjson.dumps(description(described))

    async def openapi(_: None, scope: Scope) -> Reply:
        return Reply(content)

    yield from described
    yield Endpoint("GET", "/openapi.json", openapi, guarded=False)
    yield Endpoint("GET", "/readyz", about.ready, guarded=False)
    yield from page()


def _described(api: Api, about: About) -> Iterator[Endpoint]:
    yield Endpoint(
        "POST", "/v1/classify", api.classify, answers.ClassifyAnswer, requests.ClassifyRequest
    )
    yield Endpoint(
        "POST",
        "/v1/classify_batch",
        api.classify_batch,
        answers.BatchAnswer,
        requests.BatchRequest,
        streams=True,
    )
    yield Endpoint(
        "POST", "/v1/explain", api.explain, answers.ExplainAnswer, requests.ExplainRequest
    )
    yield Endpoint("POST", "/v1/embed", api.embed, answers.EmbedAnswer, requests.EmbedRequest)
    yield Endpoint(
        "POST",
        "/v1/composition",
        api.composition,
        answers.CompositionAnswer,
        requests.CompositionRequest,
        refusals=(Kind.NOT_IN_MODEL,),
    )
    yield Endpoint("GET", "/v1/languages", about.languages, answers.LanguagesAnswer)
    yield Endpoint("GET", "/v1/model", about.model, answers.ModelAnswer)
    yield Endpoint("GET", "/v1/models", about.models, answers.ModelsAnswer)
