"""The make-up of lists from worlds whose make-up is known."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.artifact import load
from model.classifier import Classifier
from model.composition import MOST_NAMES, Composition, composition
from model.context import training_prior

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

C = 6


class World(NamedTuple):
    """Languages whose names are points around a centre, and a model that has seen few of them."""

    centres: Doubles  # (C, 4)
    taken_for: Doubles  # (C, 4), the centres as far as the model knows
    learned: Doubles  # (C,)
    random: np.random.Generator

    @classmethod
    def of(cls, random: np.random.Generator, training: int = 150) -> "World":
        """Two languages are rare; the model is wrong about all, and most about these."""
        centres = random.normal(0, 1.3, (C, 4))
        learned = np.r_[0.03, 0.05, random.dirichlet(np.full(C - 2, 5)) * 0.92]
        error = random.normal(size=(C, 4)) / np.sqrt(np.maximum(training * learned, 3))[:, None]
        return cls(centres, centres + error, learned, random)

    def read(self, languages: NDArray[np.int64]) -> Floats:
        """(N, C) what the model says of a name of each language."""
        names = self.centres[languages] + self.random.normal(size=(len(languages), 4))
        far = ((names[:, None] - self.taken_for) ** 2).sum(axis=2)
        joint = self.learned * np.exp(-far / 2) + 1e-30
        return np.asarray(joint / joint.sum(axis=1, keepdims=True), np.float32)

    def names(self, share: Doubles, n: int) -> Floats:
        """(n, C) what the model says of names drawn from a population."""
        return self.read(self.random.choice(C, n, p=share))

    def confusion(self, held_out: int = 600) -> NDArray[np.int64]:
        """(C, C) of names as frequent as the training's."""
        truth = self.random.choice(C, held_out, p=self.learned)
        pairs = truth * C + self.read(truth).argmax(axis=1)
        return np.bincount(pairs, minlength=C * C).reshape(C, C)


def make_up(random: np.random.Generator) -> Doubles:
    """Shares of which some are 0."""
    share = random.dirichlet(np.ones(C)) * (random.random(C) < 0.6)
    share[random.integers(C)] += 0.1
    return np.asarray(share / share.sum())


@pytest.mark.parametrize("n", [50, 300, 2000])
def test_intervals_hold_the_truth_as_often_as_stated_and_shares_are_nearer(n: int) -> None:
    """On 200 lists, each of another world, whose model is 79 % accurate and not calibrated."""
    random = np.random.default_rng(n)
    held, errors, plain = [], [], []
    for _ in range(200):
        world, share = World.of(random), make_up(random)
        names = world.names(share, n)
        found = composition(names, world.learned, world.confusion(), confidence=0.9)
        # No share is shown finer than a tenth of a percentage point.
        inside = (found.low <= share + 5e-4) & (share <= found.high + 5e-4)
        held.append(inside[share > 0].mean())
        errors.append(np.abs(found.share - share).mean())
        plain.append(np.abs(np.bincount(names.argmax(axis=1), minlength=C) / n - share).mean())
    assert 0.87 <= np.mean(held) <= 0.98
    assert np.mean(errors) < 0.7 * np.mean(plain)


def test_more_names_and_more_validation_say_it_more_exactly() -> None:
    world = World.of(np.random.default_rng(1))
    share, few, many = np.full(C, 1 / C), world.confusion(200), world.confusion(6000)
    short, long = world.names(share, 60), world.names(share, 4000)

    def width(found: Composition) -> float:
        return float((found.high - found.low).mean())

    short_few = composition(short, world.learned, few)
    long_few = composition(long, world.learned, few)
    long_many = composition(long, world.learned, many)
    assert width(short_few) > width(long_few) > width(long_many)
    np.testing.assert_array_equal(long_few.share, long_many.share)


def test_a_subset_has_all_the_shares() -> None:
    world = World.of(np.random.default_rng(2))
    share = np.array([0.0, 0.5, 0.0, 0.5, 0.0, 0.0])
    names, only = world.names(share, 500), share > 0
    free = composition(names, world.learned, world.confusion())
    found = composition(names, world.learned, world.confusion(), only=only)
    assert found.share[only].sum() == pytest.approx(1)
    assert not np.array(found)[:, ~only].any()
    assert np.abs(found.share - share).sum() < np.abs(free.share - share).sum()


def test_the_only_language_that_can_be_has_everything() -> None:
    world = World.of(np.random.default_rng(3))
    only = np.arange(C) == 2
    found = composition(world.names(world.learned, 9), world.learned, world.confusion(), only=only)
    assert np.array(found).tolist() == [only.astype(float).tolist()] * 3


