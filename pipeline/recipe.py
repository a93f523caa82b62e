"""How to train: every choice that shapes a model, in one place."""

from dataclasses import dataclass

LEAST_EPOCHS, LEAST_UPDATES = 16, 2000
"""Unless the recipe says otherwise: small data is read more often, until these are the updates."""


@dataclass(frozen=True)
class Recipe:
    """How to train. The defaults were chosen on validation names (docs/experiments.md).

    Raises:
        ValueError: a value is out of its range; the message names it.
    """

    hidden: int = 256
    ngrams: int = 3
    """The longest n-gram that a step reads; 1 without marks is the article's model."""
    marks: bool = True
    min_count: int = 2
    """How often an n-gram must occur in the training names to get a column of U."""
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
    patience: int = 20
    """Epochs without a better validation log-loss after which training stops."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hidden", "ngrams", "min_count", "epochs", "batch", "patience", "truncate"):
            value = getattr(self, name)
            _require(name, value, value is None or value >= 1, "at least 1")
        for name in ("dropout", "ngram_dropout", "symbol_dropout"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) < 1, "from 0 to below 1")
        _require("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        for name in ("weight_decay", "consistency"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")

    def epochs_of(self, batches: int) -> int:
        """How many epochs to train where one has so many batches."""
        return self.epochs or max(LEAST_EPOCHS, -(-LEAST_UPDATES // batches))


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}, expected {expected}")
