"""The spelling models against the obvious computation, and for what they must know."""

import numpy as np
import pytest

from model.symbols import END, START
from model.vocabulary import Vocabulary
from pipeline.batches import Examples
from pipeline.spelling import ORDER, Floats, SpellingModels

NAMES = ["kowalski", "nowak", "zielinski", "papadopoulos", "georgiou", "nikolaidis"]
TARGETS = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)
SHARED = Examples([*NAMES, "makris"], np.vstack([TARGETS, [[0.25, 0.75]]]).astype(np.float32))


@pytest.fixture(scope="module")
def models() -> SpellingModels:
    return SpellingModels.fit(SHARED)


def p(models: SpellingModels, context: str, symbol: str) -> Floats:
    """(C,) of a symbol after others, by the definition of interpolation."""
    place = {feature: i for i, feature in enumerate(models.vocabulary.features)}
    if (gram := context + symbol) in place:
        return np.asarray(np.exp(models.log_p[place[gram]]))
    backoff = models.log_backoff[place[context]] if context in place else np.float32(0)
    return np.asarray(np.exp(backoff) * p(models, context[1:], symbol))


def test_what_can_follow_a_context_adds_up_to_one(models: SpellingModels) -> None:
    """Over the whole alphabet, after contexts of each length, seen by a language or not."""
    features = models.vocabulary.features
    alphabet = [f for f in features if len(f) == 1 and f != START]
    for context in ("", START, "k", "ski", "owa", "pou", "zzz"):
        total = sum(p(models, context, symbol) for symbol in alphabet)
        np.testing.assert_allclose(total, 1, atol=1e-5)


@pytest.mark.parametrize("name", ["nowak", "kowinski", "a"])
def test_a_name_is_as_likely_as_its_symbols_one_after_the_other(
    models: SpellingModels, name: str
) -> None:
    symbols = START + name + END
    expected = models.log_prior + sum(
        np.log(p(models, symbols[max(0, i + 1 - ORDER) : i], symbols[i]))
        for i in range(1, len(symbols))
    )
    np.testing.assert_allclose(models.logits([name])[0], expected, rtol=1e-4)


def test_another_vocabulary_gets_what_it_shares(models: SpellingModels) -> None:
    other = Vocabulary.fit(["nowak", "xu"], order=5, min_count=1)
    columns = dict(zip(other.features, models.columns_for(other), strict=True))
    own = dict(zip(models.vocabulary.features, models.columns, strict=True))
    np.testing.assert_array_equal(columns["owa"], own["owa"])
    assert not columns["nowak"].any(), "longer than any of theirs"
    assert not columns["xu"].any(), "in none of their names"


def test_a_batch_is_each_name_alone(models: SpellingModels) -> None:
    names = ["kowal", "a", "dopoulos-ski", "иванов"]
    alone = np.concatenate([models.logits([name]) for name in names])
    np.testing.assert_allclose(models.logits(names), alone, rtol=1e-5)
    assert models.logits([]).shape == (0, 2)


def test_unseen_names_go_to_the_language_that_spells_so(models: SpellingModels) -> None:
    logits = models.logits(["kowinski", "papageorgiou"])
    assert logits.argmax(axis=1).tolist() == [0, 1]


def test_what_no_training_name_has_tells_nothing(models: SpellingModels) -> None:
    known = models.logits(["nowak"])
    strange = models.logits(["漢", "漢漢"])
    assert np.isfinite(strange).all()
    assert np.ptp(strange[1]) < np.ptp(known[0])


def test_a_shared_name_counts_by_its_shares() -> None:
    assert SpellingModels.fit(SHARED).vocabulary.order == ORDER
    even, uneven = (
        SpellingModels.fit(Examples(SHARED.names, np.vstack([TARGETS, [shares]])))
        for shares in (
            np.array([0.5, 0.5], np.float32),
            np.array([0.01, 0.99], np.float32),
        )
    )
    assert np.diff(uneven.logits(["makris"])) > np.diff(even.logits(["makris"]))
