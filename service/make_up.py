"""The language make-up of a list of names, put into words.

Shapes: N names, n names of a slice, C languages.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from model.artifact import Artifact
from model.classifier import Judged
from model.composition import composition
from model.context import training_prior
from model.verdict import KNOWN
from service.answers import LanguageShare, MakeUp

DECIMALS = 4


class Slice(NamedTuple):
    """A slice of a list: what the model says of its names, and how many were left out."""

    rows: NDArray[np.float32]  # (n, C)
    unknown: int
    unreadable: int

    @classmethod
    def of(cls, judged: Judged, unreadable: int) -> Self:
        """Of the names that were read; those whose verdict is unknown are left out."""
        rows = judged.probabilities[KNOWN[judged.judgements]]
        return cls(rows, len(judged.judgements) - len(rows), unreadable)


def made_up(
    parts: Sequence[Slice], model: Artifact, only: NDArray[np.bool_] | None, confidence: float
) -> MakeUp:
    """The make-up of a list, with intervals that hold so often; `only` (C,) languages can be."""
    rows = np.concatenate([part.rows for part in parts])  # (N, C)
    return MakeUp(
        confidence=confidence,
        names=len(rows),
        unknown=sum(part.unknown for part in parts),
        unreadable=sum(part.unreadable for part in parts),
        languages=_shares(rows, model, only, confidence) if len(rows) else [],
    )


def _shares(
    rows: NDArray[np.float32], model: Artifact, only: NDArray[np.bool_] | None, confidence: float
) -> list[LanguageShare]:
    """Of the languages that can be, the largest share first."""
    found = composition(
        rows, training_prior(model), np.array(model.confusion), only=only, confidence=confidence
    )
    answered = np.bincount(rows.argmax(axis=1), minlength=len(model.languages)) / len(rows)
    table = np.stack([*found, answered]).T.clip(0, 1).round(DECIMALS).tolist()  # (C, 4)
    return [
        LanguageShare(
            code=model.languages[c].code,
            language=model.languages[c].name,
            share=table[c][0],
            low=table[c][1],
            high=table[c][2],
            answered=table[c][3],
        )
        for c in np.argsort(-found.share, kind="stable").tolist()
        if only is None or only[c]
    ]
