"""What the model thought on the way, against the reference recurrence."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model import reference
from model.artifact import Artifact, load
from model.classifier import Classifier
from model.symbols import START
from model.text import normalise
from model.trace import display, trace
from model.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def model(artifact: Path) -> Artifact:
    return dataclasses.replace(load(artifact), temperature=1.3)


@pytest.mark.parametrize("name", ["Kowalski", "Ñandú-Gómez", "Ивановъ", "丰", "한", "x" * 100])
def test_every_step_equals_the_reference(model: Artifact, name: str) -> None:
    W, U, V = (matrix.astype(np.float64) for matrix in (model.W, model.U, model.V))
    features = reference.features(model.vocabulary, normalise(name))
    states = list(reference.states(W, U, features))
    steps = trace(model, name).steps
    assert len(steps) == len(normalise(name)), "a step for each character, none for the marks"
    for step, ids, h in zip(steps, features, states, strict=True):
        np.testing.assert_allclose(step.h, h, atol=1e-5)
        np.testing.assert_allclose(step.column_sum, U[:, ids].sum(axis=1), atol=1e-5)
        expected = reference.probabilities(V, h, model.temperature)
        np.testing.assert_allclose(step.probabilities, expected, atol=1e-5)


def test_the_last_step_is_the_answer(model: Artifact) -> None:
    classifier, found = Classifier(model), trace(model, "Kowalski")
    np.testing.assert_allclose(found.embedding, classifier.embed(["Kowalski"])[0], atol=1e-5)
    expected = classifier.probabilities(["Kowalski"])[0]
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)


def test_symbols_and_ngrams_are_shown_readably(model: Artifact) -> None:
    steps = trace(model, "Wój").steps
    assert [step.symbol for step in steps] == ["w", "o", "◌́", "j"]
    assert [gram.text for gram in steps[2].grams] == ["◌́", "ó", "wó"]
    assert [gram.text for gram in steps[0].grams] == ["w", "⊢w", "⊢"]
    assert [gram.text for gram in steps[3].grams] == ["j", "◌́j", "ój", "⊣"]
    assert display(START + "s\u0327a") == "⊢şa"


def test_a_character_that_was_not_learned_is_shown_as_its_script(model: Artifact) -> None:
    [step] = trace(model, "丰").steps
    assert step.symbol == "丰"
    assert [gram.text for gram in step.grams] == ["<CJK>", "⊢", "⊣"]


def test_the_push_of_an_ngram_is_what_its_column_adds_to_the_logits(model: Artifact) -> None:
    identity = np.eye(4, dtype=np.float32)
    vocabulary = Vocabulary(2, False, (), ("a", "b", "ab"))
    U = np.zeros((4, 5), np.float32)
    U[2, 2], U[3, 4] = 3.0, 4.0  # "a" speaks for class 2, "ab" for class 3
    plain = Artifact(identity, U, identity, vocabulary, model.languages, temperature=2.0)
    first, second = trace(plain, "ab").steps
    [a], [_, ab] = first.grams, second.grams
    assert (a.text, a.norm, ab.text, ab.norm) == ("a", 3.0, "ab", 4.0)
    np.testing.assert_allclose(a.push, [-0.375, -0.375, 1.125, -0.375])
    np.testing.assert_allclose(ab.push, [-0.5, -0.5, -0.5, 1.5])
    assert [step.symbol for step in (first, second)] == ["a", "b"], "this model has no marks"


def test_a_name_with_nothing_to_read(model: Artifact) -> None:
    with pytest.raises(ValueError, match="without a readable character"):
        trace(model, "\u200b ")
