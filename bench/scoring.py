"""What is measured of inference: a model of the usual size, its trees, and the same without them.

Shapes: N names, T steps, K ids of a step, H hidden, C languages.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.artifact import Artifact, Language
from model.classifier import MOST_PART, Classifier
from model.prefixes import Level, by_beginning, prefix_tree
from model.text import normalise_all
from model.threads import parts
from model.vocabulary import NOTHING, Vocabulary
from pipeline.calibrate import calibrate
from pipeline.table import NameTable

HIDDEN = 256

Names = Sequence[str]
Floats = NDArray[np.float64]
Rounding = Callable[[Floats], Floats]


def random_classifier(table: NameTable) -> Classifier:
    """A model of the usual size that can read these names; what it answers means nothing."""
    codes, vocabulary = sorted(set(table.language)), Vocabulary.fit(sorted(set(table.name)))
    random = np.random.default_rng(0)
    shapes = (HIDDEN, HIDDEN), (HIDDEN, len(vocabulary)), (len(codes), HIDDEN)
    W, U, V = (
        random.normal(0, scale, shape).astype(np.float32)
        for scale, shape in zip((HIDDEN**-0.5, 0.3, 0.1), shapes, strict=True)
    )
    U[:, NOTHING] = 0
    languages = tuple(Language(code, code) for code in codes)
    return Classifier(Artifact(W, U, V, vocabulary, languages))


def calibrated(classifier: Classifier, table: NameTable) -> Classifier:
    """The same model, able to give verdicts; it takes half of the rows for unseen ones."""
    rows = np.arange(len(table))
    calibration = calibrate(classifier, table.take(rows[::2]), table.take(rows[1::2]))
    return Classifier(replace(classifier.artifact, **calibration._asdict()))


def encoded(classifier: Classifier, names: Names) -> Iterator[list[Level]]:
    """The trees that a classifier makes of names, one after the other: all that is encoding."""
    text = classifier.states.text(names)
    order = by_beginning(text)
    for part in parts(len(order), classifier.states.least_part, MOST_PART):
        yield classifier.states.tree(text, order[part.start : part.stop])


def states(classifier: Classifier, names: Names) -> int:
    """How many states are computed for names that are scored together."""
    return sum(len(level.features) for tree in encoded(classifier, names) for level in tree)


def products(classifier: Classifier, names: Names) -> int:
    """How many of these states are multiplied by W, since a name goes on from them."""
    return sum(level.inner for tree in encoded(classifier, names) for level in tree)


def prefixes(classifier: Classifier, names: Names) -> int:
    """How many distinct prefixes names go on from: no order and no chunks need fewer products."""
    words = classifier.vocabulary
    text = words.flatten(sorted(normalise_all(names)))
    return sum(level.inner for level in prefix_tree(words, text, np.arange(len(names))))


def steps(classifier: Classifier, names: Names) -> int:
    """How many states there would be if no two names shared one: their characters."""
    return int(classifier.states.text(names).lengths.sum())


def unshared(model: Artifact, names: Names, rounded: Rounding = lambda x: x) -> Floats:
    """Probabilities (N, C) without a tree, in float64; `rounded` is done to what is multiplied."""
    ids = model.vocabulary.encode(normalise_all(names)).ids  # (N, T, K)
    W, U, V = (matrix.T.astype(np.float64) for matrix in (model.W, model.U, model.V))
    W, V = rounded(W), rounded(V)
    h = np.zeros((len(names), len(W)))
    for t in range(ids.shape[1]):  # padding on the left leaves h at 0
        h = np.tanh(rounded(h) @ W + U[ids[:, t]].sum(axis=1))
    logits = rounded(h) @ V / model.temperature
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
