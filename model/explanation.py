"""What an answer rests on, in words: the shapes that the command line prints and the service sends.

Shapes: C languages.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from model.answer import Answer, LanguageProbability, descending, ranked
from model.artifact import Language
from model.evidence import Neighbour
from model.trace import Trace

PUSHES = 3
"""How many of the languages that an n-gram pushes to are told."""


class Push(TypedDict):
    """How far an n-gram pushes towards a language."""

    code: str
    logit: float
    """Above the mean over the languages; see `model.trace.Gram.push`."""


class FiredGram(TypedDict):
    """An n-gram that fired, with the languages that it pushes to most."""

    text: str
    push: list[Push]


class TraceStep(TypedDict):
    """What the model believed after one character."""

    symbol: str
    grams: list[FiredGram]
    """Those that end there, the shortest first, and then the marks'."""
    languages: list[LanguageProbability]


class Explanation(Answer):
    """An answer with what it rests on."""

    familiarity: float
    """Share of real names that look stranger, 0 to 1."""
    on_lists: dict[str, int] | None
    """Training records with this spelling, by language code; None for a model without evidence."""
    nearest: list[Neighbour] | None
    """Known names with the most similar embeddings; None for a model without evidence."""
    trace: list[TraceStep]
    """Character by character."""


def in_words(
    trace: Trace, languages: Sequence[Language], top_k: int | None = None, threshold: float = 0.0
) -> list[TraceStep]:
    """The steps of a trace; of a belief the `top_k` most probable, and none below `threshold`."""
    beliefs = np.stack([step.probabilities for step in trace.steps])
    told = ranked(beliefs, descending(beliefs), languages, top_k, threshold)
    return [
        TraceStep(
            symbol=step.symbol,
            grams=[FiredGram(text=g.text, push=_pushed(g.push, languages)) for g in step.grams],
            languages=belief,
        )
        for step, belief in zip(trace.steps, told, strict=True)
    ]


def _pushed(push: NDArray[np.float32], languages: Sequence[Language]) -> list[Push]:
    """The languages that a gram pushes to most, from all its pushes (C,)."""
    most = np.argsort(-push, kind="stable")[:PUSHES]
    return [Push(code=languages[c].code, logit=round(float(push[c]), 3)) for c in most]
