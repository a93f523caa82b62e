"""Whether a string looks like a name: the n-gram model, its scales, and the verdict."""

import json
from itertools import product

import numpy as np
import pytest

from model.familiarity import LEAST_NAMES, Familiarity, Reading, Scale
from model.ngrams import NGramModel
from model.symbols import END, START
from model.verdict import JUDGEMENTS, Reason, Verdict, judge
from model.vocabulary import NOTHING, Vocabulary

STEMS = ["kowal", "nowak", "wojcie", "kaczma", "adam", "jan", "stef", "piet", "mark", "luk"]
LATIN = [stem + ending for stem in STEMS for ending in ("ski", "czyk", "owicz", "ewicz", "iak")]
RUSSIAN_STEMS = ["иван", "петр", "павл", "серге", "алексе", "федор"]
RUSSIAN = [stem + ending for stem in RUSSIAN_STEMS for ending in ("ов", "ев", "ин", "енко")]
HAN = ["田中", "鈴木", "山田", "中田", "木村", "村田"]
TRAINING = LATIN[::2] + RUSSIAN[::2] + HAN
VALIDATION = LATIN[1::2] + RUSSIAN[1::2]
WORDS = Vocabulary.fit(TRAINING, min_count=1)


@pytest.fixture(scope="module")
def familiarity() -> Familiarity:
    return Familiarity.fit(WORDS, TRAINING, VALIDATION)


def read(familiarity: Familiarity, *names: str) -> Reading:
    return familiarity.of(names)


def probability(model: NGramModel, name: str) -> float:
    return float(np.exp(-surprisals(model, name).sum()))


def surprisals(model: NGramModel, name: str) -> np.ndarray:
    features = longest(model.vocabulary, name)
    return model.surprisal(features, np.r_[NOTHING, features[:-1]])


def longest(words: Vocabulary, name: str) -> np.ndarray:
    """Of each symbol, the marks among them."""
    text = words.flatten([name])
    return words.longest(text, (text.widened() if words.marks else text).places())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_what_may_come_next_has_probability_one(order: int) -> None:
    names = ["ab", "aab", "b", "abab"]
    model = NGramModel.fit(Vocabulary.fit(names, order=order, min_count=1), names)
    letters = "ab"
    unread = "?"  # "unknown" stands for all that was not learned
    for length in range(3):
        for prefix in map("".join, product(letters, repeat=length)):
            last = [surprisals(model, prefix + c)[-2] for c in letters + unread]
            last.append(surprisals(model, prefix)[-1])
            rare = np.array([model.vocabulary.features.index("<LATIN>")])
            last.append(model.surprisal(rare, longest(model.vocabulary, prefix)[-2:-1])[0])
            assert np.exp(-np.array(last)).sum() == pytest.approx(1)


def test_unigram_probabilities_are_counts_and_a_half() -> None:
    words = Vocabulary(1, False, (), ("a", "b"))
    model = NGramModel.fit(words, ["aab", "a"])
    # a 3, b 1, unknown 0, each and a half
    assert probability(model, "a") == pytest.approx(3.5 / 5.5)
    assert probability(model, "bz") == pytest.approx(1.5 / 5.5 * 0.5 / 5.5)


def test_padding_and_company_change_nothing(familiarity: Familiarity) -> None:
    names = ["jan", "kowalczyk", "qqqq", "иванов", "4", "", "янkow"]
    together = read(familiarity, *names)
    for i, name in enumerate(names):
        alone = read(familiarity, name)
        for column, single in zip(together, alone, strict=True):
            assert column[i] == pytest.approx(single[0])


def test_no_names_no_readings(familiarity: Familiarity) -> None:
    assert [column.shape for column in read(familiarity)] == [(0,), (0,), (0,)]


