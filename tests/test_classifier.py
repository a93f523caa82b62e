"""What is served, against the reference recurrence, one record and one symbol at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model import reference
from model.artifact import ArtifactError, load, save
from model.classifier import MOST_PART, Classifier, check_name
from model.rnn import RNN
from model.text import normalise

NAMES = [
    "Kowalski",
    "Li",
    "Παπαδόπουλος",
    "Иванов",
    "田中",
    "O'Neill",
    "Ñandú-Gómez",
    "x" * 100,
    "k",
]


@pytest.fixture(scope="module")
def classifier(artifact: Path) -> Classifier:
    return Classifier.load(artifact)


def by_reference(classifier: Classifier, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    model = classifier.artifact
    W, U, V = (matrix.astype(np.float64) for matrix in (model.W, model.U, model.V))
    read = reference.states(W, U, reference.features(model.vocabulary, normalise(name)))
    *_, h = np.zeros(len(W)), *read
    return reference.probabilities(V, h, model.temperature)


def test_a_batch_equals_one_at_a_time_equals_the_reference(classifier: Classifier) -> None:
    batch = classifier.probabilities(NAMES)
    for name, row in zip(NAMES, batch, strict=True):
        np.testing.assert_allclose(row, classifier.probabilities([name])[0], atol=1e-5)
        np.testing.assert_allclose(row, by_reference(classifier, name), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(names=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=20))
def test_whatever_the_names(classifier: Classifier, names: list[str]) -> None:
    batch = classifier.probabilities(names)
    np.testing.assert_allclose(batch.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(batch[-1], by_reference(classifier, names[-1]), atol=1e-5)


def test_more_names_than_a_tree_has_come_back_in_order(classifier: Classifier) -> None:
    names = NAMES * (MOST_PART // len(NAMES) + 2)
    batch = classifier.probabilities(names)
    np.testing.assert_allclose(batch[: len(NAMES)], batch[len(NAMES) : 2 * len(NAMES)], atol=1e-5)
    np.testing.assert_allclose(batch[-len(NAMES) :], batch[: len(NAMES)], atol=1e-5)


def test_numpy_and_torch_agree(classifier: Classifier, artifact: Path) -> None:
    model = load(artifact)
    rnn = RNN(len(model.vocabulary), len(model.W), len(model.V))
    with torch.no_grad():
        rnn.W.copy_(torch.from_numpy(model.W))
        rnn.U.copy_(torch.from_numpy(model.U.T))
    ids = model.vocabulary.encode([normalise(name) for name in NAMES]).ids
    h = rnn.embed(torch.from_numpy(ids)).detach().numpy()
    np.testing.assert_allclose(classifier.embed(NAMES), h, atol=1e-5)


def test_no_names_give_no_answers(classifier: Classifier) -> None:
    assert classifier.classify([]) == []
    assert classifier.probabilities([]).shape == (0, 4)


def test_answers_are_ranked_and_echo_the_name(classifier: Classifier) -> None:
    [answer, short] = classifier.classify(["KOWALSKI", "田中"]), classifier.classify(["田中"], 2)
    probabilities = [language["probability"] for language in answer[0]["languages"]]
    assert answer[0]["name"] == "KOWALSKI"
    assert answer[0]["languages"][0]["language"] == "Polish"
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(probabilities) == 4
    assert len(short[0]["languages"]) == 2
    assert short[0]["languages"][0]["code"] == "ja"


def test_every_answer_says_how_far_to_rely_on_it(classifier: Classifier) -> None:
    known, noise, script = classifier.classify(["Kowalski", "qqxzjqq", "ქართველი"])
    assert (known["verdict"], known["reason"]) in {
        ("confident", "one_language"), ("ambiguous", "several_languages"),
    }  # fmt: skip
    assert known["set"][0] == known["languages"][0]["code"]
    assert (script["verdict"], script["reason"]) == ("unknown", "unreadable_script")
    assert noise["set"], "a set is never empty"


def test_a_wider_coverage_gives_no_smaller_sets(classifier: Classifier) -> None:
    narrow = classifier.judge(NAMES, coverage=0.5).sets
    wide = classifier.judge(NAMES, coverage=0.99).sets
    assert (narrow <= wide).all()


def test_an_explanation_is_the_answer_and_its_grounds(classifier: Classifier) -> None:
    [answer], [explained] = classifier.classify(["Nowak"]), classifier.explain(["Nowak"])
    assert {key: explained[key] for key in answer} == answer  # type: ignore[literal-required]
    assert explained["on_lists"] == {"pl": 1}
    assert explained["nearest"] is not None
    assert explained["nearest"][0]["name"] == "Nowak"
    last = {x["code"]: x["probability"] for x in explained["trace"][-1]["languages"]}
    assert last == pytest.approx(
        {x["code"]: x["probability"] for x in answer["languages"]}, abs=1e-5
    )
    grams = explained["trace"][1]["grams"]  # of "o"
    assert [gram["text"] for gram in grams][:2] == ["o", "no"]
    assert all(len(gram["push"]) == 3 for gram in grams)


def test_without_evidence_no_training_name_is_told(artifact: Path) -> None:
    [explained] = Classifier(load(artifact)).explain(["Nowak"])
    assert explained["on_lists"] is None
    assert explained["nearest"] is None


def test_a_model_that_was_never_calibrated_gives_no_verdict(artifact: Path) -> None:
    bare = Classifier(replace(load(artifact), conformal=None))
    assert bare.probabilities(["Nowak"]).shape == (1, 4)
    with pytest.raises(ArtifactError, match="never calibrated"):
        bare.classify(["Nowak"])


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "\ud800"])
def test_a_name_with_nothing_to_read_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="without a readable character"):
        check_name(name)


def test_a_name_that_is_too_long_is_refused_with_its_length() -> None:
    check_name("x" * 100)
    with pytest.raises(ValueError, match="101 characters; expected at most 100"):
        check_name("x" * 101)


def test_a_model_that_answers_otherwise_than_when_it_was_stored_is_refused(
    artifact: Path, tmp_path: Path
) -> None:
    model = load(artifact)
    assert model.smoke
    wrong = [[1 - p for p in row] for row in model.smoke["probabilities"]]
    changed = replace(model, smoke={**model.smoke, "probabilities": wrong}, evidence_sha256=None)
    save(changed, tmp_path / "changed")
    save(replace(changed, smoke=None), tmp_path / "before")

    with pytest.raises(ArtifactError, match="away from the one in its record"):
        Classifier.load(tmp_path / "changed")
    assert Classifier.load(tmp_path / "before").classify(["Nowak"]), "models of before have none"
