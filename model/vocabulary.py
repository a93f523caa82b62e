"""Names to ids: which columns of U each step of a name adds up.

Shapes: N names, T steps, G n-gram order, F features (columns of U), P symbols of all names.

A symbol is a character of the normalised name; with `marks` a start mark stands before the first
and an end mark after the last. The step of a symbol activates the 1- to G-grams that end there, so
x_t is a multi-hot vector and U x_t the sum of at most G columns. G = 1 without marks is the one-hot
vector of the article.

Feature 0 is nothing: padding, or an n-gram that was not learned. Its column of U stays zero. A
character that was not learned falls back to the feature of its script, and that to `unknown`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.text import script

NOTHING, UNKNOWN = 0, 1
START, END = "\x02", "\x03"  # `normalise` leaves no control character in a name

Ids = NDArray[np.int32]
Integers = NDArray[np.int64]


class Encoded(NamedTuple):
    """A batch of names as ids."""

    ids: Ids
    """(N, T, G), left-padded with 0. `[..., g]` is the (g+1)-gram that ends at the step."""
    lengths: Integers
    """(N,) steps of each name, marks included."""


@dataclass(frozen=True)
class Vocabulary:
    """What a model can read. U's columns are: nothing, unknown, `scripts`, `grams`, in this order.

    Raises:
        ValueError: the order is below 1, or an n-gram is empty or longer than the order.
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
        for gram in self.grams:
            if not 1 <= len(gram) <= self.order:
                raise ValueError(f"n-gram {gram!r} has {len(gram)} symbols, not 1 to {self.order}")

    def __len__(self) -> int:
        """F, the number of U's columns."""
        return len(self.features)

    @classmethod
    def fit(
        cls,
        names: Sequence[str],
        *,
        order: int = 3,
        marks: bool = True,
        min_count: int = 2,
        most: int | None = None,
    ) -> "Vocabulary":
        """Learn from normalised training names every n-gram that occurs `min_count` times.

        Where `most` is given and these are more, n-grams of two symbols and longer are left out,
        the rarest first and the longest of them, until there are so many. Scripts are those of all
        characters, also of the rare ones that fall back to them.
        """
        text = _flatten(names, marks)
        alphabet = np.unique(text.symbols)
        index = np.searchsorted(alphabet, text.symbols) + 1  # (P,) 0 is kept for "not learned"
        ranked: list[tuple[bool, int, int, str]] = []  # characters, then the others by count
        for length in range(1, order + 1):
            keys, counts = np.unique(
                _keys(index, text.position, length, alphabet.size), return_counts=True
            )
            kept = (keys > 0) & (counts >= min_count)
            ranked += [
                (length > 1, -count, length, _spell(key, alphabet))
                for key, count in zip(keys[kept].tolist(), counts[kept].tolist(), strict=True)
            ]
        chosen = sorted(ranked)[:most]
        grams = sorted((gram for *_, gram in chosen), key=lambda gram: (len(gram), gram))
        scripts = {script(chr(symbol)) for symbol in alphabet if chr(symbol) not in (START, END)}
        return cls(order, marks, tuple(sorted(scripts)), tuple(grams))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Vocabulary":
        """The vocabulary that `dataclasses.asdict` made JSON values of.

        Raises:
            KeyError: a field is missing.
        """
        scripts, grams = tuple(fields["scripts"]), tuple(fields["grams"])
        return cls(fields["order"], fields["marks"], scripts, grams)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """(F,) a readable name of each column of U."""
        return ("<nothing>", "<unknown>", *(f"<{s}>" for s in self.scripts), *self.grams)

    @cached_property
    def fallback(self) -> Ids:
        """(F,) the id that stands in for each id: a character's script, nothing for an n-gram."""
        fallback = np.zeros(len(self), np.int32)
        for i, gram in enumerate(self.grams, start=2 + len(self.scripts)):
            if len(gram) == 1 and gram not in (START, END):
                fallback[i] = self._script_id(gram)
        return fallback

    def encode(self, names: Sequence[str]) -> Encoded:
        """Ids of normalised names. T is the longest name's length, 0 where there is nothing.

        >>> Vocabulary(2, False, (), ("a", "b", "ab")).encode(["ab", "b"]).ids.tolist()
        [[[2, 0], [3, 4]], [[0, 0], [3, 0]]]
        """
        text = _flatten(names, self.marks)
        steps = int(text.lengths.max(initial=0))
        ids = np.zeros((len(names), steps, self.order), np.int32)
        row = np.repeat(np.arange(len(names)), text.lengths)  # (P,)
        step = text.position + (steps - text.lengths)[row]  # (P,)
        index = self._index[np.minimum(text.symbols, self._index.size - 1)]  # (P,)
        ids[row, step, 0] = self._character_ids(text.symbols, index)
        for length, (known, known_ids) in enumerate(self._lookup, start=2):
            keys = _keys(index, text.position, length, self._alphabet.size)
            place = np.minimum(np.searchsorted(known, keys), known.size - 1)
            ids[row, step, length - 1] = np.where(known[place] == keys, known_ids[place], NOTHING)
        return Encoded(ids, text.lengths)

    @cached_property
    def _alphabet(self) -> Integers:
        """Code points of the learned characters, sorted; a symbol's index counts from 1 here."""
        return np.array(sorted(ord(gram) for gram in self.grams if len(gram) == 1), np.int64)

    @cached_property
    def _index(self) -> Integers:
        """From code point to index in the alphabet; 0 for all that was not learned."""
        index = np.zeros(int(self._alphabet.max(initial=0)) + 2, np.int64)
        index[self._alphabet] = np.arange(1, self._alphabet.size + 1)
        return index

    @cached_property
    def _letter_ids(self) -> Ids:
        """From index in the alphabet to id."""
        letters = (self._id[chr(symbol)] for symbol in self._alphabet)
        return np.array([NOTHING, *letters], np.int32)

    @cached_property
    def _id(self) -> dict[str, int]:
        return {feature: i for i, feature in enumerate(self.features)}

    @cached_property
    def _lookup(self) -> list[tuple[Integers, Ids]]:
        """Sorted keys and ids of the 2-grams, the 3-grams and so on to the order."""
        tables = []
        for length in range(2, self.order + 1):
            # One entry that no key equals stands in for an empty table.
            spelled = {-1: NOTHING} | {
                _key(gram, self._alphabet): self._id[gram]
                for gram in self.grams
                if len(gram) == length
            }
            keys = sorted(spelled)
            tables.append((np.array(keys), np.array([spelled[k] for k in keys], np.int32)))
        return tables

    def _script_id(self, character: str) -> int:
        return self._id.get(f"<{script(character)}>", UNKNOWN)

    def _character_ids(self, symbols: Integers, index: Integers) -> Ids:
        """(P,) the character's id, or its script's where the character was not learned."""
        ids = self._letter_ids[index]
        strange = index == 0
        if strange.any():
            distinct, inverse = np.unique(symbols[strange], return_inverse=True)
            ids[strange] = np.array([self._script_id(chr(s)) for s in distinct], np.int32)[inverse]
        return ids


