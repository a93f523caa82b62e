"""How each language spells: an n-gram model of the names of every language, side by side.

Where the recurrent net learns what tells languages apart, these learn what each one's names look
like, from one pass of counting. That makes them the better judges of the rare, and a good second
opinion (Ng and Jordan, On discriminative vs. generative classifiers, 2002).

Shapes: N names, T steps, G n-gram order, F features, C languages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from model.ngrams import relatives
from model.symbols import START
from model.vocabulary import NOTHING, Vocabulary
from pipeline.batches import Examples

ORDER = 4
MOST_GRAMS = 200_000  # bounds the memory on large data; the rarest go first

DISCOUNT = 0.75
"""What absolute discounting takes from the count of each n-gram."""
DOUBT = 0.5
"""How many sightings the shorter n-gram's word counts for."""
LETTERS_DOUBT = 5.0
"""The same of single characters, where all languages together have the word."""

CHUNK = 1024
COUNTED = 2**18
"""Names that are counted at once, which bounds the memory that it takes."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpellingModels:
    """C n-gram models over one vocabulary, by interpolated absolute discounting.

    Ney, Essen and Kneser, On structuring probabilistic dependences in stochastic language
    modelling, 1994.
    """

    vocabulary: Vocabulary
    log_p: Floats
    """(F, C) of each feature's last symbol after its others; 0 of what is not predicted."""
    log_backoff: Floats
    """(F, C) of the share that a context leaves to symbols it was not seen with."""
    log_prior: Floats
    """(C,) of the languages' shares of the names."""

    @classmethod
    def fit(cls, examples: Examples) -> Self:
        """Count; a name of several languages counts for each by its share."""
        vocabulary = Vocabulary.fit(examples.names, order=ORDER, min_count=1, most=MOST_GRAMS)
        counts = occurrences(vocabulary, examples)  # (F, C)
        grams, context, shorter = relatives(vocabulary)
        seen = np.maximum(counts - DISCOUNT * np.minimum(counts, 1), 0)
        follows = csr_matrix((np.ones_like(grams), (context, grams)), shape=(len(counts),) * 2)
        left = counts - follows @ seen + DOUBT
        backoff = np.where(counts > 0, left / (counts + DOUBT), 1.0)
        p = _characters(vocabulary, counts)
        length = np.array([len(vocabulary.features[i]) for i in grams], np.int64)
        for n in range(2, ORDER + 1):  # the shorter one's p is there when it is needed
            g, c, s = (ids[length == n] for ids in (grams, context, shorter))
            p[g] = seen[g] / (counts[c] + DOUBT) + backoff[c] * p[s]
        prior = np.log(np.maximum(examples.targets.mean(axis=0), np.finfo(np.float32).tiny))
        return cls(vocabulary, np.log(p), np.log(backoff), prior.astype(np.float32))

    def logits(self, names: Sequence[str]) -> Floats:
        """(N, C) log p(name, language) of normalised names."""
        parts = [self._chunk(names[i : i + CHUNK]) for i in range(0, len(names), CHUNK)]
        return np.concatenate([np.zeros((0, self.log_prior.size), np.float32), *parts])

    def _chunk(self, names: Sequence[str]) -> Floats:
        return np.asarray(_activated(self.vocabulary, names).T @ self.columns + self.log_prior)

    @cached_property
    def columns(self) -> Floats:
        """(F, C) what each feature adds to log p(name), which is a sum over all that it activates.

        Of each symbol the longest n-gram decides: it adds by how much it is likelier than its
        ending, and takes back what its context adds, which is what that leaves to other symbols.
        Ending and context are learned wherever the n-gram is, since they are no rarer.
        """
        columns = self.log_p.copy()
        grams, context, shorter = relatives(self.vocabulary)
        columns[grams] -= self.log_p[shorter] + self.log_backoff[context]
        *followed, _ = self.vocabulary.by_length
        contexts = np.concatenate(followed)
        columns[contexts] += self.log_backoff[contexts]
        return columns

    def columns_for(self, vocabulary: Vocabulary) -> Floats:
        """(F', C) the same for the n-grams of another vocabulary; 0 of what these do not know."""
        place = {gram: i for i, gram in enumerate(self.vocabulary.features)}
        known = [(i, place[gram]) for i, gram in enumerate(vocabulary.features) if gram in place]
        columns = np.zeros((len(vocabulary), self.log_prior.size), np.float32)
        if known:
            theirs, mine = np.array(known).T
            columns[theirs] = self.columns[mine]
        return columns


def occurrences(vocabulary: Vocabulary, examples: Examples) -> Floats:
    """(F, C) how often the names of each language have each feature."""
    counts = np.zeros((len(vocabulary), examples.targets.shape[1]), np.float32)
    for begin in range(0, len(examples.names), COUNTED):
        rows = slice(begin, begin + COUNTED)
        counts += _activated(vocabulary, examples.names[rows]) @ examples.targets[rows]
    return counts


def _activated(vocabulary: Vocabulary, names: Sequence[str]) -> csr_matrix:
    """(F, N) how often each name activates each feature."""
    ids = vocabulary.encode(names).ids
    name, _, _ = fired = ids.nonzero()
    often = np.ones(name.size, np.float32)
    return csr_matrix((often, (ids[fired], name)), shape=(len(vocabulary), len(names)))


def _characters(vocabulary: Vocabulary, counts: Floats) -> Floats:
    """(F, C) probabilities of single characters, 1 for all that is no character or not predicted.

    A character that no training name has is as likely in each language as the rarest one.
    """
    p = np.ones_like(counts)
    single = np.array([len(f) == 1 and f != START for f in vocabulary.features])
    pooled = counts[single].sum(axis=1, keepdims=True) + 0.5
    pooled /= pooled.sum()
    p[: len(counts) - len(vocabulary.grams)] = pooled.min(initial=1.0)
    p[single] = (counts[single] + LETTERS_DOUBT * pooled) / (
        counts[single].sum(axis=0) + LETTERS_DOUBT
    )
    p[NOTHING] = 1.0
    return p
