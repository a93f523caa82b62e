"""A committee that knows the answer teaches a network, on names that their endings give away."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_train import HELD_OUT, TRAINING

from model.vocabulary import NOTHING, Vocabulary
from pipeline.batches import Examples
from pipeline.committee import LABEL_SHARE, READINGS, RELIEF, convene, lesson, linear_part
from pipeline.distil import as_classifier, distil
from pipeline.recipe import FEW_NAMES, OF_FEW, USUAL, Recipe, Teaching
from pipeline.train import Epoch, Trained, train

RECIPE = Recipe(hidden=16, batch=8, epochs=20, learning_rate=0.02, teachers=2)
WORDS = Vocabulary.fit(TRAINING.names, min_count=1)


def run(recipe: Recipe = RECIPE, seen: list[Epoch] | None = None) -> Trained:
    on_epoch = seen.append if seen is not None else lambda epoch: None
    return distil(TRAINING, HELD_OUT, WORDS, recipe, device="cpu", on_epoch=on_epoch)


def test_the_pupil_learns_what_there_is_to_learn_and_the_curve_is_its_own() -> None:
    seen: list[Epoch] = []
    trained = run(seen=seen)
    assert trained.curve[-1].validation_accuracy == 1.0
    assert {epoch.network for epoch in seen} == {"teacher 1", "teacher 2", "pupil"}
    assert trained.curve == [epoch for epoch in seen if epoch.network == "pupil"]
    assert len(trained.curve) == OF_FEW.passes


def test_a_seed_decides_everything() -> None:
    first, same, other = run(), run(), run(replace(RECIPE, seed=9))
    for name in "WUV":
        np.testing.assert_array_equal(getattr(first, name), getattr(same, name))
    assert not np.array_equal(first.U, other.U)


def test_without_teachers_it_is_plain_training() -> None:
    alone = replace(RECIPE, teachers=0)
    plain = train(TRAINING, HELD_OUT, WORDS, alone, device="cpu")
    np.testing.assert_array_equal(run(alone).U, plain.U)


def test_the_number_of_threads_is_as_before() -> None:
    before = torch.get_num_threads()
    run()
    assert torch.get_num_threads() == before


def test_a_committee_is_one_voice_of_several() -> None:
    networks = [
        as_classifier(train(TRAINING, HELD_OUT, WORDS, RECIPE.of_teacher(n), device="cpu"), WORDS)
        for n in range(2)
    ]
    committee = convene(networks, TRAINING, HELD_OUT)
    belief = committee.believe(HELD_OUT.names)
    assert belief.dtype == np.float32
    np.testing.assert_allclose(belief.sum(axis=1), 1, rtol=1e-5)
    assert (belief.argmax(axis=1) == HELD_OUT.targets.argmax(axis=1)).all()
    taught = lesson(TRAINING, committee, seed=0)
    N = len(TRAINING.names)
    assert list(taught.names[: READINGS * N]) == [*TRAINING.names] * READINGS
    assert not set(taught.names[READINGS * N :]) & set(TRAINING.names)
    # Label and belief on training names; on the others the belief alone.
    believed = committee.believe(TRAINING.names)
    expected = LABEL_SHARE * TRAINING.targets + (1 - LABEL_SHARE) * believed
    np.testing.assert_allclose(taught.targets[:N], expected, rtol=1e-5)
    np.testing.assert_allclose(
        taught.targets[READINGS * N :], committee.believe(taught.names[READINGS * N :]), rtol=1e-4
    )


def test_the_pupil_starts_with_what_is_linear_of_the_belief() -> None:
    """All that the spelling models say of a name but the languages' shares."""
    network = as_classifier(train(TRAINING, HELD_OUT, WORDS, RECIPE, device="cpu"), WORDS)
    committee = convene([network], TRAINING, HELD_OUT)
    spelling = committee.spelling
    columns = linear_part(committee, TRAINING, spelling.vocabulary)
    ids = spelling.vocabulary.encode(HELD_OUT.names).ids
    logits = spelling.logits(HELD_OUT.names) - spelling.log_prior
    assert not columns[NOTHING].any()
    odds = np.diff(columns[ids].sum(axis=(1, 2)))
    np.testing.assert_allclose(odds, committee.weight * np.diff(logits), rtol=1e-3, atol=1e-4)


def test_relief_raises_the_small_language() -> None:
    shares = np.array([[1, 0]] * 18 + [[0, 1]] * 2, np.float32)
    uneven = Examples(TRAINING.names, shares)
    network = as_classifier(train(uneven, HELD_OUT, WORDS, RECIPE.of_teacher(0)), WORDS)
    committee = convene([network], uneven, HELD_OUT)
    plain = committee._replace(relief=0.0).believe(HELD_OUT.names)
    odds = (p[:, 1] / p[:, 0] for p in (committee.believe(HELD_OUT.names), plain))
    relieved, before = odds
    np.testing.assert_allclose(relieved / before, 9**RELIEF, rtol=1e-3)


@pytest.mark.parametrize("teachers", [1, 3])
def test_any_number_of_teachers(teachers: int) -> None:
    seen: list[Epoch] = []
    run(replace(RECIPE, teachers=teachers, epochs=2), seen)
    assert len({epoch.network for epoch in seen}) == teachers + 1


def test_few_names_are_taught_more_unless_the_recipe_says_otherwise() -> None:
    assert Recipe().teaching_of(FEW_NAMES) == OF_FEW
    assert Recipe().teaching_of(FEW_NAMES + 1) == USUAL
    assert Recipe(teachers=3).teaching_of(1) == Teaching(3, OF_FEW.passes)
    assert Recipe(epochs=2).teaching_of(1) == Teaching(OF_FEW.teachers, 2)
