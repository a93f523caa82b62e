"""Names to ids: which columns of U each step of a name adds up.

Shapes: N names, T steps, G n-gram order, K ids of a step, F features (columns of U), P characters
of all names.

Each character of the normalised name is a step, which activates the 1- to G-grams that end there;
so x_t is a multi-hot vector and U x_t a sum of columns. With `marks` a start mark stands before the
first character and an end mark after the last. They have no steps of their own: the first step
activates the start mark too, and the last one the n-grams that end with the end mark. G = 1 without
marks is the one-hot vector of the article.

Feature 0 is nothing: padding, or an n-gram that was not learned. Its column of U stays zero. A
character that was not learned falls back to the feature of its script, and that to `unknown`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from model.counting import GramCounts
from model.digits import base_of, digits_of, numbers_at
from model.lookup import Ids, Keys, Lookup
from model.symbols import AROUND, START, Codes, Integers, Symbols, flatten, flatten_lines
from model.text import script

NOTHING, UNKNOWN = 0, 1

CHUNK = 2**15
"""Names that are counted at once, which bounds the memory that it takes."""


class Encoded(NamedTuple):
    """A batch of names as ids."""

    ids: Ids
    """(N, T, K), left-padded with 0. `[..., g]` is the (g+1)-gram that ends at the step; with marks
    `[..., G]` is the start mark, at the first step, and `[..., G + 1 + g]` the (g+1)-gram that ends
    with the end mark, at the last."""
    lengths: Integers
    """(N,) steps of each name."""


@dataclass(frozen=True)
class Vocabulary:
    """What a model can read. U's columns are: nothing, unknown, `scripts`, `grams`, in this order.

    Raises:
        ValueError: the order is below 1; an n-gram is empty or longer than the order, or has a
            character that is not among the n-grams itself.
    """

    order: int
    """G, the length of the longest n-gram."""
    marks: bool
    """Whether names carry a start and an end mark."""
    scripts: tuple[str, ...]
    """Scripts of the training names, as `model.text.script` calls them."""
    grams: tuple[str, ...]
    """Learned characters and n-grams, the shortest first."""

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ValueError(f"n-gram order is {self.order}, expected at least 1")
        characters = {gram for gram in self.grams if len(gram) == 1}
        for gram in self.grams:
            if not 1 <= len(gram) <= self.order:
                raise ValueError(f"n-gram {gram!r} has {len(gram)} symbols, not 1 to {self.order}")
            if not characters.issuperset(gram):
                raise ValueError(f"n-gram {gram!r} has a character that is not learned itself")

    def __len__(self) -> int:
        """F, the number of U's columns."""
        return len(self.features)

    @classmethod
    def fit(
        cls,
        names: Iterable[str],
        *,
        order: int = 3,
        marks: bool = True,
        min_count: int = 2,
        most: int | None = None,
    ) -> "Vocabulary":
        """Learn from normalised training names every n-gram that occurs `min_count` times.

        The names are read once, and need not fit in memory (`model/counting.py`).

        Where `most` is given and these are more, n-grams of two symbols and longer are left out,
        the rarest first and the longest of them, until there are so many. Scripts are those of all
        characters, also of the rare ones that fall back to them.

        Raises:
            ValueError: the names have too many characters for n-grams of this order.
        """
        counts, left = GramCounts(order, marks), iter(names)
        while chunk := list(islice(left, CHUNK)):
            counts.add(chunk)
        found = (gram for *_, gram in counts.most_frequent(min_count, most))
        scripts = set(map(script, counts.characters))
        return cls(order, marks, tuple(sorted(scripts)), _in_order(found))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Vocabulary":
        """The vocabulary that `dataclasses.asdict` made JSON values of.

        Raises:
            KeyError: a field is missing.
        """
        scripts, grams = tuple(fields["scripts"]), tuple(fields["grams"])
        return cls(fields["order"], fields["marks"], scripts, grams)

    def with_grams(self, more: Iterable[str]) -> "Vocabulary":
        """What can read these n-grams too.

        Raises:
            ValueError: as the class says.
        """
        return replace(self, grams=_in_order({*self.grams, *more}))

    @cached_property
    def features(self) -> tuple[str, ...]:
        """(F,) a readable name of each column of U."""
        return ("<nothing>", "<unknown>", *(f"<{s}>" for s in self.scripts), *self.grams)

    @cached_property
    def fallback(self) -> Ids:
        """(F,) the id that stands in for each id: a character's script; nothing for all others."""
        fallback = np.zeros(len(self), np.int32)
        for i, gram in enumerate(self.grams, start=self.first_gram):
            if len(gram) == 1:
                fallback[i] = self._script_id(gram)
        return fallback

    @cached_property
    def learned(self) -> dict[int, None]:
        """A table for `str.translate` that deletes every character that was learned."""
        return dict.fromkeys(ord(gram) for gram in self.grams if len(gram) == 1)

    def encode(self, names: Sequence[str]) -> Encoded:
        """Ids of normalised names. T is the longest name's length, 0 where there is nothing.

        >>> Vocabulary(2, False, (), ("a", "b", "ab")).encode(["ab", "b"]).ids.tolist()
        [[[2, 0], [3, 4]], [[0, 0], [3, 0]]]
        """
        text, G = self.flatten(names), self.order
        N, T = len(names), int(text.lengths.max(initial=0))
        ids = np.zeros((N * T, self.width), np.int32)
        after = np.arange(1, N + 1) * T  # left-padded, so that each name's last step stands before
        at = text.places()
        ids[at + np.repeat(after - text.ends, text.lengths), :G] = self._grams_at(text, at)
        if self.marks:
            (some,) = text.lengths.nonzero()
            ids[(after - text.lengths)[some], G] = self.start
            ids[after[some] - 1, G + 1 :] = self._grams_at(text, text.ends[some])
        return Encoded(ids.reshape(N, T, self.width), text.lengths)

    def flatten(self, names: Sequence[str]) -> Symbols:
        """Normalised names as symbols, with the marks that this vocabulary wants."""
        return flatten(names, self.marks)

    def flatten_lines(self, lines: str) -> Symbols:
        """The same of one text, in which a line break follows each name."""
        return flatten_lines(lines, self.marks)

    def longest(self, text: Symbols, at: Integers) -> Ids:
        """(n,) the longest learned n-gram that ends at each of these places (n,) in the text.

        It stands for all that a step activates, since the shorter ones are its endings.
        """
        numbers = numbers_at(self.digit, text.codes, at, self.order, self.base)
        ids = self.lookup.find(numbers)
        for g in range(self.order - 1, 0, -1):
            (shorter,) = (ids == NOTHING).nonzero()
            if not shorter.size:
                return ids
            ids[shorter] = self.lookup.find(numbers[shorter] % self.base**g)
        return self.or_script(ids, text, at)

    @property
    def width(self) -> int:
        """K, the ids of a step."""
        return 2 * self.order + 1 if self.marks else self.order

    @cached_property
    def start(self) -> int:
        """The feature that stands before the first character; NOTHING without marks."""
        return self._id.get(START, NOTHING) if self.marks else NOTHING

    @property
    def first_gram(self) -> int:
        """The feature that the first of `grams` is."""
        return len(self) - len(self.grams)

    @cached_property
    def by_length(self) -> tuple[Integers, ...]:
        """The features of one symbol, those of two, and so on to the order."""
        lengths = np.array([1] * self.first_gram + [len(gram) for gram in self.grams])
        return tuple((lengths == length).nonzero()[0] for length in range(1, self.order + 1))

    @cached_property
    def ending(self) -> Ids:
        """(F,) the longest shorter n-gram in which each n-gram ends; else 0."""
        ending = np.zeros(len(self), np.int32)
        for i, gram in enumerate(self.grams, start=self.first_gram):
            shorter = (self._id.get(gram[k:], NOTHING) for k in range(1, len(gram)))
            ending[i] = next(filter(None, shorter), NOTHING)
        return ending

    @cached_property
    def _alphabet(self) -> Codes:
        """Code points of the learned characters, sorted; their digits count from 1 here."""
        return np.array(sorted(ord(gram) for gram in self.grams if len(gram) == 1), np.int32)

    @cached_property
    def base(self) -> int:
        """The base in which an n-gram is a number (`model/digits.py`) …"""
        return base_of(self._alphabet.size, self.order)

    @cached_property
    def digit(self) -> Keys:
        """… and the digit of each code point, as `digits_of` has it."""
        return digits_of(self._alphabet)

    @cached_property
    def lookup(self) -> Lookup:
        """From an n-gram's number to its id."""
        digit, base = self.digit.tolist(), self.base
        numbers = [reduce(lambda n, c: n * base + digit[ord(c)], gram, 0) for gram in self.grams]
        ids = np.arange(self.first_gram, len(self), dtype=np.int32)
        return Lookup(np.array(numbers, np.uint64), ids)

    @cached_property
    def _id(self) -> dict[str, int]:
        return {feature: i for i, feature in enumerate(self.features)}

    def _script_id(self, character: str) -> int:
        if character in AROUND:
            return NOTHING
        return self._id.get(f"<{script(character)}>", UNKNOWN)

    def _grams_at(self, text: Symbols, at: Integers) -> Ids:
        """(n, G) the 1- to G-grams that end at each of these places (n,) in the text."""
        numbers = numbers_at(self.digit, text.codes, at, self.order, self.base)
        ids = np.zeros((len(at), self.order), np.int32)
        ids[:, 0] = self.or_script(self.lookup.find(numbers % self.base), text, at)
        for g in range(1, self.order):
            smaller = numbers % self.base ** (g + 1)
            whole = smaller >= self.base**g  # else it is the number of a shorter n-gram
            ids[:, g] = np.where(whole, self.lookup.find(smaller), NOTHING)
        return ids

    def or_script(self, ids: Ids, text: Symbols, at: Integers) -> Ids:
        """The same ids (n,) of what ends at each place, with scripts for what was not learned."""
        (strange,) = (ids == NOTHING).nonzero()
        if strange.size:
            codes, inverse = np.unique(text.codes[at[strange]], return_inverse=True)
            ids[strange] = np.array([self._script_id(chr(c)) for c in codes], np.int32)[inverse]
        return ids


def _in_order(grams: Iterable[str]) -> tuple[str, ...]:
    """N-grams as a vocabulary has them, the shortest first."""
    return tuple(sorted(grams, key=lambda gram: (len(gram), gram)))
