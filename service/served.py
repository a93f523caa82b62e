"""The model that is served, with what its record says and what callers ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from model.artifact import load_record
from model.classifier import COVERAGE, Classifier, Judged
from model.context import Context, training_prior

MAX_CONTEXTS = 256


class Options(NamedTuple):
    """What a caller asks of answers. Requests with the same options share a batch."""

    top_k: int | None = None
    threshold: float = 0.0
    coverage: float = COVERAGE
    context: Context | None = None


@dataclass(frozen=True, eq=False)
class Served:
    """A loaded model. It is replaced as a whole, so a request sees one model from start to end."""

    tag: str
    sha256: str
    classifier: Classifier
    record: Mapping[str, Any]
    """The content of `model.json`."""
    promoted_at: str | None = None

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        tag: str,
        sha256: str,
        promoted_at: str | None = None,
    ) -> Self:
        """Read and verify a stored model.

        Raises:
            ArtifactError: it is not whole, or not the one that `sha256` names.
        """
        classifier = Classifier.load(directory, sha256=sha256)
        record = load_record(directory, sha256=sha256)
        return cls(tag, sha256, classifier, record, promoted_at)

    def prepare(self) -> None:
        """Do what the first explanation would have to wait for: about half a second's work."""
        self.classifier.neighbourhood  # noqa: B018

    def best(self, judged: Judged) -> list[str]:
        """The code of each name's most probable language."""
        codes = [language.code for language in self.classifier.languages]
        return [codes[c] for c in judged.probabilities.argmax(axis=1).tolist()]

    def context(
        self, languages: list[str] | None, prior: Mapping[str, float] | None
    ) -> Context | None:
        """The context of these fields of a request; None where neither is given.

        Raises:
            ValueError: as `Context.of`.
        """
        if languages is None and prior is None:
            return None
        only = None if languages is None else tuple(languages)
        return self._context(only, None if prior is None else tuple(prior.items()))

    @cached_property
    def _context(self) -> Any:
        """Contexts are kept, so that callers with the same one share batches."""
        model = self.classifier

        @lru_cache(MAX_CONTEXTS)
        def make(
            only: tuple[str, ...] | None, prior: tuple[tuple[str, float], ...] | None
        ) -> Context:
            shares = training_prior(model.artifact)
            weights = None if prior is None else dict(prior)
            return Context.of(model.languages, shares, only=only, prior=weights)

        return make
