"""What the programs learn from: records, as the origin parted them.

Shapes: N records, C languages.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.batches import Examples, rows
from pipeline.table import NameTable


@dataclass(frozen=True)
class Sides:
    """Records, one for each pair of name and language, parted at random as the origin did."""

    training: Examples
    validation: Examples


def part(table: NameTable, most: int) -> Sides:
    """Four fifths to learn from and one to validate on, of at most so many rows of a table."""
    drawn = np.random.default_rng(0).permutation(len(table))[:most]
    records = rows(table.take(drawn), sorted(set(table.language)))
    cut = len(drawn) * 4 // 5
    return Sides(few(records, cut), Examples(records.names[cut:], records.targets[cut:]))


def few(examples: Examples, most: int) -> Examples:
    """The first of them; their order is random."""
    return Examples(examples.names[:most], examples.targets[:most])


def repeat(examples: Examples, times: int) -> Examples:
    """The records so many times over."""
    if times == 1:
        return examples
    return Examples(list(examples.names) * times, np.tile(examples.targets, (times, 1)))
