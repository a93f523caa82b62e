"""Names whose endings give their languages away."""

from collections.abc import Mapping

import numpy as np

from pipeline.table import NameTable


def table_of(endings: Mapping[str, str], letters: str, names: int) -> NameTable:
    """So many distinct names, each of one language: a random stem and the language's ending."""
    random = np.random.default_rng(0)
    pairs: dict[str, str] = {}
    while len(pairs) < names:
        code = sorted(endings)[len(pairs) % len(endings)]
        stem = "".join(random.choice(list(letters), random.integers(2, 6)))
        pairs.setdefault(stem + endings[code], code)
    ones = np.ones(len(pairs), np.int64)
    places = np.arange(len(pairs))
    return NameTable(list(pairs), list(pairs.values()), ones, ones.astype(float), places)
