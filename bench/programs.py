"""Ways to train the same network on the same records, and ours among them."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import NamedTuple, Protocol

from model.vocabulary import Vocabulary
from pipeline.batches import Examples
from pipeline.recipe import Recipe
from pipeline.train import train

LEARNING_RATE = 0.005
"""The origin's, for every program but the one that updates after each record."""

OnEpoch = Callable[[float], None]
"""Told after each epoch which share of the validation records got their language."""


class Program(Protocol):
    """A way to train; a dataclass, so that another process can be sent one."""

    @property
    def hidden(self) -> int:
        """H."""

    @property
    def batch(self) -> int:
        """Records an update."""

    def steps(self, names: Sequence[str]) -> float:
        """Products with W that a name needs in the forward pass, on average, without padding."""

    def fit(self, training: Examples, validation: Examples, epochs: int, on_epoch: OnEpoch) -> None:
        """Train from names to weights, validation after each epoch."""


class Run(NamedTuple):
    """One training, from names to weights."""

    seconds: float  # all of it, the start and validation included
    epochs: list[float]  # seconds of each, validation included; the first has the start in it
    accuracy: float  # on the validation records, after the last epoch


def follow(program: Program, training: Examples, validation: Examples, epochs: int) -> Run:
    """Train, with a look at the clock after each epoch."""
    stamps, accuracies = [perf_counter()], list[float]()

    def on_epoch(accuracy: float) -> None:
        stamps.append(perf_counter())
        accuracies.append(accuracy)

    program.fit(training, validation, epochs, on_epoch)
    taken = [after - before for before, after in pairwise(stamps)]
    return Run(perf_counter() - stamps[0], taken, accuracies[-1])


@dataclass(frozen=True)
class OfCharacters:
    """What the programs share that read a name character by character, without marks."""

    hidden: int
    batch: int

    def steps(self, names: Sequence[str]) -> float:
        """Products with W for a name."""
        return length(names)


def characters(names: Sequence[str]) -> Vocabulary:
    """Every character of the names, and no marks: what the origin's programs read."""
    return Vocabulary.fit(names, order=1, marks=False, min_count=1)


def length(names: Sequence[str]) -> float:
    """Characters of a name, on average."""
    return sum(map(len, names)) / len(names)


@dataclass(frozen=True)
class Ours:
    """W, U, V as `pipeline.train` trains them."""

    recipe: Recipe

    @classmethod
    def plain(cls, hidden: int, batch: int) -> "Ours":
        """The origin's mathematics: characters, no marks, nothing dropped, nothing decayed."""
        return cls(
            Recipe(
                hidden=hidden,
                ngrams=1,
                marks=False,
                min_count=1,
                batch=batch,
                learning_rate=LEARNING_RATE,
                weight_decay=0.0,
                dropout=0.0,
                ngram_dropout=0.0,
                symbol_dropout=0.0,
                consistency=0.0,
                teachers=0,
            )
        )

    @property
    def hidden(self) -> int:
        """H."""
        return self.recipe.hidden

    @property
    def batch(self) -> int:
        """Records an update."""
        return self.recipe.batch

    def steps(self, names: Sequence[str]) -> float:
        """Products with W for a name; with consistency it is read twice."""
        readings = 2 if self.recipe.consistency else 1
        return readings * (length(names) + 2 * self.recipe.marks)

    def fit(self, training: Examples, validation: Examples, epochs: int, on_epoch: OnEpoch) -> None:
        """The pipeline's own loop."""
        recipe = dataclasses.replace(self.recipe, epochs=epochs, patience=epochs)
        vocabulary = recipe.vocabulary_of(training.names)
        train(
            training,
            validation,
            vocabulary,
            recipe,
            device="cpu",
            on_epoch=lambda epoch: on_epoch(epoch.validation_accuracy),
        )
