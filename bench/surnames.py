"""Columns of surnames as customers' tables have them: drawn by frequency, some of them mistyped."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.table import NameTable

TYPOS = 0.02
"""Share of the rows that have one."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PORTION = 200_000
"""Names that are drawn at a time."""

ROW_GROUP = 2**20


def natural(table: NameTable, rows: int) -> list[str]:
    """So many rows, of which most have a name that others have too."""
    draw = np.random.default_rng(0)
    names, shares = _frequencies(table)
    column = [names[i] for i in draw.choice(len(names), rows, p=shares).tolist()]
    for row in np.flatnonzero(draw.random(rows) < TYPOS).tolist():
        column[row] = mistyped(column[row], draw)
    return column


def distinct(table: NameTable, rows: int) -> list[str]:
    """So many rows with no name twice: surnames with a typo or two, in no order."""
    draw = np.random.default_rng(0)
    names, shares = _frequencies(table)
    column: dict[str, None] = {}
    while len(column) < rows:
        for i in draw.choice(len(names), PORTION, p=shares).tolist():
            name = mistyped(names[i], draw)
            while name in column:
                name = mistyped(name, draw)
            column[name] = None
    return list(column)[:rows]


def mistyped(name: str, draw: np.random.Generator) -> str:
    """A name with one letter replaced, added, left out, or changed with the next."""
    at, kind, letter = (int(i) for i in draw.integers([len(name), 4, len(LETTERS)]))
    new, tail = LETTERS[letter], name[at + 1 :]
    if kind == 0:
        return name[:at] + new + tail
    if kind == 1:
        return name[:at] + new + name[at:]
    if kind == 2 and len(name) > 1:
        return name[:at] + tail
    return name[:at] + tail[:1] + name[at] + tail[1:]


def write(column: list[str], path: Path) -> None:
    """A table of customers: a number, a surname and an amount."""
    draw = np.random.default_rng(0)
    amounts = draw.integers(0, 10**6, len(column)) / 100
    table = pa.table({"id": np.arange(len(column)), "surname": column, "amount": amounts})
    pq.write_table(table, path, row_group_size=ROW_GROUP)


def _frequencies(table: NameTable) -> tuple[list[str], np.ndarray]:
    """Each distinct name in title case, and its share of all records' weight."""
    weights: Counter[str] = Counter()
    for name, weight in zip(table.name, table.weight.tolist(), strict=True):
        weights[name.title()] += weight
    shares = np.array(list(weights.values()))
    return list(weights), shares / shares.sum()
