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
from pipeline.table import NameTable, known_rows
from pipeline.texts import numbered


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
    codes = [language.code for language in model.languages]
    kept, truth = known_rows(validation, codes)
    known = validation.take(kept)
    C, (_, seen) = len(codes), known_rows(training, codes)
    groups = groups_by_size(np.bincount(seen, minlength=C), np.bincount(truth, minlength=C))
    familiarity = Familiarity.fit(
        model.vocabulary, numbered(training.name)[0], numbered(validation.name)[0]
    )
    probabilities = model.probabilities(known.name)
    conformal = Conformal.fit(probabilities, truth, groups)
    judgements = judge(familiarity.of(known.name), conformal.sets(probabilities))
    told = KNOWN[judgements]
    pairs = truth * C + probabilities.argmax(axis=1)
    counts = np.bincount(pairs[told], minlength=C * C).reshape(C, C)
    return Calibration(familiarity, conformal, tuple(map(tuple, counts.tolist())))
