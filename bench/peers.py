"""What people would pick instead of an RNN, and ours: each learns from examples, then predicts.

Shapes: N names, F n-gram features, C languages.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from model.artifact import Language
from model.symbols import END, START
from pipeline.batches import Examples, examples, rows
from pipeline.distil import as_classifier, distil
from pipeline.evaluate import LEAST_PROBABILITY, Evaluation, evaluate
from pipeline.recipe import Recipe
from pipeline.table import NameTable
from pipeline.train import fit_temperature

Floats = NDArray[np.float32]
Score = Callable[[Sequence[str]], Floats]
"""From normalised names (N) to logits or log-probabilities (N, C)."""


class Predictor(NamedTuple):
    """A fitted peer."""

    probabilities: Score  # names → (N, C), rows add up to 1
    parameters: int  # the numbers that were learned


class Peer(Protocol):
    """A way to learn: a dataclass whose fields are its settings."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Learn from `training`; `validation` is for early stopping and the temperature only."""


class Sides(NamedTuple):
    """What a peer learns from, and the rows that it is judged on."""

    training: NameTable
    validation: NameTable
    test: NameTable


class Measured(NamedTuple):
    """What became of a peer."""

    evaluation: Evaluation
    parameters: int
    seconds: float  # to learn, from names to calibrated predictor


def measure(peer: Peer, sides: Sides) -> Measured:
    """Fit a peer on two sides and judge it on the third, row by row."""
    codes = sorted(set(sides.training.language))
    start = perf_counter()
    predictor = peer.fit(examples(sides.training, codes), rows(sides.validation, codes))
    seconds = perf_counter() - start
    names, languages = sides.test.name, [Language(code, code) for code in codes]
    quality = evaluate(names, sides.test.language, predictor.probabilities(names), languages)
    return Measured(quality, predictor.parameters, seconds)


def calibrated(score: Score, parameters: int, validation: Examples) -> Predictor:
    """The predictor whose temperature is the best one on the validation names."""
    temperature = fit_temperature(score(validation.names), validation.targets)
    return Predictor(lambda names: softmax(score(names) / temperature, axis=1), parameters)


@dataclass(frozen=True)
class Prior:
    """The majority class: for every name the training names' shares of the languages."""

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Count."""
        prior = safe_log(training.targets.mean(axis=0))  # (C,)
        return calibrated(lambda names: np.tile(prior, (len(names), 1)), prior.size, validation)


@dataclass(frozen=True)
class LookUp:
    """A training name's own labels, and the prior for every other name.

    No test name is a training name, so it must score as the prior does; if not, the folds leak.
    """

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Remember."""
        known = dict(zip(training.names, safe_log(training.targets), strict=True))
        prior = safe_log(training.targets.mean(axis=0))
        return calibrated(
            lambda names: np.stack([known.get(name, prior) for name in names]),
            training.targets.size,
            validation,
        )


Analyzer = Literal["char", "marked", "char_wb"]
"""Where n-grams come from: the bare name, the name between marks of its start and its end, or
each word between spaces."""


@dataclass(frozen=True)
class NaiveBayes:
    """Multinomial naive Bayes on counts of character n-grams 1 to 5."""

    analyzer: Analyzer = "marked"
    min_df: int = 1
    alpha: float = 0.1
    fit_prior: bool = True

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Count; a name of several languages counts for each by its share."""
        vectors = CountVectorizer(**ngrams(self.analyzer, self.min_df))
        model = MultinomialNB(alpha=self.alpha, fit_prior=self.fit_prior)
        score = fit_linear(model, vectors, training)
        parameters = model.feature_log_prob_.size + model.class_log_prior_.size
        return calibrated(score, parameters, validation)


@dataclass(frozen=True)
class LogisticNgrams:
    """Multinomial logistic regression on tf-idf of character n-grams 1 to 5."""

    analyzer: Analyzer = "char_wb"
    class_weight: Literal["balanced"] | None = None
    C: float = 30.0
    sublinear_tf: bool = False
    min_df: int = 1

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Minimise the log-loss; a name of several languages counts for each by its share."""
        vectors = TfidfVectorizer(
            **ngrams(self.analyzer, self.min_df), sublinear_tf=self.sublinear_tf
        )
        model = LogisticRegression(
            C=self.C, class_weight=self.class_weight, tol=1e-4, max_iter=1000
        )
        score = fit_linear(model, vectors, training)
        return calibrated(score, model.coef_.size + model.intercept_.size, validation)


@dataclass(frozen=True)
class Ours:
    """W, U, V as `namelang train` makes them."""

    recipe: Recipe = field(default_factory=Recipe)

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Train, and predict with the code that the service runs."""
        recipe = self.recipe
        vocabulary = recipe.vocabulary_of(training.names)
        trained = distil(training, validation, vocabulary, recipe, device="cpu")
        parameters = trained.W.size + trained.U.size + trained.V.size
        return Predictor(as_classifier(trained).probabilities, parameters)


def ngrams(analyzer: Analyzer, min_df: int) -> dict[str, object]:
    """What both vectorisers are told."""
    return {
        "analyzer": "char_wb" if analyzer == "char_wb" else "char",
        "preprocessor": marked if analyzer == "marked" else str,
        "ngram_range": (1, 5),
        "min_df": min_df,
        "dtype": np.float32,
    }


def marked(name: str) -> str:
    """The name between the marks that our own n-grams have."""
    return f"{START}{name}{END}"


def fit_linear(
    model: MultinomialNB | LogisticRegression,
    vectors: CountVectorizer,
    training: Examples,
) -> Score:
    """Fit in place; a soft target becomes one weighted row for each of its languages."""
    row, language = training.targets.nonzero()
    X = vectors.fit_transform(training.names)  # (N, F)
    model.fit(X[row], language, sample_weight=training.targets[row, language])
    classes = training.targets.shape[1]

    def score(names: Sequence[str]) -> Floats:
        log_p = np.full((len(names), classes), np.log(LEAST_PROBABILITY), np.float32)
        log_p[:, model.classes_] = model.predict_log_proba(vectors.transform(names))
        return log_p

    return score


def safe_log(p: Floats) -> Floats:
    """The logarithm, of 0 too."""
    return np.log(np.maximum(p, LEAST_PROBABILITY), dtype=np.float32)
