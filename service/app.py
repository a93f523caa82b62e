"""The HTTP service: `bentoml serve service.app:Namelang`."""

from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import NotFound

from model.classifier import Classifier
from model.pointer import bentoml_home, read_pointer
from service.schemas import BatchAnswer, BatchRequest, ClassifyAnswer, ClassifyRequest, Refusal


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

    def resolve(self, *stores: Any) -> tuple[str, Classifier]:
        """The tag and the loaded model, verified against the digest that was stored with it.

        In a checkout BentoML calls this before it starts a worker too, so that a damaged model ends
        the server, where a worker that cannot load it would be started again and again.
        """
        stored = super().resolve(*stores)
        classifier = Classifier.load(Path(stored.path), sha256=stored.info.metadata["sha256"])
        return str(stored.tag), classifier


# One BLAS thread a worker: workers that each started a thread for every core would fight over them.
@bentoml.service(envs=[{"name": "OPENBLAS_NUM_THREADS", "value": "1"}])
class Namelang:
    """Which language does a family name come from?"""

    model = PromotedModel()

    def __init__(self) -> None:
        self.tag, self.classifier = self.model

    @bentoml.api(route="/v1/classify", input_spec=ClassifyRequest, output_spec=ClassifyAnswer)
    def classify(self, request: ClassifyRequest | Refusal, /) -> ClassifyAnswer | Refusal:
        """The languages of one name, the most probable first."""
        if isinstance(request, Refusal):
            return request
        [answer] = self.classifier.classify([request.name], request.top_k)
        return ClassifyAnswer(model=self.tag, **answer)

    @bentoml.api(route="/v1/classify_batch", input_spec=BatchRequest, output_spec=BatchAnswer)
    def classify_batch(self, request: BatchRequest | Refusal, /) -> BatchAnswer | Refusal:
        """The languages of each name, in the order asked."""
        if isinstance(request, Refusal):
            return request
        results = self.classifier.classify(request.names, request.top_k)
        return BatchAnswer(model=self.tag, results=results)
