"""How to train: every choice that shapes a model, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from model.vocabulary import Vocabulary

LEAST_EPOCHS, LEAST_UPDATES = 8, 1000
"""Unless the recipe says otherwise: small data is read more often, until these are the updates."""


class Teaching(NamedTuple):
    """How much a committee teaches the network that is kept."""

    teachers: int
    """Networks in the committee."""
    passes: int
    """Of the pupil over what the committee believes."""
    both_ways: bool
    """Whether every other teacher reads names from their end."""


USUAL = Teaching(teachers=2, passes=4, both_ways=True)
"""Unless the recipe says otherwise; and …"""
FEW_NAMES, OF_FEW = 20_000, Teaching(teachers=8, passes=6, both_ways=False)
"""… of so many training names at most. These leave more to chance, so that the mean of more
networks helps more, and are sooner read; what teachers know that read from the end, a pupil that
does not cannot learn from so few."""

COUNTS = (
    "hidden",
    "ngrams",
    "min_count",
    "features",
    "epochs",
    "batch",
    "patience",
    "truncate",
)


@dataclass(frozen=True)
class Recipe:
    """How to train. The defaults were chosen on validation names (docs/experiments.md).

    Raises:
        ValueError: a value is out of its range; the message names it.
    """

    hidden: int = 256
    ngrams: int = 4
    """The longest n-gram that a step reads; 1 without marks is the article's model."""
    marks: bool = True
    min_count: int = 2
    """How often an n-gram must occur in the training names to get a column of U."""
    features: int = 20_000
    """Columns of U for what is frequent, at most; the rarest n-grams go first."""
    exceptions: int = 5_000
    """Columns of U, at most, for what tells names apart that no spelling explains
    (`pipeline/exceptions.py`). With `features` it bounds the size of the model."""
    epochs: int | None = None
    """Passes over the names; None for `LEAST_EPOCHS`, or more where these are few updates."""
    batch: int = 256
    learning_rate: float = 3e-3
    """The peak of the one-cycle schedule."""
    weight_decay: float = 0.2
    dropout: float = 0.4
    """Share of h's entries that a training step does not see."""
    ngram_dropout: float = 0.45
    """Share of n-grams (of two symbols and more) that a training step does not see."""
    symbol_dropout: float = 0.02
    """Share of characters that a training step sees only as their script."""
    consistency: float = 0.5
    """Weight of how far two differently dropped readings of a name disagree; 0 reads it once."""
    truncate: int | None = None
    """Gradients stop after this many steps; None goes back to the first symbol."""
    epsilon: float = 1e-5
    """Of Adam: the larger it is, the smaller the updates of n-grams that are rarely met."""
    largest_gradient: float = 1.0
    """A longer gradient is cut to this norm: a recurrence can blow one up."""
    patience: int = 20
    """Epochs without a better validation log-loss after which training stops."""
    teachers: int | None = None
    """Networks that teach the one that is kept; None for 8 where names are few, and 2 elsewhere.
    With 0 it learns from the labels alone."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in COUNTS:
            value = getattr(self, name)
            _require(name, value, value is None or value >= 1, "at least 1")
        for name in ("dropout", "ngram_dropout", "symbol_dropout"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) < 1, "from 0 to below 1")
        for name in ("learning_rate", "largest_gradient"):
            _require(name, getattr(self, name), getattr(self, name) > 0, "above 0")
        for name in ("exceptions", "weight_decay", "consistency", "epsilon", "teachers"):
            value = getattr(self, name)
            _require(name, value, value is None or value >= 0, "at least 0")

    def vocabulary_of(self, names: Sequence[str]) -> Vocabulary:
        """What the model can read that is trained on these normalised names."""
        return Vocabulary.fit(
            names,
            order=self.ngrams,
            marks=self.marks,
            min_count=self.min_count,
            most=self.features,
        )

    def epochs_of(self, batches: int) -> int:
        """How many epochs to train where one has so many batches."""
        return self.epochs or max(LEAST_EPOCHS, -(-LEAST_UPDATES // batches))

    def teaching_of(self, names: int) -> Teaching:
        """How so many training names are taught; never more passes than epochs were asked for."""
        usual = OF_FEW if names <= FEW_NAMES else USUAL
        teachers = usual.teachers if self.teachers is None else self.teachers
        passes = min(usual.passes, self.epochs or usual.passes)
        return usual._replace(teachers=teachers, passes=passes)

    def of_teacher(self, number: int) -> Self:
        """How one of the teachers is trained, from 0 on."""
        return replace(self, seed=self.seed + number, teachers=0)

    def of_pupil(self, passes: int) -> Self:
        """How the network that is kept learns from its teachers.

        What it learns holds for many more strings than there are names, so nothing is kept from it
        but some characters.
        """
        return replace(
            self,
            epochs=passes,
            dropout=0.0,
            ngram_dropout=0.0,
            consistency=0.0,
            teachers=0,
        )


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}, expected {expected}")
