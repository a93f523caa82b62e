"""Names to measure on: many distinct ones, and strings that have nothing in common."""

from collections.abc import Sequence

import numpy as np

from pipeline.batches import examples
from pipeline.pseudo_names import invent
from pipeline.table import NameTable

PORTION = 100_000
"""Names that are invented at a time."""


def crowd(table: NameTable, size: int) -> list[str]:
    """So many distinct names: those of the table first, shuffled, then ones that nobody bears."""
    random = np.random.default_rng(0)
    known = examples(table, sorted(set(table.language)))
    portion, names = list(known.names), dict[str, None]()
    while True:
        random.shuffle(portion)
        names |= dict.fromkeys(portion)
        if len(names) >= size:
            return list(names)[:size]
        portion = invent(known, PORTION, random)


def random_strings(names: Sequence[str]) -> list[str]:
    """A string of the same length for each name, each of its letters any that the names have."""
    letters = sorted({symbol for name in names for symbol in name if symbol.isalpha()})
    drawn = np.random.default_rng(0).choice(letters, sum(map(len, names)))
    ends = np.cumsum([len(name) for name in names])[:-1]
    return ["".join(part) for part in np.split(drawn, ends)]
