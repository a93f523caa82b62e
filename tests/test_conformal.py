"""Conformal sets: they cover as often as they say, group by group, and are never empty."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from model.conformal import LEAST_ROWS, Conformal, groups_by_size

C = 6
GROUPS = (0, 0, 0, 1, 1, 1)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def overconfident(rows: int, seed: int) -> tuple[Floats, Integers]:
    """Probabilities of a model that is too sure, the more so of languages 0 to 2; the truth."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, C, rows)
    signal = np.where(truth < 3, 1.0, 3.0)
    logits = random.normal(0, 1.5, (rows, C))
    logits[np.arange(rows), truth] += signal
    p = np.exp(2 * logits)
    return p / p.sum(axis=1, keepdims=True), truth


@pytest.fixture(scope="module")
def conformal() -> Conformal:
    return Conformal.fit(*overconfident(4000, seed=0), GROUPS)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95, 0.99])
def test_each_group_is_covered_as_often_as_asked(conformal: Conformal, coverage: float) -> None:
    probabilities, truth = overconfident(20_000, seed=1)
    hit = conformal.sets(probabilities, coverage)[np.arange(len(truth)), truth]
    best = probabilities.argmax(axis=1) == truth
    for of in (truth < 3, truth >= 3):
        # The best language is always in, so coverage does not fall below accuracy.
        assert hit[of].mean() == pytest.approx(max(coverage, best[of].mean()), abs=0.02)


def test_one_group_for_all_would_leave_the_hard_languages_uncovered() -> None:
    probabilities, truth = overconfident(20_000, seed=1)
    pooled = Conformal.fit(*overconfident(4000, seed=0), (0,) * C)
    hit = pooled.sets(probabilities, 0.9)[np.arange(len(truth)), truth]
    assert hit.mean() == pytest.approx(0.9, abs=0.02)
    assert hit[truth < 3].mean() < 0.87


def test_sets_grow_with_the_coverage(conformal: Conformal) -> None:
    probabilities, _ = overconfident(500, seed=2)
    nested = [conformal.sets(probabilities, coverage) for coverage in (0.5, 0.75, 0.905, 0.99)]
    for smaller, larger in pairwise(nested):
        assert (smaller <= larger).all()
        assert smaller.sum() < larger.sum()


@given(arrays(np.float32, (5, C), elements=st.floats(0, 1, width=32)), st.floats(0.5, 0.99))
def test_no_set_is_empty_and_the_best_is_in_it(p: NDArray[np.float32], coverage: float) -> None:
    sets = Conformal.fit(*overconfident(200, seed=3), GROUPS).sets(p, coverage)
    assert sets[np.arange(5), p.argmax(axis=1)].all()


def test_no_names_no_sets(conformal: Conformal) -> None:
    assert conformal.sets(np.zeros((0, C))).shape == (0, C)


def test_too_few_rows_for_a_coverage_let_every_language_in() -> None:
    p, truth = overconfident(18, seed=0)
    few = Conformal.fit(p, truth, (0,) * C)
    assert few.sets(p, 0.95).all()  # 0.95 of 19 is the 19th of 18 rows
    assert not few.sets(p, 0.9).all()
    assert Conformal.fit(p[:0], truth[:0], GROUPS).sets(p, 0.5).all()


@pytest.mark.parametrize("coverage", [0.0, 0.49, 0.995, 1.0, float("nan")])
def test_a_coverage_that_was_not_calibrated_is_refused(
    conformal: Conformal, coverage: float
) -> None:
    with pytest.raises(ValueError, match=r"expected 0\.5 to 0\.99"):
        conformal.sets(np.zeros((1, C)), coverage)


def test_json_and_back(conformal: Conformal) -> None:
    assert Conformal.from_dict(json.loads(json.dumps(conformal.to_dict()))) == conformal


def test_languages_are_grouped_by_size() -> None:
    training = np.array([900, 10, 50, 700, 20, 80, 300, 5])
    enough = np.full(8, LEAST_ROWS)
    assert groups_by_size(training, enough) == (3, 0, 1, 3, 1, 2, 2, 0)


def test_groups_too_small_to_calibrate_are_merged() -> None:
    training = np.array([900, 10, 50, 700, 20, 80, 300, 5])
    half = np.full(8, LEAST_ROWS // 4 + 1)
    assert groups_by_size(training, half) == (1, 0, 0, 1, 0, 1, 1, 0)
    assert groups_by_size(training, np.ones(8, np.int64)) == (0,) * 8
