"""What is said of a name: the shapes that the command line prints and the service sends."""

from typing import TypedDict

from model.evidence import Neighbour


class LanguageProbability(TypedDict):
    """One line of an answer."""

    code: str
    language: str
    probability: float


class Answer(TypedDict):
    """A name as it was sent, and what the model makes of it."""

    name: str
    verdict: str
    """confident, ambiguous or unknown."""
    reason: str
    """Why, as a code: see `model.verdict.Reason`."""
    set: list[str]
    """Codes of the languages that hold the true one as often as asked, the most probable first."""
    languages: list[LanguageProbability]
    """The most probable first."""


class TraceStep(TypedDict):
    """What the model believed after one symbol."""

    symbol: str
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
    """Symbol by symbol, marks included."""
    embedding: list[float]
    """h_T (H)."""
