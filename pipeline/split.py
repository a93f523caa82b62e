"""Train, validation and test rows, parted by name so that nothing leaks."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pipeline.table import NameTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_OPEN, _TRAIN, _VALIDATION, _TEST = -1, 0, 1, 2
_LEAST_GROUPS = 10  # a language with fewer is for training only
_SLACK = 0.1  # how far a language's share may stray before its boundary is moved


@dataclass(frozen=True)
class Split:
    """Row positions of a table: ascending, disjoint, together all of its rows."""

    train: Ints
    validation: Ints
    test: Ints


@dataclass(frozen=True)
class _Groups:
    """The G groups of a table, and who is in them."""

    row: Ints  # (R,) which group a row is in, 0 … G-1
    uniform: Floats  # (G,) each group's own number in [0, 1)
    members: list[Ints]  # a language's groups; the rarest language first


def split(table: NameTable, *, validation: float = 0.1, test: float = 0.1, seed: int = 0) -> Split:
    """Part a table by group, for every language in about the proportions asked.

    A group is a name with its variants, and goes to one side whole. Its side comes from a seeded
    hash of its own content, u in [0, 1): test below `test`, validation from 1 - `validation`
    up. So neither row order nor other names matter, and when the data grows, a name keeps its
    side: a champion and a challenger are compared on names that neither has trained on.

    Where that leaves a language's share more than a tenth off what was asked, the boundary in u
    is moved for this language, the rarest first. With 10 groups or more a language has names on
    every side; with fewer, those that it shares with no other are all for training.

    Raises ValueError where a fraction is negative or both together exceed 0.5.
    """
    if validation < 0 or test < 0 or validation + test > 0.5:
        raise ValueError(
            f"validation {validation} and test {test}: expected fractions >= 0, together <= 0.5"
        )
    groups = _groups(table, seed)
    side = np.full(len(groups.uniform), _OPEN)
    for mine in groups.members:
        if len(mine) >= _LEAST_GROUPS:
            _claim(side, mine, groups.uniform[mine], test, _TEST)
            _claim(side, mine, 1 - groups.uniform[mine], validation, _VALIDATION)
            side[mine[side[mine] == _OPEN]] = _TRAIN
    side[side == _OPEN] = _TRAIN
    rows = side[groups.row]
    return Split(*(np.flatnonzero(rows == s) for s in (_TRAIN, _VALIDATION, _TEST)))


def folds(table: NameTable, k: int, seed: int = 0) -> list[Ints]:
    """Part a table's rows into k sides by group, stratified by language, for cross-validation.

    Returns k ascending arrays of row positions, disjoint and together all rows. Raises ValueError
    where k < 2.
    """
    if k < 2:
        raise ValueError(f"{k} folds: expected 2 or more")
    groups = _groups(table, seed)
    rarest = np.zeros(len(groups.uniform), np.int64)
    for rank, mine in reversed(list(enumerate(groups.members))):
        rarest[mine] = rank
    fold = np.empty_like(rarest)
    # Dealt like cards, language after language.
    fold[np.lexsort((groups.uniform, rarest))] = np.arange(len(fold)) % k
    rows = fold[groups.row]
    return [np.flatnonzero(rows == f) for f in range(k)]


def _claim(side: Ints, mine: Ints, key: Floats, fraction: float, claimed: int) -> None:
    """Give groups of one language, those of the lowest key first, to a side, in place."""
    held = int(np.count_nonzero(side[mine] == claimed))
    free = side[mine] == _OPEN
    natural = held + int(np.count_nonzero(free & (key < fraction)))
    target = fraction * len(mine)
    least = max(int(target * (1 - _SLACK)), int(fraction > 0))
    most = max(int(target * (1 + _SLACK)), least)
    want = max(min(max(natural, least), most) - held, 0)
    # What a rarer language left for training is taken back only where nothing else remains.
    takeable = np.flatnonzero(free | (side[mine] == _TRAIN))
    order = takeable[np.lexsort((key[takeable], ~free[takeable]))]
    side[mine[order[:want]]] = claimed


def _groups(table: NameTable, seed: int) -> _Groups:
    identity, row = np.unique(table.group, return_inverse=True)
    first_name = [""] * len(identity)  # a group's canonical content: its first name in order
    for name, group in zip(table.name, row.tolist(), strict=True):
        first_name[group] = min(first_name[group] or name, name)
    uniform = np.array([_uniform(name, seed) for name in first_name], np.float64)

    languages, language = np.unique(np.array(table.language, np.str_), return_inverse=True)
    pairs = np.unique(np.stack([language, row]), axis=1)  # (2, distinct pairs), by language
    members = np.split(pairs[1], np.searchsorted(pairs[0], np.arange(1, len(languages))))
    if not len(languages):
        members = []
    return _Groups(row, uniform, sorted(members, key=len))


def _uniform(content: str, seed: int) -> float:
    digest = blake2b(content.encode(), digest_size=6, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big") / 2**48
