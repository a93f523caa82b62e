"""Many names as symbols, normalised and flattened at once, in compiled loops.

Nearly every character is spelled the same wherever it stands: what `model/text.py` makes of it is
asked once, and copied from then on. Names that have another are left to `model/text.py`.

Shapes: N names, S symbols of all spellings.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import numpy as np

from model.lookup import Ids
from model.symbols import Codes, Symbols, between, flatten_lines
from model.text import lines_of, normalise_lines, spell

TABLED = 0x10000
"""Characters from here on are rare, and not in the table."""
UNSEEN, ODD = -2, -1
"""Places of characters that were not asked for, and of those that do not stand alone."""
CLASS_FROM = 21
"""Bits of a code point; above them a spelling's symbol has its combining class."""


class Spellings(NamedTuple):
    """What characters are spelled as, as far as was asked."""

    places: Ids
    """(TABLED,) where in `symbols` the number of a character's symbols stands, and then they."""
    symbols: Codes
    """(S,)"""

    @classmethod
    def none(cls) -> Self:
        """No character was asked for."""
        return cls(np.full(TABLED, UNSEEN, np.int32), np.zeros(0, np.int32))

    def and_of(self, characters: Iterable[str]) -> Self:
        """These, and those of further characters."""
        places, symbols = self.places.copy(), self.symbols.tolist()
        for character in characters:
            if (code := ord(character)) < TABLED and places[code] == UNSEEN:
                places[code] = len(symbols) if _stands_alone(character) else ODD
                spelt = spell(character)
                symbols += [len(spelt), *map(_with_class, spelt)]
        return self._replace(places=places, symbols=np.array(symbols, np.int32))


class Speller:
    """Normalises and flattens; it remembers what characters are spelled as, but no names."""

    def __init__(self, marks: bool) -> None:
        """With or without marks around names."""
        self._marks = marks
        self._known = Spellings.none()

    def flatten(self, names: Sequence[str]) -> Symbols:
        """The same as `flatten_lines` of `normalise_lines`."""
        from model import speller_loops

        lines = lines_of(names)
        read = np.frombuffer(lines.encode("utf-32-le", "surrogatepass"), np.int32)
        while (room := speller_loops.room(read, *(known := self._known))) == UNSEEN:
            self._known = known.and_of(set(lines))
        if room == ODD:
            return flatten_lines(normalise_lines(names), self._marks)
        apart = np.array([*map(ord, between(self._marks))], np.int32)
        codes = np.empty(room + len(apart) * (len(names) + 1), np.int32)
        starts, lengths = np.empty((2, len(names)), np.int64)
        written = speller_loops.write(read, *known, apart, codes, starts, lengths)
        return Symbols(codes[:written], starts, lengths)


def _stands_alone(character: str) -> bool:
    """Whether it is spelled the same whatever stands beside it, if marks are in their order.

    Not so are a line break, and marks that become others or letters: those would be sorted first.
    """
    if unicodedata.combining(character):
        return spell(character) == character
    marks = filter(unicodedata.combining, unicodedata.normalize("NFKD", character))
    return character != "\n" and all(spell(mark) == mark for mark in marks)


def _with_class(symbol: str) -> int:
    return ord(symbol) | unicodedata.combining(symbol) << CLASS_FROM
