"""The same handler without BentoML: `python -m bench.http_peers starlette|fastapi|silent --port N`.

They have our batcher, our thread for lists, our answers and our metrics, on the server, the event
loop and the parser that BentoML has too. What they lack is what stands around the handler: the
paths' guard, limits, keys, problem details.
"""

import argparse
import gc
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.servers import MANY, ONE
from model.classifier import Judged
from model.pointer import bentoml_home
from service.api import Api
from service.asgi import App, Reply
from service.current import Current
from service.desk import Desk
from service.metrics import Metrics
from service.requests import BatchRequest, Body, ClassifyRequest
from service.served import Served
from service.settings import Settings

Handle = Callable[[Any, Any], Awaitable[Reply]]


class Silent(Metrics):
    """Counts nothing."""

    def __init__(self) -> None:
        """No series."""

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Not counted."""

    def waiting(self, names: int) -> None:
        """Not counted."""

    def shadowed(self, challenger: str, same: Sequence[bool]) -> None:
        """Not counted."""

    def judged(self, served: Served, names: Sequence[str], judged: Judged) -> None:
        """Not counted."""


class Work:
    """What every request comes to, as the service's instance has it."""

    def __init__(self, *, counted: bool) -> None:
        """`counted` says whether there are metrics."""
        current = Current(bentoml_home())
        self.tag = current.served.tag
        gc.collect()
        gc.freeze()
        self.metrics = Metrics(current) if counted else Silent()
        desk = Desk(current, self.metrics, room=Settings().max_queue)
        desk.prepare(current.served)
        self.api = Api(desk, current)

    async def answer(self, path: str, handle: Handle, body: Body, request: Request) -> Response:
        """The answer to a body, timed from here on."""
        started = perf_counter()
        reply = await handle(body, request.scope)
        headers = {key.decode(): value.decode() for key, value in reply.headers}
        headers["namelang-model"] = self.tag
        response = Response(reply.body, media_type=reply.media_type, headers=headers)
        self.metrics.request(path, reply.status, perf_counter() - started)
        return response


async def ready(request: Request) -> Response:
    """It is."""
    return Response()


def starlette(work: Work) -> App:
    """Plain Starlette."""

    def route(path: str, body: type[Body], handle: Handle) -> Route:
        async def endpoint(request: Request) -> Response:
            asked = body.model_validate(orjson.loads(await request.body()))
            return await work.answer(path, handle, asked, request)

        return Route(path, endpoint, methods=["POST"])

    return Starlette(
        routes=[
            route(ONE, ClassifyRequest, work.api.classify),
            route(MANY, BatchRequest, work.api.classify_batch),
            Route("/readyz", ready),
        ]
    )


def fastapi(work: Work) -> App:
    """FastAPI, which parses and validates the body by its annotation."""
    app = FastAPI()

    async def classify(body: ClassifyRequest, request: Request) -> Response:
        return await work.answer(ONE, work.api.classify, body, request)

    async def classify_batch(body: BatchRequest, request: Request) -> Response:
        return await work.answer(MANY, work.api.classify_batch, body, request)

    app.post(ONE)(classify)
    app.post(MANY)(classify_batch)
    app.get("/readyz")(ready)
    return app


def main() -> None:
    """Serve one of them, in one process."""
    parser = argparse.ArgumentParser(prog="python -m bench.http_peers", description=__doc__)
    parser.add_argument("which", choices=("starlette", "fastapi", "silent"))
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    make = fastapi if arguments.which == "fastapi" else starlette
    uvicorn.run(
        make(Work(counted=arguments.which != "silent")),
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
