from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.text import normalise
from pipeline.clean import clean
from pipeline.split import Split, folds, split
from pipeline.table import NameTable, Record

SYLLABLES = ["ba", "de", "fi", "go", "lu", "mi", "no", "pa", "re", "su", "ta", "vo"]


def names(n: int, prefix: str) -> list[str]:
    """n different names, the same at every call."""
    return [prefix + "".join(word) for word in islice(product(SYLLABLES, repeat=4), n)]


def table_of(pairs: Sequence[tuple[str, str]]) -> NameTable:
    """One group a name, as cleaning would make it."""
    numbers: dict[str, int] = {}
    group = [numbers.setdefault(name, len(numbers)) for name, _ in pairs]
    ones = np.ones(len(pairs))
    return NameTable(
        [name for name, _ in pairs],
        [language for _, language in pairs],
        ones.astype(np.int64),
        ones,
        np.array(group, np.int64),
    )


def sides(parts: Split) -> tuple[NDArray[np.int64], ...]:
    return parts.train, parts.validation, parts.test


BIG = table_of(
    [(name, "ru") for name in names(3000, "k")]
    + [(name, "en") for name in names(1000, "h")]
    + [(name, "Scottish") for name in names(60, "h")]  # all of them English, too
    + [(name, "vi") for name in names(10, "w")]
    + [(name, "rare") for name in names(9, "z")]
)


def test_every_row_stands_on_one_side() -> None:
    assert sorted(np.concatenate(sides(split(BIG)))) == list(range(len(BIG)))


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.2, 0.05), (0.0, 0.3), (0.0, 0.0)])
def test_every_language_is_parted_as_asked(validation: float, test: float) -> None:
    parts = split(BIG, validation=validation, test=test, seed=3)
    total = Counter(BIG.language)
    for rows, fraction in ((parts.validation, validation), (parts.test, test)):
        got = Counter(BIG.take(rows).language)
        for language in ("ru", "en", "Scottish", "vi"):
            # A tenth off, and one group, because groups are whole.
            tolerance = 0.1 * fraction * total[language] + 1
            assert abs(got[language] - fraction * total[language]) <= tolerance
            assert (got[language] > 0) == (fraction > 0)
        assert got["rare"] == 0


def test_the_same_seed_parts_alike_and_another_one_does_not() -> None:
    first, again, other = split(BIG, seed=1), split(BIG, seed=1), split(BIG, seed=2)
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_row_order_changes_nothing() -> None:
    order = np.random.default_rng(0).permutation(len(BIG))
    shuffled = BIG.take(order)
    for here, there in zip(sides(split(BIG)), sides(split(shuffled)), strict=True):
        assert sorted(order[there]) == here.tolist()


def test_names_keep_their_side_when_the_data_changes() -> None:
    kept = np.random.default_rng(0).permutation(len(BIG))[: int(0.9 * len(BIG))]
    smaller = BIG.take(kept)
    before = {BIG.name[i]: s for s, rows in enumerate(sides(split(BIG))) for i in rows}
    after = {smaller.name[i]: s for s, rows in enumerate(sides(split(smaller))) for i in rows}
    moved = sum(before[name] != side for name, side in after.items())
    assert moved < 0.005 * len(after)


LANGUAGE = st.sampled_from(["Russian", "Bulgarian", "Serbian"])
NATIVE = st.text("абвлор", min_size=2, max_size=4)


def test_a_group_too_large_for_a_side_is_for_training() -> None:
    """One name with 50 spellings beside 20 plain ones; the rest of the language is still parted."""
    group = np.array([0] * 50 + list(range(1, 21)))
    spellings = names(len(group), "c")
    table = NameTable(spellings, ["zh"] * len(group), group, group * 1.0, group)
    for seed in range(20):
        parts = split(table, seed=seed)
        assert set(range(50)) <= set(parts.train.tolist())
        assert {len(parts.test), len(parts.validation)} <= {6, 7}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(NATIVE, LANGUAGE, LANGUAGE), min_size=30, max_size=60))
def test_no_name_and_no_variant_of_it_stands_on_two_sides(
    drawn: list[tuple[str, str, str]],
) -> None:
    """From records to sides, with romanized and gendered variants and names of many languages."""
    records = [Record("Novák", "Czech")]
    for name, language, another in drawn:
        latin = name.translate(str.maketrans("абвлор", "abvlor"))
        records.append(Record(name, language))
        records.append(Record(latin, another, variant_of=name))
        records.append(Record(latin + "ina", language, variant_of=latin))
        records.append(Record(name.title(), another))
    table, _ = clean(records, min_names=1)
    parts = split(table)
    side_of = {table.name[i]: s for s, rows in enumerate(sides(parts)) for i in rows}
    for s, rows in enumerate(sides(parts)):
        assert all(side_of[table.name[i]] == s for i in rows)
    for record in records[1:]:
        assert (
            side_of[normalise(record.name)] == side_of[normalise(record.variant_of or record.name)]
        )


@pytest.mark.parametrize("pairs", [[], [("nowak", "pl")]])
def test_tiny_tables_are_all_for_training(pairs: list[tuple[str, str]]) -> None:
    parts = split(table_of(pairs))
    assert [len(rows) for rows in sides(parts)] == [len(pairs), 0, 0]
    assert all(rows.dtype == np.int64 for rows in sides(parts))


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.1, -0.1), (0.3, 0.3)])
def test_impossible_fractions_are_refused(validation: float, test: float) -> None:
    with pytest.raises(ValueError, match=f"validation {validation} and test {test}: expected"):
        split(BIG, validation=validation, test=test)


def test_folds_part_groups_and_languages_evenly() -> None:
    parts = folds(BIG, 5)
    assert sorted(np.concatenate(parts)) == list(range(len(BIG)))
    fold_of = defaultdict(set)
    for fold, rows in enumerate(parts):
        count = Counter(BIG.take(rows).language)
        assert abs(count["ru"] - 600) <= 1
        assert abs(count["Scottish"] - 12) <= 1
        for i in rows:
            fold_of[BIG.group[i]].add(fold)
    assert all(len(folds_of_one) == 1 for folds_of_one in fold_of.values())
    with pytest.raises(ValueError, match="1 folds: expected 2 or more"):
        folds(BIG, 1)
