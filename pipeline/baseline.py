"""What a model must beat: naive Bayes on character n-grams, the cheap answer to the same question.

It stands beside every evaluation, so that nobody mistakes easy data for a good model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline

Floats = NDArray[np.float32]


def fit_baseline(names: Sequence[str], targets: Floats) -> Pipeline:
    """Fit on normalised names (N) with their shares of the languages (N, C)."""
    row, language = targets.nonzero()
    model = make_pipeline(
        CountVectorizer(analyzer="char_wb", ngram_range=(1, 4), lowercase=False, dtype=np.float32),
        MultinomialNB(alpha=0.1),
    )
    model.fit(
        [names[i] for i in row.tolist()],
        language,
        multinomialnb__sample_weight=targets[row, language],
    )
    return model


def baseline_probabilities(model: Pipeline, names: Sequence[str], classes: int) -> Floats:
    """(N, classes) probabilities; a language that the training names lack gets 0."""
    probabilities = np.zeros((len(names), classes), np.float32)
    probabilities[:, model.classes_] = model.predict_proba(names)
    return probabilities
