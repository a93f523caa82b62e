"""The tree of a batch's prefixes, against each name read alone."""

from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import compiled
from model.prefixes import SORTED_BY, Level, Places, by_beginning, prefix_tree
from model.symbols import END
from model.text import normalise
from model.vocabulary import NOTHING, Vocabulary

ALPHABET = "abcšπж田\u0301' ա"  # a and ա have one low byte
SHORT = SORTED_BY - 1  # with the end mark no more than names are sorted by
WORDS = st.lists(st.text(ALPHABET, max_size=12).map(normalise), max_size=15)
SHORT_WORDS = st.lists(st.text("abc田\u0301", max_size=SHORT), max_size=15)
VOCABULARIES = st.builds(
    Vocabulary.fit, WORDS, order=st.integers(1, 4), marks=st.booleans(), min_count=st.integers(1, 2)
)


@pytest.fixture(autouse=True, scope="module")
def _loops_for_few() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FEW", 0)
        yield


def tree_of(
    vocabulary: Vocabulary, names: Sequence[str], order: Places | None = None
) -> list[Level]:
    """The tree that NumPy makes, which the compiled loops have to make too."""
    text = vocabulary.flatten(names)
    order = by_beginning(text) if order is None else order
    tree = prefix_tree(vocabulary, text, order)
    for mine, theirs in zip(tree, compiled.compiled_tree(vocabulary, text, order), strict=True):
        for column, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(column, other)
    return tree


def path(tree: Sequence[Level], level: int, node: int) -> list[int]:
    """The features of the prefix or name that a node of a level is, the first step first."""
    features = []
    for above in reversed(tree[: level + 1]):
        features.append(int(above.features[node]))
        node = int(above.parents[node])
    return features[::-1]


def alone(vocabulary: Vocabulary, name: str) -> list[int]:
    """The longest n-gram at each step of a name that is read by itself, and at its end mark."""
    text = vocabulary.flatten([name])
    if not name:
        return []
    read = np.append(text.places(), text.ends) if vocabulary.marks else text.places()
    features = [int(feature) for feature in vocabulary.longest(text, read)]
    return features if vocabulary.marks else [*features, NOTHING]


def spelled(tree: Sequence[Level]) -> dict[int, list[int]]:
    """What the tree has for each name that ends in it, by its place in the order given."""
    ends: dict[int, list[int]] = {}
    for d, level in enumerate(tree):
        for name, node in zip(level.names.tolist(), level.ends.tolist(), strict=True):
            assert name not in ends, "a name ends once"
            ends[name] = [*path(tree, d, level.inner + node), int(level.closing[node])]
    return ends


def nodes(tree: Sequence[Level]) -> int:
    return sum(len(level.features) for level in tree)


def prefixes(names: Sequence[str]) -> set[str]:
    """Distinct ones that a name goes on from, and distinct whole names, told apart by END."""
    begun = {name[:t] for name in names for t in range(1, len(name))}
    return begun | {name + END for name in names if name}


@given(VOCABULARIES, WORDS, st.randoms(use_true_random=False))
def test_walking_up_from_its_end_spells_each_name(
    vocabulary: Vocabulary, names: list[str], random: Random
) -> None:
    shuffled = list(range(len(names)))
    random.shuffle(shuffled)
    for order in (by_beginning(vocabulary.flatten(names)), np.array(shuffled, np.intp)):
        ends = spelled(tree_of(vocabulary, names, order))
        for place, name in enumerate(order.tolist()):
            # An empty name ends nowhere.
            assert ends.pop(place, []) == alone(vocabulary, names[name])
        assert not ends


@given(VOCABULARIES, WORDS)
def test_a_level_follows_from_the_one_above(vocabulary: Vocabulary, names: list[str]) -> None:
    above = 1
    for level in tree_of(vocabulary, names):
        n, w = len(level.features), len(level.closing)
        assert level.features.shape == level.parents.shape == (n,)
        assert level.names.shape == level.ends.shape
        assert n > 0
        assert set(level.parents.tolist()) == set(range(above)), "each prefix goes on"
        assert set(level.ends.tolist()) == set(range(w)), "each whole name is some name"
        above = level.inner
    assert above in (0, 1)


@given(VOCABULARIES, SHORT_WORDS)
def test_short_names_have_a_node_for_each_distinct_prefix(
    vocabulary: Vocabulary, names: list[str]
) -> None:
    assert nodes(tree_of(vocabulary, names)) == len(prefixes(names))


@given(VOCABULARIES, WORDS)
def test_there_is_never_a_prefix_too_few_nor_more_nodes_than_steps(
    vocabulary: Vocabulary, names: list[str]
) -> None:
    steps = int(vocabulary.flatten(names).lengths.sum())
    assert len(prefixes(names)) <= nodes(tree_of(vocabulary, names)) <= steps


@pytest.mark.parametrize("marks", [True, False])
def test_equal_names_cost_nothing(marks: bool) -> None:
    names = ["papadopoulos-the-elder", "li", "田中"]
    vocabulary = Vocabulary.fit(names, marks=marks, min_count=1)
    once, thrice = tree_of(vocabulary, names), tree_of(vocabulary, names * 3)
    assert nodes(thrice) == nodes(once)
    ends = spelled(thrice)
    assert sorted(ends) == list(range(9))


@pytest.mark.parametrize("marks", [True, False])
def test_a_name_that_another_begins_with(marks: bool) -> None:
    names = ["ab", "abc", "a", "abd"]
    tree = tree_of(Vocabulary.fit(names, marks=marks, min_count=1), names)
    assert [level.inner for level in tree] == [1, 1, 0]
    assert [len(level.closing) for level in tree] == [1, 1, 2]
    assert [len(level.names) for level in tree] == [1, 1, 2]


@pytest.mark.parametrize("marks", [True, False])
def test_no_names_and_empty_names(marks: bool) -> None:
    vocabulary = Vocabulary.fit(["ab"], marks=marks, min_count=1)
    for names in ([], [""], ["", ""]):
        assert tree_of(vocabulary, names) == []
    mixed = spelled(tree_of(vocabulary, ["", "b", ""], np.arange(3)))
    assert list(mixed) == [1]


def test_a_name_of_one_symbol() -> None:
    vocabulary = Vocabulary(1, False, (), ("a",))
    [level] = tree_of(vocabulary, ["a"])
    assert [column.tolist() for column in level] == [[2], [0], [0], [0], [0]]


def test_characters_with_one_low_byte_stay_apart() -> None:
    vocabulary = Vocabulary.fit(["a", "ա", "š"], order=1, marks=False, min_count=1)
    names = ["ab", "աb", "a", "ա"]
    ends = spelled(tree_of(vocabulary, names, np.arange(4)))
    assert ends == {i: alone(vocabulary, name) for i, name in enumerate(names)}
    assert ends[0] != ends[1]


@given(st.lists(st.text(ALPHABET, max_size=12), max_size=15), st.booleans())
def test_the_order_is_a_permutation_that_brings_equal_beginnings_together(
    names: list[str], marks: bool
) -> None:
    order = by_beginning(Vocabulary(1, marks, (), ()).flatten(names)).tolist()
    assert sorted(order) == list(range(len(names)))
    keys = [[ord(c) & 0xFF for c in names[i][:SORTED_BY]] for i in order]
    groups = [key for key, before in zip(keys, [None, *keys], strict=False) if key != before]
    assert len(groups) == len({tuple(key) for key in keys})
