"""How good a model's probabilities are on labelled names.

Shapes: N rows (one per name and label), C languages.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from model.artifact import Language
from model.text import normalise

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

LEAST_PROBABILITY = 1e-7
"""Log-loss counts no probability as smaller, so that one sure mistake does not decide it."""

BINS = 15
"""Equal-width bins of confidence, as in Guo et al., 2017."""


@dataclass(frozen=True)
class LanguageQuality:
    """Quality on the rows of one language; shares from 0 to 1."""

    name: str
    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of about the same confidence, the probability of the first language."""

    n: int
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """The share of them that is right; a calibrated model's is its confidence."""


@dataclass(frozen=True)
class Evaluation:
    """Quality on a set of labelled names. Shares are from 0 to 1, log-loss is in nats.

    A name that carries several labels is one row for each. No single answer can then be right on
    all of its rows, so `any_valid_accuracy` counts an answer as right when it is one of the labels.
    """

    n: int
    accuracy: float
    any_valid_accuracy: float
    top3_accuracy: float
    macro_f1: float
    """Mean F1 over the languages that occur among the rows' labels."""
    log_loss: float
    ece: float
    """Expected calibration error of the most probable language: the mean over the rows of the gap
    between their bin's confidence and accuracy (Guo et al., 2017)."""
    per_language: dict[str, LanguageQuality]
    unknown_labels: dict[str, int]
    """Labels that the model does not know, with their rows, which no figure includes."""
    reliability: tuple[ReliabilityBin, ...] = ()
    """The bins that `ece` is made of, the least confident first, those without a row left out. None
    in records of before they were kept."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The evaluation that `to_dict` made JSON values of."""
        table = {code: LanguageQuality(**q) for code, q in fields["per_language"].items()}
        bins = tuple(ReliabilityBin(**b) for b in fields.get("reliability", ()))
        return cls(**{**fields, "per_language": table, "reliability": bins})


def evaluate(
    names: Sequence[str],
    labels: Sequence[str],
    probabilities: Floats,
    languages: Sequence[Language],
) -> Evaluation:
    """Judge `probabilities` (N, C) of `names` (N) against `labels` (N).

    `languages` are the model's C classes; labels are their codes.

    Raises:
        ValueError: no label is one that the model knows.
    """
    index = {language.code: c for c, language in enumerate(languages)}
    known = np.array([label in index for label in labels], bool)
    unknown = Counter(label for label in labels if label not in index)
    if not known.any():
        raise ValueError(
            f"none of the {len(labels)} labels is a language of the model: found "
            f"{', '.join(sorted(unknown)) or 'nothing'}; expected some of {', '.join(index)}"
        )
    truth = np.array([index[label] for label in labels if label in index])  # (N,)
    p = probabilities[known]
    best = p.argmax(axis=1)
    rows = np.arange(len(truth))
    right = best == truth
    ranks = (p > p[rows, truth][:, None]).sum(axis=1)
    spellings = [normalise(name) for name, k in zip(names, known, strict=True) if k]
    table = _per_language(truth, best, languages)
    bins = reliability(p.max(axis=1), right)
    return Evaluation(
        n=len(truth),
        accuracy=float(right.mean()),
        any_valid_accuracy=_any_valid(spellings, truth, best),
        top3_accuracy=float((ranks < 3).mean()),
        macro_f1=float(np.mean([quality.f1 for quality in table.values()])),
        log_loss=float(-np.log(np.maximum(p[rows, truth], LEAST_PROBABILITY)).mean()),
        ece=mean_gap(bins),
        per_language=table,
        unknown_labels=dict(unknown.most_common()),
        reliability=tuple(bins),
    )


def reliability(confidence: Floats, right: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """How often N answers are right, by their confidence (N,), in at most `BINS` bins."""
    return _binned(np.ones(len(confidence), np.int64), confidence, right)


def together(bins: Sequence[ReliabilityBin]) -> list[ReliabilityBin]:
    """The bins of all rows of several evaluations, of which these are the bins."""
    return _binned(*np.array([astuple(one) for one in bins]).reshape(-1, 3).T)


def _binned(
    count: NDArray[Any], confidence: NDArray[Any], right: NDArray[Any]
) -> list[ReliabilityBin]:
    """Of N answers, each of which stands for `count` with its confidence and its share of right."""
    places = bin_of(confidence)
    weights = (count, count * confidence, count * right)
    n, mean, share = (np.bincount(places, weight, BINS) for weight in weights)
    kept = n > 0
    columns = (n[kept].astype(np.int64), mean[kept] / n[kept], share[kept] / n[kept])
    return [ReliabilityBin(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Mean gap between confidence and share of right answers, over equal-width bins of confidence.

    Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    return mean_gap(reliability(confidence, right))


def mean_gap(bins: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error of answers in bins; 0 where there are none."""
    gaps = sum(b.n * abs(b.confidence - b.accuracy) for b in bins)
    return gaps / max(sum(b.n for b in bins), 1)


def bin_of(confidence: Floats, bins: int = BINS) -> Integers:
    """Which of the equally wide bins from 0 to 1 each of N confidences is in."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def confusion(
    labels: Sequence[str], probabilities: Floats, languages: Sequence[Language]
) -> NDArray[np.int64]:
    """(C, C) rows by true language (rows of the table) and answered language (columns)."""
    codes = [language.code for language in languages]
    answers = [codes[c] for c in probabilities.argmax(axis=1)]
    return np.asarray(confusion_matrix(list(labels), answers, labels=codes), np.int64)


def most_confused(
    counts: NDArray[np.int64], languages: Sequence[Language], n: int = 8
) -> list[dict[str, Any]]:
    """The n commonest mistakes of a confusion matrix (C, C), rows by true language.

    Returns JSON values for `metrics.confused`: the true and the answered language's code, how many
    rows were so mistaken, and what share of the true language's rows they are, the largest first.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:n]
    return [
        {
            "true": languages[row].code,
            "answered": languages[column].code,
            "n": int(counts[row, column]),
            "share": float(shares[row, column]),
        }
        for row, column in zip(*np.unravel_index(order, shares.shape), strict=True)
        if shares[row, column] > 0
    ]


def _any_valid(spellings: Sequence[str], truth: Integers, best: Integers) -> float:
    valid = set(zip(spellings, truth.tolist(), strict=True))
    hits = [pair in valid for pair in zip(spellings, best.tolist(), strict=True)]
    return float(np.mean(hits))


def _per_language(
    truth: Integers, best: Integers, languages: Sequence[Language]
) -> dict[str, LanguageQuality]:
    present = np.unique(truth)
    columns = precision_recall_fscore_support(truth, best, labels=present, zero_division=0.0)
    return {
        languages[c].code: LanguageQuality(languages[c].name, int(n), float(p), float(r), float(f))
        for c, p, r, f, n in zip(present, *columns, strict=True)
    }
