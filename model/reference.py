"""The model as the article writes it: one record, one symbol, one matrix product at a time.

This is the specification. The fast code (`model.rnn`, `model.classifier`) is tested against it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model.symbols import END, START
from model.text import script
from model.vocabulary import NOTHING, UNKNOWN, Vocabulary

Floats = NDArray[np.float64]


def features(vocabulary: Vocabulary, name: str) -> list[list[int]]:
    """The ids that each step of a normalised name activates, looked up one by one.

    The first step has those of the start mark too, the last one those of the end mark.

    >>> features(Vocabulary(2, False, (), ("a", "b", "ab")), "ab")
    [[2], [3, 4]]
    """
    known = {feature: i for i, feature in enumerate(vocabulary.features)}
    symbols = START + name + END if vocabulary.marks else name
    activated: list[list[int]] = []
    if not name:
        return activated
    for t, symbol in enumerate(symbols):
        mark = symbol in (START, END)
        fallback = NOTHING if mark else known.get(f"<{script(symbol)}>", UNKNOWN)
        grams = [symbols[t + 1 - n : t + 1] for n in range(2, vocabulary.order + 1) if t + 1 >= n]
        found = [known.get(symbol, fallback), *(known.get(gram, NOTHING) for gram in grams)]
        activated.append([i for i in found if i != NOTHING])
    if vocabulary.marks:
        start, *activated, end = activated
        activated[0] += start
        activated[-1] += end
    return activated


def states(W: Floats, U: Floats, steps: list[list[int]]) -> Iterator[Floats]:
    """h_1 … h_T of one record: h_t = tanh(W h_{t-1} + U x_t), from h_0 = 0.

    W is (H, H), U is (H, F), each h is (H,) and x_t (F,) the multi-hot of the step's ids.
    """
    h = np.zeros(W.shape[0])
    for ids in steps:
        x = np.zeros(U.shape[1])
        x[ids] = 1.0
        h = np.tanh(W @ h + U @ x)
        yield h


def probabilities(V: Floats, h: Floats, temperature: float = 1.0) -> Floats:
    """(C,) softmax(V h / temperature), with the maximum subtracted so that exp cannot overflow."""
    logits = V @ h / temperature
    e = np.exp(logits - logits.max())
    return np.asarray(e / e.sum())
