"""From a trained model and the names it was chosen on: what it takes to say "I don't know"."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model.artifact import Language
from model.conformal import Conformal, groups_by_size
from model.familiarity import Familiarity
from model.verdict import KNOWN, judge
from model.vocabulary import Vocabulary
from pipeline.table import NameTable


class ProbabilityModel(Protocol):
    """What calibration asks of a model; `model.classifier.Classifier` is one."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Of its training names."""

    @property
    def languages(self) -> Sequence[Language]:
        """Its C classes."""

    def probabilities(self, names: Sequence[str]) -> NDArray[np.float32]:
        """(N, C) for each name and language."""


class Calibration(NamedTuple):
    """What travels in an artifact beside W, U, V."""

    familiarity: Familiarity
    conformal: Conformal
    confusion: tuple[tuple[int, ...], ...]
    """(C, C) rows of validation by true language (row) and answered language (column)."""


def calibrate(model: ProbabilityModel, training: NameTable, validation: NameTable) -> Calibration:
    """Fit familiarity and conformal sets, and count the answers by true language.

    `validation` must be the rows that the temperature was fitted on, or others the model has not
    seen. A row counts for its own label, so a name of several languages counts once for each.
    Rows of languages that the model does not know are left out of sets and confusion; rows whose
    verdict is unknown are left out of the confusion, as nobody would count such an answer.
    """
    class_of = {language.code: c for c, language in enumerate(model.languages)}
    known = validation.take(
        np.flatnonzero([language in class_of for language in validation.language])
    )
    truth = np.array([class_of[language] for language in known.language], np.int64)
    C = len(class_of)
    seen = [class_of[language] for language in training.language if language in class_of]
    groups = groups_by_size(
        np.bincount(np.array(seen, np.int64), minlength=C), np.bincount(truth, minlength=C)
    )
    familiarity = Familiarity.fit(
        model.vocabulary, sorted(set(training.name)), sorted(set(validation.name))
    )
    probabilities = model.probabilities(known.name)
    conformal = Conformal.fit(probabilities, truth, groups)
    judgements = judge(familiarity.of(known.name), conformal.sets(probabilities))
    told = KNOWN[judgements]
    pairs = truth * C + probabilities.argmax(axis=1)
    counts = np.bincount(pairs[told], minlength=C * C).reshape(C, C)
    return Calibration(familiarity, conformal, tuple(map(tuple, counts.tolist())))
