"""N-grams that tell single names apart, against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.symbols import END, START
from model.vocabulary import Vocabulary
from pipeline.batches import Examples
from pipeline.exceptions import EACH, telling_grams

NAMES = ["kowalski", "kowalska", "nowak", "nowakowski", "kafka", "papas", "ab"]
LISTS = st.lists(st.text(alphabet="abcж田", min_size=1, max_size=6), min_size=1, max_size=12)


def training(names: list[str]) -> Examples:
    return Examples(names, np.ones((len(names), 1), np.float32))


def grams(name: str, order: int = 3) -> set[str]:
    """The n-grams of a name and its marks, of two symbols and more."""
    whole = START + name + END
    spans = ((i, i + n) for n in range(2, order + 1) for i in range(len(whole) - n + 1))
    return {whole[begin:end] for begin, end in spans}


def occurrences(gram: str, names: list[str]) -> int:
    wholes = [START + name + END for name in names]
    return sum(whole[i:].startswith(gram) for whole in wholes for i in range(len(whole)))


@given(LISTS, st.integers(1, 3))
def test_each_is_told_apart_by_its_rarest(names: list[str], min_count: int) -> None:
    vocabulary = Vocabulary.fit(names, min_count=min_count)
    odd, readable = names[::2], {gram for gram in vocabulary.grams if len(gram) == 1}
    told = telling_grams(odd, training(names), vocabulary, most=1000)
    assert len(set(told)) == len(told)
    assert not set(told) & set(vocabulary.grams)
    for name in odd:
        own = sorted(
            (gram for gram in grams(name) if readable.issuperset(gram)),
            key=lambda gram: (occurrences(gram, names), -len(gram), gram),
        )
        assert {*told, *vocabulary.grams}.issuperset(own[:EACH])
    assert {*told, *vocabulary.grams} == set(vocabulary.with_grams(told).grams)


def test_no_more_than_asked_for_and_the_first_names_first() -> None:
    vocabulary = Vocabulary.fit(NAMES, min_count=2)
    told = telling_grams(["papas", "kafka"], training(NAMES), vocabulary, most=9)
    assert [len(gram) for gram in told] == [3, 3, 3]  # "f" is not learned, so "afk" cannot be
    assert grams("papas").issuperset(told[:2])
    assert grams("kafka").issuperset(told[2:])
    assert telling_grams(["papas", "kafka"], training(NAMES), vocabulary, most=2) == told[:2]


@pytest.mark.parametrize("most", [0, 5])
def test_without_exceptions_nothing_is_told(most: int) -> None:
    vocabulary = Vocabulary.fit(NAMES)
    assert telling_grams([], training(NAMES), vocabulary, most) == []
