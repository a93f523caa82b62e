"""Train, validation and test rows, parted by name so that nothing leaks."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pipeline.table import NameTable
from pipeline.texts import numbered, taken

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
class _Member:
    """One language's part in the groups."""

    group: Ints  # (M,) the groups that hold names of this language
    rows: Ints  # (M,) how many they hold


@dataclass(frozen=True)
class _Groups:
    """The G groups of a table, and what is in them."""

    row: Ints  # (R,) which group a row is in, 0 … G-1
    uniform: Floats  # (G,) each group's own number in [0, 1)
    languages: list[_Member]  # the one in the fewest groups first


def split(table: NameTable, *, validation: float = 0.1, test: float = 0.1, seed: int = 0) -> Split:
    """Part a table by group, for every language in about the proportions asked.

    A group is a name with its variants, and goes to one side whole. Its side comes from a seeded
    hash of its own content, u in [0, 1): test below `test`, validation from 1 - `validation`
    up. So row order does not matter, and when the data changes, all but a few names keep their
    side: what tests a challenger has hardly ever trained the champion.

    Where that leaves a language's share of rows more than a tenth off what was asked, the
    boundary in u is moved for this language, the rarest first. In 10 groups or more, a language
    has names on every side; in fewer, those that it shares with no other are all for training.

    Raises ValueError where a fraction is negative or both together exceed 0.5.
    """
    if validation < 0 or test < 0 or validation + test > 0.5:
        raise ValueError(
            f"validation {validation} and test {test}: expected fractions >= 0, together <= 0.5"
        )
    groups = _groups(table, seed)
    side = np.full(len(groups.uniform), _OPEN)
    for language in groups.languages:
        mine = language.group
        if len(mine) >= _LEAST_GROUPS:
            _claim(side, language, groups.uniform[mine], test, _TEST)
            _claim(side, language, 1 - groups.uniform[mine], validation, _VALIDATION)
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
    for rank, language in reversed(list(enumerate(groups.languages))):
        rarest[language.group] = rank
    fold = np.empty_like(rarest)
    # Dealt like cards, language after language.
    fold[np.lexsort((groups.uniform, rarest))] = np.arange(len(fold)) % k
    rows = fold[groups.row]
    return [np.flatnonzero(rows == f) for f in range(k)]


def _claim(side: Ints, language: _Member, key: Floats, fraction: float, claimed: int) -> None:
    """Give one language's groups, those of the lowest key first, to a side, in place."""
    state, rows = side[language.group], language.rows
    target = fraction * rows.sum()
    least = max(int(target * (1 - _SLACK)), int(fraction > 0))
    most = max(int(target * (1 + _SLACK)), least)
    held = rows[state == claimed].sum()
    free = (state == _OPEN) & (rows <= most)
    natural = held + rows[free & (key < fraction)].sum()
    want = min(max(natural, least), most) - held
    if want <= 0:
        return
    # Only where nothing else remains: groups too large for this side, and what a rarer language
    # left for training.
    takeable = np.flatnonzero((state == _OPEN) | (state == _TRAIN))
    order = takeable[np.lexsort((key[takeable], ~free[takeable]))]
    taken = np.cumsum(rows[order]) - rows[order] / 2 < want
    if not held:
        taken[:1] = True
    side[language.group[order[taken]]] = claimed


def _groups(table: NameTable, seed: int) -> _Groups:
    identity, row = np.unique(table.group, return_inverse=True)
    # A group's canonical content: its first name in order.
    names, number = numbered(table.name)
    first = np.full(len(identity), len(names))
    np.minimum.at(first, row, number)
    del number
    firsts = taken(names, first)
    uniform = np.fromiter((_uniform(name, seed) for name in firsts), np.float64, len(firsts))

    languages, language = numbered(table.language)
    (owner, group), rows = np.unique(np.stack([language, row]), axis=1, return_counts=True)
    members = [_Member(group[owner == i], rows[owner == i]) for i in range(len(languages))]
    return _Groups(row, uniform, sorted(members, key=lambda member: len(member.group)))


def _uniform(content: str, seed: int) -> float:
    digest = blake2b(content.encode(), digest_size=6, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big") / 2**48