class _Text(NamedTuple):
    """All symbols of all names, one after the other."""

    symbols: Integers  # (P,) code points
    position: Integers  # (P,) step of the symbol within its name, from 0
    lengths: Integers  # (N,)


def _flatten(names: Sequence[str], marks: bool) -> _Text:
    joined = "".join([f"{START}{name}{END}" for name in names] if marks else names)
    symbols = np.frombuffer(joined.encode("utf-32-le"), np.uint32).astype(np.int64)
    lengths = np.fromiter(map(len, names), np.int64, len(names)) + 2 * marks
    starts = np.cumsum(lengths) - lengths
    return _Text(symbols, np.arange(symbols.size) - np.repeat(starts, lengths), lengths)


def _keys(index: Integers, position: Integers, length: int, letters: int) -> Integers:
    """(P,) one number for the `length` symbols that end here; 0 where one is missing.

    Digits of a number in base `letters` + 1, whose digit 0 is "not learned".
    """
    base = letters + 1
    if base**length >= 2**63:
        raise ValueError(
            f"{letters} distinct characters are too many for n-grams of length {length}: "
            "lower the n-gram order or raise the minimum count"
        )
    keys = np.where(position >= length - 1, index, 0)
    for back in range(1, length):
        earlier = np.concatenate([np.zeros(back, np.int64), index[:-back]])[: index.size]
        keys = np.where((keys > 0) & (earlier > 0), keys + earlier * base**back, 0)
    return keys


def _key(gram: str, alphabet: Integers) -> int:
    """The number that `_keys` gives the end of `gram`.

    >>> _key("ba", np.array([ord("a"), ord("b")]))
    7
    """
    key = 0
    for place in np.searchsorted(alphabet, [ord(symbol) for symbol in gram]):
        key = key * (alphabet.size + 1) + int(place) + 1
    return key


def _spell(key: int, alphabet: Integers) -> str:
    """The n-gram of a key: the reverse of `_key`.

    >>> _spell(7, np.array([ord("a"), ord("b")]))
    'ba'
    """
    symbols = []
    while key:
        key, digit = divmod(key, alphabet.size + 1)
        symbols.append(chr(alphabet[digit - 1]))
    return "".join(reversed(symbols))
