"""How our endpoints stand inside a BentoML server: ahead of its middleware, in the same process.

BentoML starts the processes, finds the model, and keeps health, metrics and its own clients'
endpoint. What a request costs there (a span for no exporter, a line in a log, a timer of a minute)
is ten times what a name costs, so our endpoints are answered before it.
"""

from collections.abc import Collection
from typing import TypeVar

# The class behind `@bentoml.service`, which takes a subclass of it as `service_class`. It has no
# public name, hence BentoML's exact pin.
from _bentoml_sdk.service import Service, get_current_service

from service.asgi import App, Message, Receive, Scope, Send

T = TypeVar("T")

HEALTH = {"/livez", "/healthz", "/metrics", "/schema.json"}


class Front:
    """Hands BentoML what is meant for it, and everything else to our application."""

    def __init__(self, host: App, paths: Collection[str], native: Collection[str]) -> None:
        """`paths` are those that BentoML answers: no other can make a series in its metrics.

        `native` are those of BentoML's own clients: our application lets them through.
        """
        self._host = host
        self._paths = paths
        self._native = native
        self._ours: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop the server."""
        if scope["type"] == "lifespan":
            await self._host(scope, receive, self._when_started(send))
        elif self._ours is None or scope["type"] != "http" or scope["path"] in self._paths:
            await self._host(scope, receive, send)
        else:
            await self._ours(scope, receive, send)

    def _when_started(self, send: Send) -> Send:
        """Our application is made by the service's instance, which BentoML makes at the start."""

        async def watch(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                service = get_current_service()
                self._ours = service.application(dict.fromkeys(self._native, self._host))
            await send(message)

        return watch


class FrontedService(Service[T]):
    """A BentoML service whose instance has an `application` of its own."""

    def to_asgi(self, is_main: bool = True) -> App:
        """The application that a worker serves."""
        return Front(super().to_asgi(is_main), HEALTH, {api.route for api in self.apis.values()})
