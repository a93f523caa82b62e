"""The HTTP service: `bentoml serve service.app:Namelang`."""

import gc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import NotFound
from pydantic import ConfigDict

from model.pointer import MODEL, bentoml_home, read_pointer
from service.api import Api
from service.asgi import App, across_origins
from service.desk import Desk
from service.dispatch import Dispatcher
from service.endpoints import endpoints
from service.host import FrontedService
from service.keys import Keyring
from service.metrics import Metrics
from service.names import read_each
from service.schemas import StoredModel
from service.served import Options, Served
from service.settings import Settings

# Read here, since BentoML wants the number of workers when the class below is made, and a wrong
# setting must end the server: a worker that cannot start would be started again and again.
SETTINGS = Settings.from_environment(os.environ)
KEYRING = Keyring.load(SETTINGS.keys_file, processes=SETTINGS.workers)


class PromotedModel(bentoml.models.BentoModel):
    """The model to serve, looked up when it is needed, not when the class below is made.

    In a checkout it is what the pointer in BENTOML_HOME names. `bentoml build` asks here too and
    writes the tag that it gets into the Bento, which brings the model along when it is exported;
    there the Bento's own record is the answer, and no pointer is looked for.
    """

    def __init__(self) -> None:
        """No tag yet."""

    @property
    def tag(self) -> bentoml.Tag:
        """The tag of the model to serve.

        Raises:
            NotFound: nothing was ever promoted.
        """
        bento = Namelang.bento  # type: ignore[attr-defined]  # the decorator makes it a Service
        if bento:
            return bento.info.all_models[0].tag
        pointer = read_pointer(bentoml_home())
        if pointer is None:
            raise NotFound(
                f"no model is promoted in {bentoml_home()}: train one with `namelang train`, or "
                "choose a stored one with `namelang models promote TAG`"
            )
        return bentoml.Tag.from_str(pointer.tag)

    def resolve(self, *stores: Any) -> Served:
        """The loaded model, verified against the digest that was stored with it.

        In a checkout BentoML calls this before it starts a worker too, so that a damaged model ends
        the server, where a worker that cannot load it would be started again and again.
        """
        stored = super().resolve(*stores)
        pointer = read_pointer(bentoml_home())
        tag = str(stored.tag)
        return Served.load(
            Path(stored.path),
            tag=tag,
            sha256=stored.info.metadata["sha256"],
            created=stored.creation_time.isoformat(timespec="seconds"),
            promoted_at=pointer.promoted_at if pointer and pointer.tag == tag else None,
        )


class NamesRequest(bentoml.IODescriptor):
    """Names for BentoML's own clients."""

    model_config = ConfigDict(hide_input_in_errors=True)  # BentoML logs the error
    names: list[str]


# One BLAS thread a worker: workers that each started a thread for every core would fight over them.
@bentoml.service(
    service_class=FrontedService,
    workers=SETTINGS.workers,
    envs=[{"name": "OPENBLAS_NUM_THREADS", "value": "1"}],
    http={"host": "127.0.0.1"},  # a network is for who asks for it
)
class Namelang:
    """Which language does a family name come from?"""

    model = PromotedModel()

    def __init__(self) -> None:
        self.served: Served = self.model
        # What is loaded stays, and need not be looked through whenever garbage is collected.
        gc.collect()
        gc.freeze()
        self.metrics = Metrics(self.served)
        self.desk = Desk(self.metrics, room=SETTINGS.max_queue)
        self.desk.prepare(self.served)

    def application(self, native: Mapping[str, App]) -> App:
        """The endpoints that are answered ahead of BentoML's own; see `service.host`."""
        api = Api(self.desk, lambda: self.served, self._stored)
        dispatcher = Dispatcher(
            tuple(endpoints(api)),
            native,
            tag=lambda: self.served.tag,
            keyring=KEYRING,
            metrics=self.metrics,
            max_body=SETTINGS.max_body,
            body_seconds=SETTINGS.body_seconds,
        )
        return across_origins(dispatcher, SETTINGS.cors_origins.split())

    @bentoml.api(route="/bento/classify", input_spec=NamesRequest, batchable=True)
    def classify(self, names: list[str]) -> list[Mapping[str, object]]:
        """The languages of names, for BentoML's own clients, whose batches BentoML forms."""
        return read_each(
            names, 0, full=False, read=lambda good: self.desk.answers(self.served, good, Options())
        )

    def _stored(self) -> list[StoredModel]:
        return [
            StoredModel(
                model=str(model.tag),
                created=model.creation_time.isoformat(timespec="seconds"),
                status=model.info.labels.get("status", "refused"),
                promoted=str(model.tag) == self.served.tag,
            )
            for model in sorted(_versions(), key=lambda model: model.creation_time, reverse=True)
        ]


def _versions() -> list[bentoml.Model]:
    try:
        return bentoml.models.list(MODEL)
    except NotFound:
        return []  # a Bento brings its model along, and needs no store
