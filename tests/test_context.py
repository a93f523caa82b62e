import dataclasses
from collections.abc import Mapping
from pathlib import Path

import langcodes
import numpy as np
import pytest

from model.artifact import Language, load
from model.context import GROUPS, Context, Doubles, training_prior

LANGUAGES = (
    Language("en", "English", "eng"),
    Language("ga", "Irish", "gle"),
    Language("es", "Spanish", "spa"),
    Language("pt-BR", "Brazilian Portuguese", "por"),
    Language("Scottish", "Scottish"),
)
SHARES = np.array([0.4, 0.2, 0.2, 0.1, 0.1])
P = np.array([[0.5, 0.1, 0.2, 0.1, 0.1], [0.0, 0.0, 0.7, 0.3, 0.0]], np.float32)


def context(**asked: object) -> Context:
    return Context.of(LANGUAGES, SHARES, **asked)  # type: ignore[arg-type]


def test_the_posterior_of_a_world_with_other_shares() -> None:
    """Bayes' rule in a world of three spellings, whose likelihoods are known."""
    likelihood = np.random.default_rng(0).dirichlet(np.ones(3), size=5).T  # (spellings, C)
    here = {"en": 1, "ga": 4, "es": 2, "pt-BR": 2, "Scottish": 1}

    def posterior(shares: Doubles) -> Doubles:
        joint = likelihood * shares
        return np.asarray(joint / joint.sum(axis=1, keepdims=True))

    adjusted = context(prior=here).adjust(posterior(SHARES).astype(np.float32))
    expected = posterior(np.array([here[language.code] for language in LANGUAGES]) / 10)
    np.testing.assert_allclose(adjusted, expected, atol=1e-6)


def test_no_context_changes_nothing() -> None:
    np.testing.assert_allclose(context().adjust(P), P, atol=1e-7)


def test_a_subset_shares_out_what_the_others_had() -> None:
    adjusted = context(only=["ENG", "irish"]).adjust(P[:1])
    np.testing.assert_allclose(adjusted, [[5 / 6, 1 / 6, 0, 0, 0]], atol=1e-6)


def test_a_row_without_probability_in_the_subset_falls_back_to_the_prior() -> None:
    adjusted = context(only=["en", "ga"]).adjust(P)
    np.testing.assert_allclose(adjusted[1], [2 / 3, 1 / 3, 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("group", "codes"),
    [
        ("british ISLES", {"en", "ga", "Scottish"}),
        ("Iberian", {"es", "pt-BR"}),
        (" Celtic ", {"ga"}),
    ],
)
def test_a_group_is_its_languages_that_the_model_knows(group: str, codes: set[str]) -> None:
    prior = context(only=[group]).prior
    assert {lang.code for lang, r in zip(LANGUAGES, prior, strict=True) if r} == codes


def test_within_a_group_the_models_judgement_stays() -> None:
    adjusted = context(prior={"British Isles": 1, "Iberian": 9}).adjust(P[:1])[0]
    assert adjusted[0] / adjusted[1] == pytest.approx(P[0, 0] / P[0, 1])
    assert adjusted[2] / adjusted[3] == pytest.approx(P[0, 2] / P[0, 3])
    assert adjusted.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        ({"es": 1, "*": 1}, [0.25, 0.125, 0.5, 0.0625, 0.0625]),
        ({"*": 3, "es": 3}, [0.25, 0.125, 0.5, 0.0625, 0.0625]),
        ({"es": 2, "pt-br": 1}, [0, 0, 2 / 3, 1 / 3, 0]),
        ({"Iberian": 3, "pt-BR": 1}, [0, 0, 0.5, 0.5, 0]),
        ({" Each": 7}, [0.2, 0.2, 0.2, 0.2, 0.2]),
        ({"Iberian": 6, "each": 2}, [1 / 6, 1 / 6, 1 / 3, 1 / 6, 1 / 6]),
        ({"es": 4, "each": 1, "*": 8}, [0.3125, 0.1875, 0.25, 0.125, 0.125]),
    ],
)
def test_how_a_prior_is_written(prior: Mapping[str, float], expected: list[float]) -> None:
    np.testing.assert_allclose(context(prior=prior).prior, expected)


def test_a_prior_within_a_subset() -> None:
    assert context(prior={"es": 3, "en": 1}, only=["es"]).prior.tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"only": ["Spansh"]}, "unknown language or group 'Spansh'; the nearest known: Spanish"),
        ({"prior": {"Brit Isles": 1}}, "'Brit Isles'; the nearest known: British Isles"),
        ({"only": ["%"]}, "'%'; expected one of en, ga, es, pt-BR, Scottish, or a group: Balt"),
        ({"only": ["Baltic"]}, "knows no language of 'Baltic': lt, lv"),
        ({"only": []}, "empty subset of languages; expected at least one"),
        ({"prior": {}}, "no language has any weight"),
        ({"prior": {"en": 0}}, "no language has any weight"),
        ({"prior": {"en": 1}, "only": ["es"]}, "no language has any weight"),
        ({"prior": {"en": -0.5}}, "the prior of 'en' is -0.5; expected a number from 0 up"),
        ({"prior": {"*": float("nan")}}, "'\\*' is nan; expected a number from 0 up"),
        ({"prior": {"en": float("inf")}}, "'en' is inf; expected a number from 0 up"),
    ],
)
def test_a_context_that_makes_no_sense(asked: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        context(**asked)


def test_rows_add_up_to_1_whatever_their_number() -> None:
    rows = np.random.default_rng(1).dirichlet(np.ones(5), 500).astype(np.float32)
    adjusted = context(prior={"Iberian": 1, "*": 1e-9}).adjust(rows)
    np.testing.assert_allclose(adjusted.sum(axis=1), 1, atol=1e-6)
    assert context().adjust(rows[:0]).shape == (0, 5)


def test_a_context_of_another_model() -> None:
    with pytest.raises(ValueError, match="a prior of 2 languages; the model has 5"):
        Context(np.ones(2) / 2, SHARES)
    with pytest.raises(ValueError, match="share in training is not above 0"):
        Context.of(LANGUAGES, np.array([1, 1, 1, 1, 0.0]))


def test_the_training_prior_is_the_records_share_of_names(artifact: Path) -> None:
    model = load(artifact)
    with pytest.raises(ValueError, match="does not count the names of el, ja, pl, ru"):
        training_prior(dataclasses.replace(model, data={}))
    counts = {code: {"names": n} for code, n in {"el": 1, "ja": 2, "pl": 3, "ru": 4}.items()}
    counted = dataclasses.replace(model, data={"languages": counts})
    np.testing.assert_allclose(training_prior(counted), [0.1, 0.2, 0.3, 0.4])
    even = dataclasses.replace(counted, training={"relief": 1.0})
    np.testing.assert_allclose(training_prior(even), [0.25] * 4)
    half = training_prior(dataclasses.replace(counted, training={"relief": 0.5}))
    np.testing.assert_allclose(half / half[0], np.sqrt([1, 2, 3, 4]))


def test_the_groups_hold_tags_of_languages() -> None:
    for group, codes in GROUPS.items():
        for code in codes - {"scottish"}:
            assert langcodes.Language.get(code).is_valid(), f"{code} of {group}"
            assert "Unknown" not in langcodes.Language.get(code).display_name()
