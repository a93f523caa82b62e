"""The smallest set of languages that holds the true one as often as asked.

Split conformal prediction (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World,
2005), conditional on groups of classes (Mondrian), with one minus the probability as the score
(Sadinle, Lei and Wasserman, Least ambiguous set-valued classifiers, 2019): the sets are smaller
than those of adaptive scores, which repay classes that the network is sure of with many others.

Shapes: N names, C languages, K coverages, G groups.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model.limits import COVERAGES

GROUPS = 4
"""Quartiles of the languages by size. Alike on validation: 6 groups; worse: 1, 2, and 3."""

LEAST_ROWS = 50
"""Validation rows that a group must have, or there are fewer groups."""

ALL, NONE_BUT_BEST = 0.0, 1.0

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Conformal:
    """Thresholds for each coverage and group of languages, found on validation names."""

    groups: tuple[int, ...]
    """(C,) the group of each language."""
    thresholds: tuple[tuple[float, ...], ...]
    """(K, G) the least probability that lets a language of the group into the set."""

    @classmethod
    def fit(cls, probabilities: Floats, truth: Integers, groups: Sequence[int]) -> Self:
        """Calibrate on rows (N, C) that the model has not seen, with their languages (N,).

        A group without enough rows for a coverage lets every language in: too wide, never wrong.
        """
        rows = np.arange(len(truth))
        # The best language is in every set, whatever its probability, so none is empty.
        own = probabilities[rows, truth].astype(np.float64)
        own[probabilities.argmax(axis=1) == truth] = NONE_BUT_BEST
        member = np.array(groups, np.int64)
        columns = [_thresholds(own[member[truth] == g]) for g in range(member.max(initial=0) + 1)]
        thresholds = tuple(zip(*columns, strict=True))
        return cls(tuple(member.tolist()), thresholds)

    def sets(self, probabilities: Floats, coverage: float = 0.9) -> NDArray[np.bool_]:
        """(N, C) which languages are in each name's set; at least one is.

        For a label drawn as those of validation were, the set holds it with probability
        `coverage` at least, in each group of languages. The sets of a higher coverage hold those
        of a lower one.

        Raises:
            ValueError: the coverage is not from 0.5 to 0.99.
        """
        if not COVERAGES[0] <= coverage <= COVERAGES[-1]:
            raise ValueError(f"coverage is {coverage}, expected {COVERAGES[0]} to {COVERAGES[-1]}")
        sets = probabilities >= self._least[bisect_left(COVERAGES, coverage - 1e-9)]
        sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
        return np.asarray(sets)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What `to_dict` made JSON values of.

        Raises:
            KeyError: a field is missing.
        """
        thresholds = tuple(tuple(row) for row in fields["thresholds"])
        return cls(tuple(fields["groups"]), thresholds)

    @cached_property
    def _least(self) -> NDArray[np.float64]:
        """(K, C) the threshold of each language."""
        return np.array(self.thresholds)[:, list(self.groups)]


def groups_by_size(training: Integers, validation: Integers) -> tuple[int, ...]:
    """(C,) the group of each language, the languages of fewest training names in group 0.

    The groups have about as many languages each; there are `GROUPS` of them, or fewer where one
    would have less than `LEAST_ROWS` rows of validation. Both arguments count rows by language.
    """
    C = len(training)
    rank = np.empty(C, np.int64)
    rank[np.argsort(training, kind="stable")] = np.arange(C)
    for groups in range(GROUPS, 1, -1):
        group = rank * groups // C
        if np.bincount(group, validation, groups).min() >= LEAST_ROWS:
            return tuple(group.tolist())
    return (0,) * C


def _thresholds(own: NDArray[np.float64]) -> list[float]:
    """(K,) of one group, from the probabilities of its rows' own languages.

    >>> _thresholds(np.array([0.1, 0.2, 0.3]))[0]  # coverage 0.5: the 2nd highest of 3
    0.2
    """
    highest = np.sort(own)[::-1]
    # 1e-9: 0.9 (n + 1) must not become n + 1 by rounding.
    places = [int(np.ceil((own.size + 1) * coverage - 1e-9)) for coverage in COVERAGES]
    return [float(highest[place - 1]) if place <= own.size else ALL for place in places]
