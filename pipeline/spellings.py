"""Which spellings are one name: they must stand on one side of a split."""

import unicodedata

from anyascii import anyascii


def skeleton(name: str) -> str:
    """One key for the ways to write a normalised name in ASCII letters.

    >>> skeleton("o'su\u0301illeabha\u0301in"), skeleton("иванов")
    ('osuilleabhain', 'ivanov')
    """
    if not name.isascii():
        # Composed again, because a transliteration knows syllables, not jamo.
        name = anyascii(unicodedata.normalize("NFC", name)).casefold()
    return "".join(filter(str.isalpha, name)) or name


class Spellings:
    """Sets of spellings, joined as links between them come in (union-find)."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def link(self, one: str, other: str) -> None:
        """Make one set of the two that hold these spellings."""
        self._above[self.root(one)] = self.root(other)

    def root(self, spelling: str) -> str:
        """The spelling that stands for the whole set, until more is linked to it."""
        above = self._above
        while (next_one := above.setdefault(spelling, spelling)) != spelling:
            above[spelling] = above[next_one]  # halves the path for those who come after
            spelling = next_one
        return spelling