def test_one_sure_name_says_little() -> None:
    sure = np.array([[0.999, 0.001]], np.float32)
    found = composition(sure, np.array([0.5, 0.5]), np.array([[99, 1], [1, 99]]))
    assert found.share[0] > 0.95
    assert found.low[0] < 0.3
    assert found.high[1] > 0.7


def test_what_a_list_has_none_of_may_still_be_there() -> None:
    """The rule of three: of 100 names none says that there are at most 3 to 4 %."""
    sure = np.tile(np.array([[1, 0, 0]], np.float32), (100, 1))
    found = composition(sure, np.full(3, 1 / 3), np.diag([500, 500, 500]))
    np.testing.assert_allclose(found.high[1:], 0.037, atol=0.003)
    assert 0.95 < found.low[0] < 0.99


def test_a_language_that_validation_never_had_is_less_sure() -> None:
    world = World.of(np.random.default_rng(4))
    names, known = world.names(np.full(C, 1 / C), 2000), world.confusion(3000)
    missing = known.copy()
    missing[3] = 0
    before, after = (composition(names, world.learned, counts) for counts in (known, missing))
    np.testing.assert_array_equal(before.share, after.share)
    assert after.high[3] - after.low[3] > 1.5 * (before.high[3] - before.low[3])


def test_the_same_request_has_the_same_answer() -> None:
    world = World.of(np.random.default_rng(5))
    names, counts = world.names(world.learned, 3 * MOST_NAMES), world.confusion()
    first, second = (composition(names, world.learned, counts) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_of_very_many_names_some_stand_for_all() -> None:
    world = World.of(np.random.default_rng(6))
    share = np.array([0.3, 0.0, 0.3, 0.0, 0.4, 0.0])
    names = world.names(share, 10 * MOST_NAMES)
    names = names[names.argmax(axis=1).argsort(kind="stable")]  # sorted, as lists are
    found = composition(names, world.learned, world.confusion())
    near = composition(names[::10], world.learned, world.confusion())
    np.testing.assert_allclose(found.share, near.share, atol=0.02)


def test_the_make_up_by_a_real_model(artifact: Path) -> None:
    classifier = Classifier.load(artifact)
    names = ["Kowalski", "Nowak", "Wiśniewski", "Wójcik", "Kowalczyk", "Kamiński", "Tanaka"]
    found = composition(
        classifier.probabilities(names),
        training_prior(load(artifact)),
        np.array(classifier.artifact.confusion),
    )
    codes = [language.code for language in classifier.languages]
    assert codes[found.share.argmax()] == "pl"
    assert found.low[codes.index("pl")] < 6 / 7 < found.high[codes.index("pl")]


@given(
    st.integers(1, 5),
    st.integers(1, 30),
    st.floats(0.5, 0.99),
    st.integers(0, 2**32 - 1),
)
def test_shares_and_intervals_make_sense(
    languages: int, n: int, confidence: float, seed: int
) -> None:
    """Whatever is asked, certain and impossible names and languages without a row included."""
    random = np.random.default_rng(seed)
    sure = np.eye(languages, dtype=np.float32)[random.integers(languages, size=n)]
    vague = random.dirichlet(np.ones(languages), n).astype(np.float32)
    only = random.random(languages) < 0.7
    only[random.integers(languages)] = True
    found = composition(
        np.where(random.random((n, 1)) < 0.5, sure, vague),
        random.dirichlet(np.ones(languages)) + 1e-3,
        random.integers(0, 20, (languages, languages)) * random.integers(2, size=(languages, 1)),
        only=only,
        confidence=confidence,
        replicates=20,
    )
    assert found.share.sum() == pytest.approx(1)
    assert not np.array(found)[:, ~only].any()
    ordered = np.array([np.zeros(languages), found.low, found.share, found.high])
    assert (np.diff(ordered, axis=0) >= -1e-9).all()
    assert found.high.max() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": np.zeros((0, 2), np.float32)}, "no names; .* at least one"),
        ({"probabilities": np.zeros((3, 3), np.float32)}, r"\(3, 3\); expected \(names, 2\)"),
        ({"confusion": np.ones((3, 3), int)}, r"confusion of shape \(3, 3\); expected \(2, 2\)"),
        ({"learned": np.array([1.0, 0.0])}, "share in training is not above 0"),
        ({"only": np.zeros(2, bool)}, "0 languages that can be; expected some of 2"),
        ({"confidence": 1.0}, "confidence of 1.0; expected between 0 and 1"),
        ({"replicates": 0}, "0 replicates; expected at least 1"),
    ],
)
def test_what_cannot_be_asked(changes: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {
        "probabilities": np.full((3, 2), 0.5, np.float32),
        "learned": np.array([0.5, 0.5]),
        "confusion": np.ones((2, 2), np.int64),
    }
    with pytest.raises(ValueError, match=message):
        composition(**asked | changes)
