"""Does a loaded model still answer as it did when it was stored?

A digest says that the files are whole; this says that they are read, multiplied and added up as
they were, on another machine and with other libraries too. The names are the same for every model
and from no one's data, so that they can travel in any record.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model.artifact import ArtifactError

NAMES = (
    "Kowalski",
    "O'Neill",
    "García Márquez",
    "Müller",
    "Papadopoulos",
    "Παπαδόπουλος",
    "Иванов",
    "田中",
    "김",
    "حسين",
    "Nguyễn",
    "Şahin",
    "Smith",
    "xqzv",
)
TOLERANCE = 1e-3
"""The order of additions, which differs between processors, changes probabilities by 1e-6."""


class ProbabilityModel(Protocol):
    """What is asked; `model.classifier.Classifier` is one."""

    def probabilities(self, names: Sequence[str]) -> NDArray[np.float32]:
        """(N, C) for each name and language."""


def answers(model: ProbabilityModel) -> dict[str, Any]:
    """What the model says of each name now, as JSON values for its record."""
    probabilities = model.probabilities(NAMES).astype(np.float64).round(4)
    return {"names": list(NAMES), "probabilities": probabilities.tolist()}


def check(model: ProbabilityModel, recorded: Mapping[str, Any] | None) -> None:
    """Compare what the model says now with what was recorded, if anything was.

    Raises:
        ArtifactError: it says something else.
    """
    if recorded is None:
        return
    expected = np.array(recorded["probabilities"])  # (N, C)
    found = model.probabilities(recorded["names"])
    if found.shape != expected.shape:
        raise ArtifactError(
            f"the model answers with {found.shape[1]} languages; its record has other answers"
        )
    apart = np.abs(found - expected).max(axis=1)
    worst = int(apart.argmax())
    if not apart[worst] <= TOLERANCE:  # nor is it where a number is none
        raise ArtifactError(
            f"the model's answer for {recorded['names'][worst]!r} is {apart[worst]:.4f} away from "
            f"the one in its record; expected at most {TOLERANCE:g}"
        )