def test_unseen_names_look_familiar_and_noise_does_not(familiarity: Familiarity) -> None:
    real = read(familiarity, "kowalowicz", "markski", "lukczyk", "алексеенко", "федорин")
    noise = read(familiarity, "xqzv", "qwerty", "zzzzz", "12ab", "jkwqz", "ывапрол", "щщщщ")
    assert real.familiarity.min() > 0.1
    assert noise.familiarity.max() < 0.05


def test_familiarity_is_the_share_of_real_names_that_look_stranger(
    familiarity: Familiarity,
) -> None:
    shares = read(familiarity, *LATIN[1::2]).familiarity
    for share in (0.1, 0.25, 0.5, 0.75):
        assert (shares < share).mean() == pytest.approx(share, abs=0.05)


def test_a_scale_goes_on_below_the_least_familiar_name() -> None:
    symbols = np.full(20, 4.0)
    scale = Scale.fit(np.linspace(8, 16, 20), symbols)
    beyond, far = scale.share(np.array([17.0, 40.0]), np.array([4.0, 4.0]))
    assert 0 < beyond < 1 / 21
    assert far == 0


def test_a_script_with_few_names_is_given_the_benefit_of_the_doubt(
    familiarity: Familiarity,
) -> None:
    assert len(HAN) < LEAST_NAMES
    assert set(familiarity.scales) == {"LATIN", "CYRILLIC"}
    assert read(familiarity, "木木", "田鈴").familiarity.tolist() == [1, 1]


def test_what_has_no_letter_of_a_known_script_is_unreadable(familiarity: Familiarity) -> None:
    reading = read(familiarity, "12345", "!?", "σωκρατης", "", "jan")
    assert reading.readable.tolist() == [False, False, False, False, True]
    assert reading.familiarity[:4].tolist() == [0, 0, 0, 0]


def test_scripts_may_stand_side_by_side_only_as_in_training() -> None:
    kana = ["佐々木", "野々村", "々田", "井ノ上", "木ノ下"] * 2
    words = Vocabulary.fit([*TRAINING, *kana])
    familiarity = Familiarity.fit(words, [*TRAINING, *kana], VALIDATION)
    mixed = read(familiarity, "kowalов", "jаn", "иван ivan", "иван-jan", "井ノ木", "野々木").mixed
    assert mixed.tolist() == [True, True, False, False, False, False]


def test_json_and_back_gives_the_same_readings(familiarity: Familiarity) -> None:
    fields = json.loads(json.dumps(familiarity.to_dict()))
    again = Familiarity.from_dict(fields, WORDS)
    names = [*VALIDATION, "xqzv", "42"]
    np.testing.assert_array_equal(read(again, *names).familiarity, read(familiarity, *names)[0])


def test_counts_of_another_vocabulary_are_refused(familiarity: Familiarity) -> None:
    fields = familiarity.to_dict()
    other = Vocabulary(2, True, (), (START, END, "a"))
    with pytest.raises(ValueError, match="expected one for each of the 5 features"):
        Familiarity.from_dict(fields, other)


def test_the_gravest_reason_decides() -> None:
    reading = Reading(
        familiarity=np.array([0.0, 0.0, 0.01, 0.3, 0.9]),
        readable=np.array([False, True, True, True, True]),
        mixed=np.array([False, True, False, False, False]),
    )
    sets = np.array([[True, False], [True, True], [True, False], [True, True], [False, True]])
    assert [JUDGEMENTS[place] for place in judge(reading, sets)] == [
        (Verdict.UNKNOWN, Reason.UNREADABLE_SCRIPT),
        (Verdict.UNKNOWN, Reason.MIXED_SCRIPTS),
        (Verdict.UNKNOWN, Reason.UNFAMILIAR_SPELLING),
        (Verdict.AMBIGUOUS, Reason.SEVERAL_LANGUAGES),
        (Verdict.CONFIDENT, Reason.ONE_LANGUAGE),
    ]
    lax = judge(reading, sets, least_familiarity=0.005)
    assert JUDGEMENTS[lax[2]].verdict == Verdict.CONFIDENT
