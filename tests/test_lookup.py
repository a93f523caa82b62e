"""The hash table, against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.lookup import MULTIPLIER, Ids, Keys, Lookup

KEYS = st.integers(1, 2**64 - 1) | st.integers(1, 40)
"""Any, and small ones, so that some are both stored and asked for."""


def keys_of(numbers: list[int]) -> Keys:
    return np.array(numbers, np.uint64)


def table(numbers: list[int]) -> Lookup:
    """Under each key its place, counted from 1."""
    return Lookup(keys_of(numbers), np.arange(1, len(numbers) + 1, dtype=np.int32))


def by_dict(numbers: list[int], asked: list[int]) -> list[int]:
    ids = {key: i for i, key in enumerate(numbers, start=1)}
    return [ids.get(key, 0) for key in asked]


def unhashed(place: int) -> int:
    """The key whose hash this is: a small one wants the table's first slot, a large one the last.

    >>> unhashed(int(MULTIPLIER))
    1
    """
    return place * pow(int(MULTIPLIER), -1, 2**64) % 2**64


@given(st.lists(KEYS, unique=True, max_size=60), st.lists(KEYS | st.just(0), max_size=60))
def test_it_finds_what_a_dictionary_finds(numbers: list[int], others: list[int]) -> None:
    asked = numbers + others + numbers[::-1]
    found: Ids = table(numbers).find(keys_of(asked))
    assert found.dtype == np.int32
    assert found.tolist() == by_dict(numbers, asked)


@given(st.integers(2, 200), st.integers(0, 2**50))
def test_keys_that_all_want_one_slot_are_all_found(many: int, first: int) -> None:
    numbers = [unhashed(first + i) for i in range(1, many + 1)]
    asked = numbers + [unhashed(first + many + i) for i in range(1, 9)]
    assert table(numbers).find(keys_of(asked)).tolist() == by_dict(numbers, asked)


@given(st.integers(1, 200))
def test_probing_goes_round_the_end_of_the_table(many: int) -> None:
    numbers = [unhashed(2**64 - i) for i in range(1, many + 1)]
    assert table(numbers).find(keys_of(numbers)).tolist() == list(range(1, many + 1))
    others = [key ^ 1 for key in numbers if key ^ 1]
    assert table(numbers).find(keys_of(others)).tolist() == by_dict(numbers, others)


def test_many_keys() -> None:
    random = np.random.default_rng(0)
    numbers = np.unique(random.integers(1, 2**63, 50_000, np.uint64))
    ids = np.arange(1, numbers.size + 1, dtype=np.int32)
    order = random.permutation(numbers.size)
    lookup = Lookup(numbers[order], ids[order])
    np.testing.assert_array_equal(lookup.find(numbers), ids)
    assert not lookup.find(np.setdiff1d(numbers + np.uint64(1), numbers)).any()


def test_an_empty_table_knows_nothing_and_no_question_has_no_answer() -> None:
    assert table([]).find(keys_of([0, 1, 2**64 - 1])).tolist() == [0, 0, 0]
    assert table([7]).find(keys_of([])).tolist() == []
