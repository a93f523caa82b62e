"""The HTTP service: `bentoml serve service.app:Namelang`."""

import asyncio
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bentoml
from bentoml._internal.models import ModelStore  # as in pipeline/store.py
from bentoml.exceptions import NotFound
from pydantic import ConfigDict

from model.pointer import MODEL, bentoml_home, read_pointer
from service.about import About
from service.answers import StoredModel
from service.api import Api
from service.asgi import App, across_origins
from service.current import Current
from service.desk import Desk
from service.dispatch import Dispatcher
from service.endpoints import endpoints
from service.host import FrontedService
from service.keys import Keyring
from service.metrics import Metrics
from service.names import read_each
from service.served import Options, Served
from service.settings import Settings

# Read here, since BentoML wants the number of workers when the class below is made, and a wrong
# setting must end the server: a worker that cannot start would be started again and again.
SETTINGS = Settings.from_environment(os.environ)
KEYRING = Keyring.load(SETTINGS.keys_file, processes=SETTINGS.workers)

SWITCH_SECONDS = 0.0005


class PromotedModel(bentoml.models.BentoModel):
    """The model to serve, looked up when it is needed, not when the class below is made.

    In a checkout it is what the pointer in the store names. `bentoml build` asks here too and
    writes the tag that it gets into the Bento, which brings the model along when it is exported;
    there the Bento's own record is the answer.
    """

    def __init__(self) -> None:
        """No tag yet."""

    @property
    def tag(self) -> bentoml.Tag:
        """The tag of the model to serve.

        Raises:
            NotFound: nothing was ever promoted.
        """
        if bento := _bento():
            return bento.info.all_models[0].tag
        pointer = read_pointer(_home())
        if pointer is None:
            raise NotFound(f"no model is promoted in {_home()}")
        return bentoml.Tag.from_str(pointer.tag)

    def resolve(self, *stores: Any) -> Served:
        """The loaded model, verified against the digest that was stored with it.

        In a checkout BentoML calls this before it starts a worker too, so that a damaged model ends
        the server, where a worker that cannot load it would be started again and again.
        """
        if not _bento():
            return Current(_home()).served
        stored = super().resolve(*stores)
        sha256 = stored.info.metadata["sha256"]
        return Served.load(Path(stored.path), tag=str(stored.tag), sha256=sha256)


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
        self.current = Current(_home(), (lambda: self.model) if _bento() else None)
        # Single names beside long lists: the thread of the lists gives way ten times as often,
        # which nearly halves the 99th percentile (docs/performance.md).
        sys.setswitchinterval(SWITCH_SECONDS)
        # What is loaded stays, and need not be looked through whenever garbage is collected.
        gc.collect()
        gc.freeze()
        self.metrics = Metrics(self.current)
        self.desk = Desk(self.current, self.metrics, room=SETTINGS.max_queue)
        self.desk.prepare(self.current.served)

    def application(self, native: Mapping[str, App]) -> App:
        """The endpoints that are answered ahead of BentoML's own; see `service.host`.

        From now on, too, the process serves what the pointer names.
        """
        self.following = asyncio.create_task(self.current.follow())
        api, about = Api(self.desk, self.current), About(self.current, _stored)
        dispatcher = Dispatcher(
            tuple(endpoints(api, about)),
            native,
            tag=lambda: self.current.served.tag,
            keyring=KEYRING,
            metrics=self.metrics,
            max_body=SETTINGS.max_body,
            body_seconds=SETTINGS.body_seconds,
        )
        return across_origins(dispatcher, SETTINGS.cors_origins.split())

    @bentoml.api(route="/bento/classify", input_spec=NamesRequest, batchable=True)
    def classify(self, names: list[str]) -> list[Mapping[str, object]]:
        """The languages of names, for BentoML's own clients, whose batches BentoML forms."""

        def read(good: list[str]) -> Sequence[Mapping[str, object]]:
            return self.desk.answers(self.current.served, good, Options())

        return read_each(names, 0, full=False, read=read)


def _bento() -> Any:
    """The Bento that this runs from; None in a checkout."""
    return Namelang.bento  # type: ignore[attr-defined]  # the decorator makes it a Service


def _home() -> Path:
    """Of the store that is followed.

    For a Bento that is told of no store it is the Bento's own folder, where there is no pointer.
    """
    bento = _bento()
    return SETTINGS.store or (Path(bento.path) if bento else bentoml_home())


def _stored(served: Served) -> list[StoredModel]:
    """Every version in the store, the newest first; a Bento without a store has its own alone."""
    try:
        versions = bentoml.models.list(MODEL, _model_store=ModelStore(_home() / "models"))
    except NotFound:
        versions = []
    return [
        StoredModel(
            model=str(version.tag),
            created=version.creation_time.isoformat(timespec="seconds"),
            status=version.info.labels.get("status", "refused"),
            promoted=str(version.tag) == served.tag,
        )
        for version in sorted(versions, key=lambda version: version.creation_time, reverse=True)
    ]
