"""Names in, probabilities out, with NumPy alone: what the service and the command line run.

Shapes: N names, B names of one chunk, T steps, G n-gram order, H hidden, C languages.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from model.artifact import Artifact, Language, load
from model.text import normalise
from model.vocabulary import Ids

MAX_NAME_LENGTH = 100
"""The longest name that `check_name` lets through, in characters as sent."""

CHUNK = 512
"""Names that go through the recurrence together: enough for BLAS, few enough for the cache."""

Floats = NDArray[np.float32]


class LanguageProbability(TypedDict):
    """One line of an answer."""

    code: str
    language: str
    probability: float


class Answer(TypedDict):
    """A name as it was sent, and its languages, the most probable first."""

    name: str
    languages: list[LanguageProbability]


class Classifier:
    """A model ready to answer."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.languages: tuple[Language, ...] = artifact.languages
        self.vocabulary = artifact.vocabulary
        # Transposed once: a batch holds records as rows, so h W' and gathered columns of U.
        self._W = np.ascontiguousarray(artifact.W.T, np.float32)  # (H, H)
        self._U = np.ascontiguousarray(artifact.U.T, np.float32)  # (F, H)
        self._V = np.ascontiguousarray(artifact.V.T / artifact.temperature, np.float32)  # (H, C)

    @classmethod
    def load(cls, directory: Path, *, sha256: str | None = None) -> Self:
        """Read and verify an artifact.

        Raises:
            ArtifactError: it is not whole, or not the one that `sha256` names.
        """
        return cls(load(directory, sha256=sha256))

    def embed(self, names: Sequence[str]) -> Floats:
        """h_T (N, H) of each name, in the order given.

        Names are taken by length, so that those of a chunk need little padding.
        """
        readable = [normalise(name) for name in names]
        h = np.zeros((len(names), self._W.shape[0]), np.float32)
        for rows in _chunks(readable):
            h[rows] = self._last_states(self.vocabulary.encode([readable[i] for i in rows]).ids)
        return h

    def probabilities(self, names: Sequence[str]) -> Floats:
        """(N, C) the probability of each language for each name; rows add up to 1."""
        logits = self.embed(names) @ self._V
        logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def classify(self, names: Sequence[str], top_k: int | None = None) -> list[Answer]:
        """The answer for each name: all languages, or only the `top_k` most probable."""
        probabilities = self.probabilities(names)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
        return [
            Answer(
                name=name,
                languages=[
                    LanguageProbability(
                        code=self.languages[c].code,
                        language=self.languages[c].name,
                        probability=float(row[c]),
                    )
                    for c in ranking
                ],
            )
            for name, row, ranking in zip(names, probabilities, best, strict=True)
        ]

    def _last_states(self, ids: Ids) -> Floats:
        """h_T (B, H) from left-padded ids (B, T, G). Where a name has not begun, h stays 0."""
        B, T, G = ids.shape
        h = np.zeros((B, self._W.shape[0]), np.float32)
        for t in range(T):
            h = h @ self._W
            for g in range(G):
                h += self._U[ids[:, t, g]]
            np.tanh(h, out=h)
        return h


def check_name(name: str) -> None:
    """Refuse what no model can read.

    Raises:
        ValueError: the name is too long, or nothing is left of it after normalisation.
    """
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"a name of {len(name)} characters; expected at most {MAX_NAME_LENGTH}")
    if not normalise(name):
        raise ValueError("a name without a readable character; expected at least one letter")


def _chunks(names: Sequence[str]) -> Iterator[NDArray[np.intp]]:
    """Positions of the names, the shortest first, `CHUNK` at a time."""
    lengths = np.fromiter(map(len, names), np.int64, len(names))
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(names), CHUNK):
        yield order[start : start + CHUNK]
