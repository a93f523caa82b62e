"""How often each n-gram occurs, counted in one pass over names that need not fit in memory.

Shapes: n distinct n-grams of one length.
"""

from collections.abc import Sequence

import numpy as np

from model.digits import base_of, digits_of, largest_base, numbers_at, spell
from model.lookup import Keys
from model.symbols import END, START, Integers, flatten

Gram = tuple[bool, int, int, str]
"""Whether it is longer than a character, its count below 0, its length and itself: sorted, the
characters stand first, and then what occurs most often."""


class GramCounts:
    """The n-grams of 1 to `order` symbols of all names that were added.

    An n-gram is a number whose digits are the characters in the order in which they first came, so
    later names change no number. What stays in memory is 16 bytes for each distinct n-gram, and a
    few times as much while counts are merged.
    """

    def __init__(self, order: int, marks: bool) -> None:
        self._order, self._marks, self._base = order, marks, largest_base(order)
        self._alphabet = np.zeros(0, np.int32)  # code points as they came
        self._tallies = [Tally() for _ in range(order)]

    def add(self, names: Sequence[str]) -> None:
        """Count the n-grams of normalised names.

        Raises:
            ValueError: all characters so far are too many for n-grams of this length.
        """
        text = flatten(names, self._marks)
        if self._marks:
            text = text.widened()
        at = text.places()
        step = at - np.repeat(text.starts, text.lengths)
        new = np.setdiff1d(text.codes[at], self._alphabet)
        self._alphabet = np.concatenate([self._alphabet, new])
        base_of(self._alphabet.size, self._order)  # raises where they are too many
        digit = digits_of(self._alphabet)
        for length, tally in enumerate(self._tallies, start=1):
            whole = at[step >= length - 1]
            tally.add(numbers_at(digit, text.codes, whole, length, self._base))

    @property
    def characters(self) -> list[str]:
        """All that occur, marks aside."""
        return [c for c in map(chr, self._alphabet.tolist()) if c not in (START, END)]

    def most_frequent(self, min_count: int, most: int | None) -> list[Gram]:
        """The n-grams that occur `min_count` times, at most so many of them, the first in order."""
        found = [tally.at_least(min_count) for tally in self._tallies]
        keys, counts = (np.concatenate(column) for column in zip(*found, strict=True))
        length = np.repeat(np.arange(1, self._order + 1), [len(k) for k, _ in found])
        rank = np.stack([length, -counts, length > 1])
        kept = np.arange(len(keys))
        if most is not None and most < len(keys):
            # To spell them is slow, so only the first are, and all that tie with the last of these.
            order = np.lexsort(rank)
            tied = (rank[:, order] == rank[:, order[[max(most, 1) - 1]]]).all(axis=0)
            kept = order[: np.flatnonzero(tied)[-1] + 1]
        grams = (
            (n > 1, -count, n, spell(key, self._alphabet, self._base))
            for key, count, n in zip(
                keys[kept].tolist(), counts[kept].tolist(), length[kept].tolist(), strict=True
            )
        )
        return sorted(grams)[:most]


class Tally:
    """How often each number was added."""

    def __init__(self) -> None:
        self._keys, self._counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self._waiting: list[tuple[Keys, Integers]] = []

    def add(self, numbers: Keys) -> None:
        """Count these numbers, in any order."""
        self._waiting.append(np.unique(numbers, return_counts=True))
        # Not one by one, or each chunk would cost as much as all that came before it.
        if sum(len(keys) for keys, _ in self._waiting) > max(len(self._keys), 2**16):
            self._merge()

    def at_least(self, count: int) -> tuple[Keys, Integers]:
        """The numbers that were added so often, in order, and how often each."""
        self._merge()
        kept = self._counts >= count
        return self._keys[kept], self._counts[kept]

    def _merge(self) -> None:
        parts = [(self._keys, self._counts), *self._waiting]
        keys, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
        self._keys, self._counts = keys[first], np.add.reduceat(counts, first)
        self._waiting = []
