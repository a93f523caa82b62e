"""How likely a spelling is: an n-gram language model over the features of the vocabulary.

It knows nothing of languages and nothing of W, U, V; it needs one count per feature, and reads the
ids that the network reads.

Shapes: n steps, G n-gram order, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from model.lookup import Ids
from model.symbols import START
from model.vocabulary import CHUNK, NOTHING, Vocabulary

DISCOUNT = 0.5
"""What absolute discounting takes from the count of each n-gram; 0.3 to 0.9 made no difference."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NGramModel:
    """Probabilities of a symbol after the G - 1 before it, by interpolated absolute discounting.

    Ney, Essen and Kneser, On structuring probabilistic dependences in stochastic language
    modelling, 1994. What follows a context but is too rare for the vocabulary is discounted whole.

    Raises:
        ValueError: there is not one count for each feature.
    """

    vocabulary: Vocabulary
    counts: tuple[int, ...]
    """(F,) how often each feature occurs in the training names."""

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.vocabulary):
            raise ValueError(
                f"{len(self.counts)} counts, expected one for each of the "
                f"{len(self.vocabulary)} features of the vocabulary"
            )

    @classmethod
    def fit(cls, vocabulary: Vocabulary, names: Sequence[str]) -> Self:
        """Count the n-grams of normalised names."""
        counts = np.zeros(len(vocabulary), np.int64)
        for begin in range(0, len(names), CHUNK):
            ids = vocabulary.encode(names[begin : begin + CHUNK]).ids
            counts += np.bincount(ids.ravel(), minlength=len(vocabulary))
        counts[NOTHING] = 0
        return cls(vocabulary, tuple(counts.tolist()))

    def surprisal(self, features: Ids, before: Ids) -> Floats:
        """(n,) -log p in nats of symbols; 0 of nothing.

        A symbol is given by the longest n-gram that ends with it, and the one that ends just before
        it (NOTHING where there is none), both as features (n,). The former decides. Each longer one
        that was not learned costs the back-off weight of its context (Katz, 1987).
        """
        longest = self.vocabulary.order - 1
        shorter = self._length[features] - 1
        backoff = self._backoff_cost_to[before, longest] - self._backoff_cost_to[before, shorter]
        return np.asarray(self._cost[features] + backoff)

    @cached_property
    def predicted(self) -> NDArray[np.bool_]:
        """(F,) whether the feature ends in a symbol, and not in padding or the start mark."""
        predicted = np.array([feature != START for feature in self.vocabulary.features])
        predicted[NOTHING] = False
        return predicted

    @cached_property
    def _cost(self) -> Floats:
        """(F,) -log p of the feature's last symbol after its others."""
        counts, backoff = self._counts, np.exp(-self._backoff_cost)
        grams, context, shorter = self._longer
        single = self.predicted.copy()
        single[grams] = False
        # Half a count more, so that what no training name had is possible (Krichevsky, Trofimov).
        p = np.where(single, counts + 0.5, 0)
        p /= p.sum()
        seen = np.maximum(counts[grams] - DISCOUNT, 0) / np.maximum(counts[context], 1)
        # Features stand in order of length, so the shorter one's p is there when it is needed.
        for i, c, s, share in zip(grams, context, shorter, seen, strict=True):
            p[i] = share + backoff[c] * p[s]
        p[~self.predicted] = 1  # costs nothing
        return np.asarray(-np.log(p))

    @cached_property
    def _backoff_cost(self) -> Floats:
        """(F,) -log of the share that a context leaves to symbols it was not learned with."""
        counts = self._counts
        grams, context, _ = self._longer
        followers = np.bincount(context, minlength=counts.size)
        followed = np.bincount(context, weights=counts[grams], minlength=counts.size)
        freed = DISCOUNT * followers + np.maximum(counts - followed, 0)
        share = np.divide(freed, counts, out=np.ones(counts.size), where=counts > 0)
        return np.asarray(-np.log(np.clip(share, 1e-4, 1)))

    @cached_property
    def _length(self) -> NDArray[np.int64]:
        """(F,) symbols of each feature; 1 for what stands for a single one."""
        length = np.zeros(len(self.vocabulary), np.int64)
        for symbols, features in enumerate(self.vocabulary.by_length, start=1):
            length[features] = symbols
        length[NOTHING] = self.vocabulary.order  # nothing longer was missed
        return length

    @cached_property
    def _backoff_cost_to(self) -> Floats:
        """(F, G) the summed back-off costs of each feature's endings of at most g symbols."""
        costs = np.zeros((len(self.vocabulary), self.vocabulary.order))
        for length, grams in enumerate(self.vocabulary.by_length, start=1):
            costs[grams] = costs[self.vocabulary.ending[grams]]
            costs[grams, length:] += self._backoff_cost[grams, np.newaxis]
        costs[NOTHING] = 0.0
        return costs

    @cached_property
    def _counts(self) -> Floats:
        return np.array(self.counts, np.float64)

    @cached_property
    def _longer(self) -> "Relatives":
        return relatives(self.vocabulary)


class Relatives(NamedTuple):
    """M n-grams of two symbols or more, with the shorter ones that they are made of, as ids."""

    grams: NDArray[np.intp]  # (M,) the shorter before the longer
    context: NDArray[np.intp]  # (M,) each but its last symbol; NOTHING where that was not learned
    shorter: NDArray[np.intp]  # (M,) each but its first


def relatives(vocabulary: Vocabulary) -> Relatives:
    """How the n-grams of a vocabulary hang together."""
    place = {gram: i for i, gram in enumerate(vocabulary.grams, start=vocabulary.first_gram)}
    rows = [
        (i, place.get(gram[:-1], NOTHING), place.get(gram[1:], NOTHING))
        for gram, i in place.items()
        if len(gram) > 1
    ]
    return Relatives(*np.array(rows, np.intp).reshape(-1, 3).T)
