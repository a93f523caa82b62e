"""Services of BentoML to be measured: as its documentation has them, and ours with other settings.

`bentoml serve bench.http_bento:Plain|Batchable|Namelang`.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import bentoml

import model.threads
import service.desk
from bench.servers import INTERVAL, SLICE, THREADS
from model.classifier import Classifier
from pipeline.cli_models import find
from service.app import Namelang

__all__ = ["Batchable", "Namelang", "Plain"]

TOP = 3


def tune(environment: Mapping[str, str]) -> None:
    """Change what `Namelang` goes by in this process, where the environment says so."""
    if slice_ := environment.get(SLICE):
        service.desk.SLICE = int(slice_)
    if interval := environment.get(INTERVAL):
        sys.setswitchinterval(float(interval))
    if threads := environment.get(THREADS):
        model.threads.cores = lambda: int(threads)


def promoted() -> Classifier:
    """The model that is served."""
    _, directory, sha256 = find(None)
    return Classifier.load(directory, sha256=sha256)


@bentoml.service
class Plain:
    """One call of the classifier for each request."""

    def __init__(self) -> None:
        self.classifier = promoted()

    @bentoml.api(route="/v1/classify")
    def classify(self, name: str, top_k: int = TOP) -> dict[str, Any]:
        """The answer for a name."""
        [answer] = self.classifier.classify([name], top_k)
        return dict(answer)

    @bentoml.api(route="/v1/classify_batch")
    def classify_batch(self, names: list[str], top_k: int = TOP) -> list[dict[str, Any]]:
        """The answer for each name."""
        return [dict(answer) for answer in self.classifier.classify(names, top_k)]


@bentoml.service
class Batchable:
    """Requests that BentoML puts together; only one argument can be batched."""

    def __init__(self) -> None:
        self.classifier = promoted()

    @bentoml.api(route="/v1/classify", batchable=True)
    def classify(self, names: list[str]) -> list[dict[str, Any]]:
        """The answer for each name."""
        return self._answers(names)

    @bentoml.api(route="/v1/classify_batch", batchable=True)
    def classify_batch(self, names: list[str]) -> list[dict[str, Any]]:
        """The answer for each name."""
        return self._answers(names)

    def _answers(self, names: Sequence[str]) -> list[dict[str, Any]]:
        return [dict(answer) for answer in self.classifier.classify(names, TOP)]


tune(os.environ)
