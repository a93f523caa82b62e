"""What a committee of models believes of names, and the lesson that a pupil is taught by it.

Shapes: N names, C languages.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from model.classifier import Classifier
from model.text import normalise_all
from model.vocabulary import Vocabulary
from pipeline.batches import Examples
from pipeline.pseudo_names import invent
from pipeline.ragged import mapped
from pipeline.spelling import SpellingModels
from pipeline.train import fit_temperature

SPELLING_SHARE = 0.4
"""The spelling models' part in the committee's belief, of its logarithm; the networks' mean has the
rest. So a language that one side excludes is hardly believed …"""
LEAST_BELIEF = 1e-3
"""… but not wholly excluded: of each side's belief this is shared by all languages."""

LABEL_SHARE = 0.5
"""The labels' part of what the pupil is taught of a training name; the committee has the rest …"""
LEAST_LABEL = 0.9
"""… but of an exception, whose labels the committee hardly believes, they are to be so much."""

READINGS = 2
"""How often a pass of the pupil reads each training name."""

SOFTNESS = 1.5
"""The temperature of the lesson, at which what is believed of unlikely languages counts for more.
The pupil's own temperature, which is fitted afterwards, takes it back."""

PSEUDO_NAMES, PSEUDO_PER_NAME = 240_000, 20
"""Tries at a name that nobody bears, of which the pupil learns what the committee believes. More
where there are more training names than these; at most so many for each training name."""

AT_ONCE = 2**18
"""Names that the committee is asked about at once, which bounds the memory of its answers."""

Floats = NDArray[np.float32]


class Teacher(NamedTuple):
    """A network of the committee."""

    network: Classifier
    backwards: bool = False
    """Whether it reads names from their end."""

    def probabilities(self, names: Sequence[str]) -> Floats:
        """(N, C) its probabilities of normalised names."""
        return self.network.probabilities(backwards(names) if self.backwards else names)


class Committee(NamedTuple):
    """Several models that answer with one voice."""

    teachers: Sequence[Teacher]
    spelling: SpellingModels
    spelling_temperature: float
    temperature: float = 1.0

    def believe(self, names: Sequence[str]) -> Floats:
        """(N, C) the committee's probabilities of normalised names."""
        spelled = softmax(self.spelling.logits(names) / self.spelling_temperature, axis=1)
        network = np.mean([each.probabilities(names) for each in self.teachers], axis=0)
        mixed = (1 - SPELLING_SHARE) * _log(network) + SPELLING_SHARE * _log(spelled)
        return np.asarray(softmax(mixed / self.temperature, axis=1), np.float32)

    @property
    def weight(self) -> float:
        """What a logit of the spelling models counts for among those of the committee."""
        return SPELLING_SHARE / self.spelling_temperature / self.temperature


def _log(p: NDArray[Any]) -> NDArray[np.float64]:
    """The logarithms of probabilities (N, C), none of which is taken to be quite 0."""
    return np.asarray(np.log((1 - LEAST_BELIEF) * p + LEAST_BELIEF / p.shape[1]), np.float64)


def backwards(names: Sequence[str]) -> list[str]:
    """Normalised names from their last symbol to their first, normalised too.

    >>> backwards(["kowalski"])
    ['ikslawok']
    """
    return normalise_all([name[::-1] for name in names])


def convene(teachers: Sequence[Teacher], training: Examples, validation: Examples) -> Committee:
    """The committee of these teachers; its temperatures are fitted on validation names."""
    spelling = SpellingModels.fit(training)
    alone = fit_temperature(spelling.logits(validation.names), validation.targets)
    committee = Committee(teachers, spelling, alone)
    together = fit_temperature(np.log(committee.believe(validation.names)), validation.targets)
    return committee._replace(temperature=together)


def linear_part(committee: Committee, training: Examples, vocabulary: Vocabulary) -> Floats:
    """(F, C) what a name's features add to the lesson's logits by way of the spelling models.

    The logits are against all languages together, so that the likely languages' are small, and a
    unit that adds them up has room for them. Shares of the languages are left to be learned.
    """
    spelling = committee.spelling
    everyone = training.targets.sum(axis=1, keepdims=True)
    together = SpellingModels.fit(Examples(training.names, everyone))
    odds = spelling.columns_for(vocabulary) - together.columns_for(vocabulary)
    return np.asarray(committee.weight / SOFTNESS * odds, np.float32)


class Lesson(NamedTuple):
    """What the pupil learns from."""

    examples: Examples
    """Training names, and names that nobody bears."""
    trust: Floats
    """(N,) what the committee believes of each training name's labels together."""


def lesson(
    training: Examples,
    committee: Committee,
    seed: int,
    scratch: Path | None = None,
) -> Lesson:
    """The lesson of a committee; its targets are in the folder `scratch`, as `mapped` has them."""
    N = len(training.names)
    tries = min(max(PSEUDO_NAMES, N), PSEUDO_PER_NAME * N)
    invented = invent(training, tries, np.random.default_rng(seed))
    shape = READINGS * N + len(invented), training.targets.shape[1]
    targets: Floats = mapped(shape, np.float32, scratch)
    trust = np.empty(N, np.float32)
    for rows in slices(N):
        labels, belief = training.targets[rows], committee.believe(training.names[rows])
        trust[rows] = (belief * (labels > 0)).sum(axis=1)
        share = label_share(trust[rows])[:, None]
        taught = softened(share * labels + (1 - share) * belief)
        for reading in range(READINGS):
            targets[reading * N :][rows] = taught
    for rows in slices(len(invented)):
        targets[READINGS * N :][rows] = softened(committee.believe(invented[rows]))
    return Lesson(Examples(list(training.names) * READINGS + invented, targets), trust)


def label_share(trust: Floats) -> Floats:
    """(N,) the labels' part in what is taught of names whose labels the committee trusts so much.

    With what it believes of them itself they come to `LEAST_LABEL` at least.

    >>> print(label_share(np.array([0.0, 0.5, 0.8, 1.0], np.float32)).round(3))
    [0.9 0.8 0.5 0.5]
    """
    needed = (LEAST_LABEL - trust) / np.maximum(1 - trust, np.finfo(np.float32).eps)
    return np.asarray(np.maximum(LABEL_SHARE, needed), np.float32)


def mistrusted(trust: Floats) -> list[int]:
    """Which names need more than the usual share of their labels, the least trusted first.

    >>> mistrusted(np.array([0.7, 0.9, 0.1], np.float32))
    [2, 0]
    """
    order = np.argsort(trust, kind="stable")
    return [int(i) for i in order[label_share(trust[order]) > LABEL_SHARE]]


def softened(probabilities: Floats) -> Floats:
    """Probabilities (N, C) at the temperature of the lesson.

    >>> print(softened(np.array([[8 / 9, 1 / 9]], np.float32)).round(3))
    [[0.8 0.2]]
    """
    soft = probabilities ** (1 / SOFTNESS)
    return np.asarray(soft / soft.sum(axis=1, keepdims=True), np.float32)


def slices(names: int) -> Iterator[slice]:
    """Of so many names at most `AT_ONCE` at a time, in order."""
    for begin in range(0, names, AT_ONCE):
        yield slice(begin, min(begin + AT_ONCE, names))
