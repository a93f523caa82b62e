"""Names that nobody bears: spliced from two names of a language, some of them misspelt.

They carry no label. A committee says what it believes of them, and a pupil that learns its belief
on many of them sees far more of it than the training names show (Buciluǎ, Caruana and
Niculescu-Mizil, Model compression, 2006).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from pipeline.batches import Examples

BALANCED = 0.5
"""Share of the names whose first part is drawn language by language, so that small ones count."""
STRANGERS = 0.1
"""Share whose second part is of any language."""
MISSPELT = 0.2
"""Share with one symbol dropped, changed or put in."""
LONGEST = 40  # symbols
DRAWN = 10_000
"""Tries whose random numbers are drawn at once."""

T = TypeVar("T")


def invent(examples: Examples, tries: int, random: np.random.Generator) -> list[str]:
    """Up to `tries` distinct names, sorted, none of which is among the examples.

    Two names are joined after a symbol that both have, where there is one: so the joint looks
    like the language too.
    """
    names, language = list(examples.names), examples.targets.argmax(axis=1).tolist()
    by_language: dict[int, list[int]] = defaultdict(list)
    for i, c in enumerate(language):
        by_language[c].append(i)
    languages = sorted(by_language)
    symbols = "".join(names)
    invented = set()
    for balanced, of, a, stranger, b, cut, joint, misspelt, place, change in _draws(tries, random):
        if balanced < BALANCED:
            first = _pick(by_language[_pick(languages, of)], a)
        else:
            first = _pick(range(len(names)), a)
        kin = range(len(names)) if stranger < STRANGERS else by_language[language[first]]
        name = splice(names[first], names[_pick(kin, b)], cut, joint)
        if misspelt < MISSPELT:
            name = misspell(name, place, change, _pick(symbols, joint))
        if 1 < len(name) <= LONGEST:
            invented.add(name)
    return sorted(invented.difference(names))


def splice(head: str, tail: str, cut: float, joint: float) -> str:
    """The beginning of one name and the end of another; `cut` and `joint`, 0 to 1, say where.

    >>> splice("kowalski", "nowak", 0.5, 0.0)
    'kowak'
    """
    i = 1 + int(cut * (len(head) - 1))
    after = [j + 1 for j, symbol in enumerate(tail[:-1]) if symbol == head[i - 1]]
    j = _pick(after, joint) if after else 1 + int(joint * (len(tail) - 1))
    return head[:i] + tail[j:]


def misspell(name: str, place: float, change: float, symbol: str) -> str:
    """One symbol of a name dropped, changed into another, or put before it.

    >>> [misspell("nowak", 0.5, change, "e") for change in (0.0, 0.5, 0.9)]
    ['noak', 'noeak', 'noewak']
    """
    i = int(place * len(name))
    kinds = (name[i + 1 :], symbol + name[i + 1 :], symbol + name[i:])
    return name[:i] + _pick(kinds, change)


def _draws(tries: int, random: np.random.Generator) -> Iterator[list[float]]:
    """10 numbers from 0 to 1 for each try, many drawn at once: one by one takes longer."""
    for begin in range(0, tries, DRAWN):
        yield from random.random((min(DRAWN, tries - begin), 10)).tolist()


def _pick(things: Sequence[T], draw: float) -> T:
    """The one at a place, 0 to 1.

    >>> _pick("abc", 0.5)
    'b'
    """
    return things[int(draw * len(things))]
