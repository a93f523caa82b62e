"""Two models to compare: made from the small one, or nothing but their figures."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from conftest import NAMES

from model.artifact import Language
from model.classifier import Classifier
from model.text import normalise
from pipeline.duel import Difference, Duel, Recall
from pipeline.table import NameTable

TEST = [normalise(name) for names in NAMES.values() for name in names.split()]


def table() -> NameTable:
    """The small model's own training names, each a group of its own."""
    labels = [code for code, names in NAMES.items() for _ in names.split()]
    ones = np.ones(len(TEST), np.int64)
    return NameTable(TEST, labels, ones, ones.astype(float), np.arange(len(TEST)))


def languages(*codes: str) -> tuple[Language, ...]:
    return tuple(Language(code, code) for code in codes)


def spoilt(model: Classifier, by: float) -> Classifier:
    """The model with noise of this standard deviation, relative to its own, on V."""
    V = model.artifact.V
    noise = np.random.default_rng(0).normal(size=V.shape) * by * V.std()
    return Classifier(replace(model.artifact, V=(V + noise).astype(np.float32)), model.evidence)


def swapped(model: Classifier) -> Classifier:
    """The model with its languages in reverse, so that every answer is another one."""
    return Classifier(replace(model.artifact, V=model.artifact.V[::-1]), model.evidence)


def without(model: Classifier, code: str) -> Classifier:
    """The model without one of its languages, and uncalibrated."""
    artifact = model.artifact
    kept = [c for c, language in enumerate(artifact.languages) if language.code != code]
    return Classifier(
        replace(
            artifact,
            V=artifact.V[kept],
            languages=tuple(artifact.languages[c] for c in kept),
            conformal=None,
            confusion=None,
        )
    )


def duel_of(
    *,
    accuracy: tuple[float, float] = (0.85, 0.85),
    macro_f1: tuple[float, float] = (0.6, 0.6),
    log_loss: tuple[float, float] = (0.5, 0.5),
    ece: tuple[float, float] = (0.02, 0.02),
    chance: float = 0.004,
    languages: Mapping[str, Recall] | None = None,
    gone: tuple[str, ...] = (),
    evidence: bool = True,
) -> Duel:
    """A duel of these figures, the challenger's first, whose intervals reach `chance` each way."""
    figures = {"accuracy": accuracy, "macro_f1": macro_f1, "log_loss": log_loss, "ece": ece}
    return Duel(
        champion="namelang:champion",
        rows=1000,
        names=900,
        trained_on=0,
        unknown=0,
        evidence=evidence,
        gone=gone,
        new=(),
        figures={
            name: Difference(mine, theirs, mine - theirs - chance, mine - theirs + chance)
            for name, (mine, theirs) in figures.items()
        },
        languages=languages or {},
        changes=None,
    )
