import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.reference import features
from model.symbols import END, START
from model.text import normalise
from model.vocabulary import Vocabulary

WORDS = st.lists(st.text(alphabet="abcπж田\u0301'", max_size=9), max_size=12)


def test_counts_decide_what_is_learned() -> None:
    vocabulary = Vocabulary.fit(["ab", "ab", "ac"], order=2, marks=False, min_count=2)
    assert vocabulary.grams == ("a", "b", "ab")
    assert vocabulary.scripts == ("LATIN",)


def test_order_one_without_marks_is_the_articles_one_hot() -> None:
    vocabulary = Vocabulary.fit(["cat"], order=1, marks=False, min_count=1)
    ids = vocabulary.encode(["cat", "ta"]).ids
    assert ids.shape == (2, 3, 1)
    assert [vocabulary.features[i] for i in ids[0, :, 0]] == ["c", "a", "t"]
    assert [vocabulary.features[i] for i in ids[1, :, 0]] == ["<nothing>", "t", "a"]


def test_a_character_never_seen_falls_back_to_its_script_and_then_to_unknown() -> None:
    vocabulary = Vocabulary.fit(["田中", "tanaka"], order=2, min_count=1)
    steps = vocabulary.encode(["林ñж"]).ids[0, :, 0]
    assert [vocabulary.features[i] for i in steps] == ["<CJK>", "<LATIN>", "<unknown>"]


@given(WORDS, WORDS, st.integers(1, 4), st.booleans(), st.integers(1, 3))
def test_encoding_equals_looking_up_one_by_one(
    training: list[str], names: list[str], order: int, marks: bool, min_count: int
) -> None:
    training, names = [normalise(n) for n in training], [normalise(n) for n in names]
    vocabulary = Vocabulary.fit(training, order=order, marks=marks, min_count=min_count)
    ids, lengths = vocabulary.encode(names)
    for row, length, name in zip(ids, lengths, names, strict=True):
        steps = features(vocabulary, name)
        assert length == len(steps)
        assert not row[: len(row) - length].any(), "padding stands on the left and is 0"
        assert [sorted(set(step[step > 0])) for step in row[len(row) - length :]] == [
            sorted(step) for step in steps
        ]


def test_nothing_to_encode() -> None:
    vocabulary = Vocabulary.fit(["ab"], min_count=1)
    assert vocabulary.encode([]).ids.shape == (0, 0, 7), "three n-grams, a mark, three n-grams"
    assert Vocabulary.fit([], marks=False).encode(["x"]).ids.tolist() == [[[1, 0, 0]]]


def test_marks_are_read_with_the_first_and_the_last_character() -> None:
    vocabulary = Vocabulary.fit(["ab", "a"], order=2, min_count=1)
    shown = [
        [[vocabulary.features[i] for i in step if i] for step in name]
        for name in vocabulary.encode(["ab", "a"]).ids
    ]
    assert shown == [
        [["a", f"{START}a", START], ["b", "ab", END, f"b{END}"]],
        [[], ["a", f"{START}a", START, END, f"a{END}"]],
    ]


def test_fallback_is_the_script_for_characters_and_nothing_for_ngrams() -> None:
    vocabulary = Vocabulary.fit(["ab"], order=2, marks=False, min_count=1)
    fallback = dict(zip(vocabulary.features, vocabulary.fallback, strict=True))
    assert vocabulary.features[fallback["a"]] == "<LATIN>"
    assert fallback["ab"] == 0


@pytest.mark.parametrize(
    ("order", "grams", "message"),
    [(0, (), "order is 0"), (2, ("abc",), "'abc' has 3 symbols"), (2, ("",), "'' has 0 symbols")],
)
def test_a_wrong_vocabulary_is_refused(order: int, grams: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Vocabulary(order, True, (), grams)


def test_too_many_characters_for_the_order() -> None:
    names = ["".join(map(chr, range(0x4E00, 0x9000)))]
    with pytest.raises(ValueError, match="lower the n-gram order"):
        Vocabulary.fit(names, order=5, min_count=1)


def test_a_vocabulary_survives_json() -> None:
    vocabulary = Vocabulary.fit(["Иванов", "tanaka"], min_count=1)
    fields = {"order": 3, "marks": True, "scripts": list(vocabulary.scripts)}
    restored = Vocabulary.from_dict({**fields, "grams": list(vocabulary.grams)})
    assert restored == vocabulary
    np.testing.assert_array_equal(restored.encode(["иван"]).ids, vocabulary.encode(["иван"]).ids)


def test_the_rarest_ngrams_go_where_there_are_too_many() -> None:
    names = ["abab", "abc", "cd"]
    whole = Vocabulary.fit(names, order=2, marks=False, min_count=1)
    assert whole.grams == ("a", "b", "c", "d", "ab", "ba", "bc", "cd")
    assert Vocabulary.fit(names, order=2, marks=False, min_count=1, most=5).grams == whole.grams[:5]
    least = Vocabulary.fit(names, order=2, marks=False, min_count=1, most=2)
    assert least.grams == ("a", "b"), "of the characters the most frequent"
