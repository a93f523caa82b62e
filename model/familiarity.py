"""Does a string look like any name of the training data? The network cannot say: it must answer.

The measure is how likely the spelling is by an n-gram model of the training names, held against
real names that the model has not seen, script by script. The network's own energy or highest
probability tells much less: at 4 % of real names flagged, they miss two of three random strings.

Shapes: N names, F features. Scripts go by their feature's id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from model.ngrams import NGramModel
from model.prefixes import Level, by_beginning, prefix_tree
from model.vocabulary import UNKNOWN, Vocabulary

SHARES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Shares of real names for which a `Scale` holds the score."""

LEAST_NAMES = 8
"""A script with fewer validation names gives no ground to call one of its strings unfamiliar."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Reading(NamedTuple):
    """What a batch of names looks like, whatever their languages."""

    familiarity: Floats
    """(N,) the share of real names of its script that look stranger; 0 where not `readable` or
    `mixed`, 1 in a script that has no scale."""
    readable: NDArray[np.bool_]
    """(N,) whether a letter is of a script that training names had."""
    mixed: NDArray[np.bool_]
    """(N,) whether letters of two scripts touch that touch in no training name."""

    @classmethod
    def empty(cls, names: int) -> Self:
        """A reading to be filled in."""
        return cls(np.zeros(names), np.zeros(names, bool), np.zeros(names, bool))


@dataclass(frozen=True)
class Scale:
    """How real names of one script look that the model was not trained on."""

    surprisal: float
    """Mean surprisal of a symbol, in nats."""
    scores: tuple[float, ...]
    """For each of `SHARES`, the score that this share of the names stays below."""

    @classmethod
    def fit(cls, total: Floats, symbols: Floats) -> Self:
        """From the summed surprisal and the number of symbols of each name (at least one name).

        Of M names in order, the i-th stands at share i / (M + 1), as in conformal prediction.
        Below the least familiar one the scale ends a standard deviation further down.
        """
        expected = float(total.sum() / symbols.sum())
        scores = np.sort(_score(total, symbols, expected))
        shares = np.arange(scores.size + 1) / (scores.size + 1)
        least = scores[0] - scores.std()
        ladder = np.interp(SHARES, shares, np.r_[least, scores])
        return cls(round(expected, 4), tuple(np.round(ladder, 4).tolist()))

    def share(self, total: Floats, symbols: Floats) -> Floats:
        """The share of real names that look stranger, from 0 to 1."""
        return np.interp(_score(total, symbols, self.surprisal), self.scores, SHARES)


@dataclass(frozen=True)
class Familiarity:
    """An n-gram model of the training names, and how likely unseen real names are by it."""

    ngrams: NGramModel
    scales: Mapping[str, Scale]
    """Script → scale. A script with fewer than `LEAST_NAMES` validation names has none."""

    @classmethod
    def fit(
        cls, vocabulary: Vocabulary, training: Sequence[str], validation: Sequence[str]
    ) -> Self:
        """From distinct normalised names; those of validation must not be among the training's."""
        bare = cls(NGramModel.fit(vocabulary, training), {})
        total, symbols, script, _ = bare._sums_of(validation)
        scales = {
            name: Scale.fit(total[script == s], symbols[script == s])
            for s, name in enumerate(vocabulary.scripts, start=UNKNOWN + 1)
            if (script == s).sum() >= LEAST_NAMES
        }
        return cls(bare.ngrams, scales)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without the vocabulary, which an artifact holds already."""
        scales = {script: asdict(scale) for script, scale in self.scales.items()}
        return {"counts": list(self.ngrams.counts), "scales": scales}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], vocabulary: Vocabulary) -> Self:
        """What `to_dict` made JSON values of.

        Raises:
            KeyError: a field is missing.
            ValueError: the counts are not those of this vocabulary.
        """
        scales = {
            script: Scale(scale["surprisal"], tuple(scale["scores"]))
            for script, scale in fields["scales"].items()
        }
        return cls(NGramModel(vocabulary, tuple(fields["counts"])), scales)

    def of(self, names: Sequence[str]) -> Reading:
        """How normalised names look."""
        return self._reading(self._sums_of(names))

    def read(self, tree: Sequence[Level], names: int) -> Reading:
        """How the names of a tree look."""
        return self._reading(self._sums(tree, names))

    def _reading(self, sums: "_Sums") -> Reading:
        total, symbols, script, mixed = sums
        readable = script > 0
        familiarity = np.where(mixed, 0.0, readable)
        for s in set(script[familiarity > 0].tolist()):
            if s in self._scale_of:
                rows = (script == s) & ~mixed
                familiarity[rows] = self._scale_of[s].share(total[rows], symbols[rows])
        return Reading(familiarity, readable, mixed)

    def _sums_of(self, names: Sequence[str]) -> "_Sums":
        """What is summed up for each of these normalised names."""
        text, whole = self.ngrams.vocabulary.flatten(names), _Sums.of(len(names))
        order = by_beginning(text)
        sums = self._sums(prefix_tree(self.ngrams.vocabulary, text, order), len(names))
        for column, values in zip(whole, sums, strict=True):
            column[order] = values
        return whole

    def _sums(self, tree: Sequence[Level], names: int) -> "_Sums":
        """What is summed up on the way from the root to each name."""
        whole = _Sums.of(names)
        if not tree:
            return whole
        above = [np.array([self.ngrams.vocabulary.start]), *(level.features for level in tree)]
        before = np.concatenate([above[d][level.parents] for d, level in enumerate(tree)])
        features = np.concatenate(above[1:])
        script = self._script_of[features]
        apart = self._apart[self._script_of[before], script]
        surprisal = self.ngrams.surprisal(features, before)
        last = np.concatenate([level.features[level.inner :] for level in tree])
        closing = np.concatenate([level.closing for level in tree])
        closed, marked = self.ngrams.surprisal(closing, last), self.ngrams.predicted[closing]
        total, first, mixed = np.zeros(1), np.zeros(1, np.int64), np.zeros(1, bool)
        nodes = wholes = 0  # of the levels above
        for depth, level in enumerate(tree, start=1):
            n = slice(nodes, nodes + len(level.features))
            total = total[level.parents] + surprisal[n]
            first = np.where(first[level.parents] > 0, first[level.parents], script[n])
            mixed = mixed[level.parents] | apart[n]
            if level.names.size:
                node, end = level.inner + level.ends, wholes + level.ends
                whole.total[level.names] = total[node] + closed[end]
                whole.symbols[level.names] = depth + marked[end]
                whole.script[level.names] = first[node]
                whole.mixed[level.names] = mixed[node]
            nodes, wholes = n.stop, wholes + len(level.closing)
        return whole

    @cached_property
    def _scale_of(self) -> dict[int, Scale]:
        scripts = enumerate(self.ngrams.vocabulary.scripts, start=UNKNOWN + 1)
        return {s: self.scales[name] for s, name in scripts if name in self.scales}

    @cached_property
    def _script_of(self) -> Integers:
        """(F,) the script of the last letter, learned or not; 0 where it is none."""
        words = self.ngrams.vocabulary
        of = {
            f: s
            for f, s in zip(words.features, words.fallback.tolist(), strict=True)
            if f.isalpha()
        }
        script = np.array([of.get(feature[-1], 0) for feature in words.features])
        script[script == UNKNOWN] = 0
        own = np.unique(script)
        script[own] = own
        return script

    @cached_property
    def _apart(self) -> NDArray[np.bool_]:
        """Whether two letters' scripts differ and touch in no learned n-gram, by their ids."""
        words = self.ngrams.vocabulary
        script = dict(zip(words.features, self._script_of.tolist(), strict=True))
        apart = ~np.eye(UNKNOWN + 1 + len(words.scripts), dtype=bool)
        apart[0] = apart[:, 0] = False
        for gram in words.grams:
            if len(gram) == 2:
                apart[script[gram[0]], script[gram[1]]] = False
        return apart


class _Sums(NamedTuple):
    """Of prefixes or names, n of them."""

    total: Floats  # (n,) surprisal
    symbols: Floats  # (n,) predicted symbols, end mark included
    script: Integers  # (n,) of the first letter, 0 where there is none
    mixed: NDArray[np.bool_]  # (n,) whether letters touch that should not

    @classmethod
    def of(cls, n: int) -> Self:
        return cls(np.zeros(n), np.zeros(n), np.zeros(n, np.int64), np.zeros(n, bool))


def _score(total: Floats, symbols: Floats, expected: float) -> Floats:
    """Less surprise than expected, per √symbol: it spreads alike in short names and in long ones.

    >>> _score(np.array([12.0]), np.array([4.0]), 2.5)
    array([-1.])
    """
    return np.asarray((expected * symbols - total) / np.sqrt(np.maximum(symbols, 1)))
