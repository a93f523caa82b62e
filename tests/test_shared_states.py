"""Names scored together, in parts and blocks, against the reference one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model import classifier as fast
from model import compiled as loops
from model import reference, states, threads
from model.artifact import Artifact, Language
from model.classifier import Classifier
from model.compiled import CompiledStates
from model.states import States
from model.text import normalise
from model.vocabulary import Vocabulary

H, C = 12, 5
BOTH = pytest.mark.parametrize("kind", [States, CompiledStates])
WORDS = st.lists(st.text("abcž田\u0301 ա", max_size=12), max_size=40)
FITTED = st.builds(
    Vocabulary.fit,
    st.lists(st.text("abcž田", max_size=9).map(normalise), max_size=12),
    order=st.integers(1, 4),
    marks=st.booleans(),
    min_count=st.integers(1, 3),
)
GRAMS = st.sets(st.text("abc", min_size=2, max_size=4), max_size=12)


def handmade(grams: set[str], marks: bool) -> Vocabulary:
    """Some n-grams of a, b and c, whatever they end in."""
    return Vocabulary(4, marks, ("LATIN",), ("a", "b", "c", *sorted(grams, key=len)))


VOCABULARIES = FITTED | st.builds(handmade, GRAMS, st.booleans())


@pytest.fixture(autouse=True, scope="module")
def _small_parts() -> Iterator[None]:
    """So that a few names are worked on by three threads, in several parts and blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "cores", lambda: 3)
        for module, constant, value in (
            (states.States, "least_part", 4),
            (loops.CompiledStates, "least_part", 4),
            (fast, "MOST_PART", 5),
            (states, "BLOCK", 2),
            (loops, "BLOCK", 2),
            (loops, "FEW", 1),
        ):
            patch.setattr(module, constant, value)
        yield


def random_model(vocabulary: Vocabulary) -> Artifact:
    random = np.random.default_rng(len(vocabulary))
    W, U, V = (
        random.normal(0, 0.3, shape).astype(np.float32)
        for shape in ((H, H), (H, len(vocabulary)), (C, H))
    )
    U[:, 0] = 0
    languages = tuple(Language(str(c), str(c)) for c in range(C))
    return Artifact(W, U, V, vocabulary, languages, temperature=0.7)


def one_by_one(model: Artifact, names: Sequence[str]) -> NDArray[np.float64]:
    """h_T (N, H) of names as they are typed."""
    W, U = model.W.astype(float), model.U.astype(float)
    last = np.zeros((len(names), H))
    for row, name in zip(last, names, strict=True):
        for h in reference.states(W, U, reference.features(model.vocabulary, normalise(name))):
            row[:] = h
    return last


@BOTH
@settings(deadline=None)
@given(vocabulary=VOCABULARIES, names=WORDS)
def test_a_batch_is_what_the_reference_says_of_each_name(
    kind: type[States], vocabulary: Vocabulary, names: list[str]
) -> None:
    model = random_model(vocabulary)
    h = one_by_one(model, names)
    p = [reference.probabilities(model.V.astype(float), row, model.temperature) for row in h]
    classifier = Classifier(model, states=kind)
    np.testing.assert_allclose(classifier.embed(names), h, atol=1e-5)
    expected = np.array(p).reshape(len(names), C)
    np.testing.assert_allclose(classifier.probabilities(names), expected, atol=1e-5)


@pytest.mark.parametrize("size", [0, 1, 2, 5, 9, 10, 200])
@pytest.mark.parametrize("marks", [True, False])
@BOTH
def test_whatever_the_size(kind: type[States], size: int, marks: bool) -> None:
    random = np.random.default_rng(size)
    names = ["".join(random.choice([*"abcd田"], random.integers(0, 14))) for _ in range(size)]
    model = random_model(Vocabulary.fit(names[::2], marks=marks))
    h = Classifier(model, states=kind).embed(names)
    assert h.shape == (size, H)
    assert h.dtype == np.float32
    np.testing.assert_allclose(h, one_by_one(model, names), atol=1e-5)


@BOTH
@settings(deadline=None)
@given(
    vocabulary=VOCABULARIES, names=WORDS, company=WORDS, random=st.randoms(use_true_random=False)
)
def test_order_and_company_change_no_answer(
    kind: type[States], vocabulary: Vocabulary, names: list[str], company: list[str], random: Random
) -> None:
    classifier = Classifier(random_model(vocabulary), states=kind)
    among = [*names, *company, *names]
    order = list(range(len(among)))
    random.shuffle(order)
    shuffled = np.empty((len(among), C), np.float32)
    shuffled[order] = classifier.probabilities([among[i] for i in order])
    given_alone = classifier.probabilities(names)
    for place in (0, len(among) - len(names)):
        there = shuffled[place : place + len(names)]
        np.testing.assert_allclose(there, given_alone, rtol=1e-6, atol=3e-6)


def test_a_gram_whose_shorter_ending_was_not_learned_still_counts_its_last_character() -> None:
    model = random_model(Vocabulary(3, False, (), ("a", "b", "c", "abc")))
    [h] = Classifier(model).embed(["abc"])
    U = model.U.astype(float)
    states = reference.states(model.W.astype(float), U, [[2], [3], [4, 5]])
    np.testing.assert_allclose(h, list(states)[-1], atol=1e-6)


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    classifier = Classifier(random_model(Vocabulary(1, False, (), ("a",))))
    with pytest.raises(TypeError, match="NoneType"):
        classifier.probabilities(["a"] * 20 + [None])  # type: ignore[list-item]


def test_a_model_is_left_as_it_is() -> None:
    model = random_model(Vocabulary(2, False, (), ("a", "b", "ab")))
    by_features = np.ascontiguousarray(model.U.T)
    model = replace(model, U=by_features.T)  # laid out as the classifier wants it
    before = model.U.copy()
    Classifier(model)
    np.testing.assert_array_equal(model.U, before)
