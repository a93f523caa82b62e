"""The names that benchmarks measure on, also where there is little but torch."""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from model.text import normalise
from pipeline.table import NameTable

LEAST = 20
"""Names that a language must have."""


def load(spec: str) -> NameTable:
    """The clean names of a source as `namelang train --source` reads it.

    Where what it takes to clean them is not installed, the names of a CSV file as they stand.

    Raises:
        ValueError: the source is not there, or nothing sensible is left of it.
    """
    try:
        from pipeline.clean import clean
        from pipeline.sources import open_sources
        from pipeline.workspace import workspace
    except ModuleNotFoundError as missing:
        print(f"bench: without {missing.name} names are measured uncleaned", file=sys.stderr)
        return read_csv(Path(spec))
    (source,) = open_sources([spec], cache=workspace() / "downloads")
    table, _ = clean(source.records(), min_names=LEAST)
    return table


def read_csv(path: Path) -> NameTable:
    """The normalised names of a UTF-8 file whose columns are name and language.

    A header is known by these two words; with one, the columns may stand anywhere.

    Raises:
        ValueError: it is no such file, or no language has enough names.
    """
    if not path.is_file():
        raise ValueError(f"{path} is not a file; without the train extra only CSV files are read")
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, *rows = csv.reader(file)
    titles = [title.strip().lower() for title in first]
    if {"name", "language"} <= set(titles):
        columns = titles.index("name"), titles.index("language")
    else:
        columns, rows = (0, 1), [first, *rows]
    cells = ([row[column] for column in columns] for row in rows if len(row) > max(columns))
    return table_of(Counter((normalise(name), language) for name, language in cells), path)


def table_of(pairs: Counter[tuple[str, str]], path: Path) -> NameTable:
    """The pairs of name and language, of the languages that have enough names."""
    names = Counter(language for name, language in pairs if name)
    kept = sorted(pair for pair in pairs if pair[0] and names[pair[1]] >= LEAST)
    if not kept:
        raise ValueError(f"no language in {path} has {LEAST} names")
    name, language = zip(*kept, strict=True)
    counts = np.array([pairs[pair] for pair in kept])
    _, group = np.unique(name, return_inverse=True)
    return NameTable(name, language, counts, counts.astype(np.float64), group)
