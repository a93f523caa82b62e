"""Labelled names from a file, to judge a model on."""

import numpy as np

from model.text import normalise
from pipeline.languages import resolve
from pipeline.sources import open_sources
from pipeline.sources.protocol import DataError
from pipeline.table import NameTable
from pipeline.workspace import workspace


def read_labelled(file: str) -> tuple[list[str], list[str]]:
    """The readable names of a file or URL and the codes of their labels, row by row.

    Raises:
        DataError: the file cannot be read, or holds no readable name.
    """
    [source] = open_sources([file], cache=workspace() / "downloads")
    rows = [
        (record.name, resolve(record.language).code)
        for record in source.records()
        if normalise(record.name) and record.language.strip()
    ]
    if not rows:
        raise DataError(f"{file} holds no row with a readable name and a label")
    names, labels = zip(*rows, strict=True)
    return list(names), list(labels)


def labelled_table(file: str) -> NameTable:
    """The distinct pairs of normalised name and label in a file; each name is its own group.

    Raises:
        DataError: as `read_labelled`.
    """
    names, labels = read_labelled(file)
    pairs = list(dict.fromkeys(zip(map(normalise, names), labels, strict=True)))
    spellings = [name for name, _ in pairs]
    one = np.ones(len(pairs))
    group = np.unique(np.array(spellings, np.str_), return_inverse=True)[1]
    return NameTable(
        spellings, [code for _, code in pairs], one.astype(np.int64), one, group.astype(np.int64)
    )
