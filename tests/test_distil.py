"""A committee that knows the answer teaches a network, on names that their endings give away."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from made_up import table_of
from test_train import HELD_OUT, TRAINING

from model.text import normalise
from model.vocabulary import NOTHING, Vocabulary
from pipeline.batches import Examples, examples
from pipeline.committee import (
    LABEL_SHARE,
    LEAST_LABEL,
    READINGS,
    SOFTNESS,
    Teacher,
    backwards,
    convene,
    label_share,
    lesson,
    linear_part,
    mistrusted,
    softened,
)
from pipeline.distil import as_classifier, distil, teachers
from pipeline.recipe import FEW_NAMES, OF_FEW, USUAL, Recipe, Teaching
from pipeline.train import Epoch, Trained, train

RECIPE = Recipe(hidden=16, batch=8, epochs=20, learning_rate=0.02, teachers=2)
WORDS = Vocabulary.fit(TRAINING.names, min_count=1)
ON_CPU = partial(train, device="cpu")


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


def teacher(number: int = 0) -> Teacher:
    trained = train(TRAINING, HELD_OUT, WORDS, RECIPE.of_teacher(number), device="cpu")
    return Teacher(as_classifier(trained))


def test_a_committee_is_one_voice_of_several() -> None:
    committee = convene([teacher(0), teacher(1)], TRAINING, HELD_OUT)
    belief = committee.believe(HELD_OUT.names)
    assert belief.dtype == np.float32
    np.testing.assert_allclose(belief.sum(axis=1), 1, rtol=1e-5)
    assert (belief.argmax(axis=1) == HELD_OUT.targets.argmax(axis=1)).all()


def test_the_lesson_is_label_and_belief_softened() -> None:
    committee = convene([teacher()], TRAINING, HELD_OUT)
    taught, trust = lesson(TRAINING, committee, seed=0)
    np.testing.assert_allclose(
        trust, (committee.believe(TRAINING.names) * TRAINING.targets).sum(axis=1), rtol=1e-5
    )
    N = len(TRAINING.names)
    invented = taught.names[READINGS * N :]
    assert list(taught.names[: READINGS * N]) == [*TRAINING.names] * READINGS
    assert not set(invented) & set(TRAINING.names)
    # Label and belief on training names; on the others the belief alone.
    believed = committee.believe(TRAINING.names)
    share = label_share(trust)[:, None]
    expected = share * TRAINING.targets + (1 - share) * believed
    np.testing.assert_allclose(taught.targets[:N], softened(expected), rtol=1e-4)
    belief = committee.believe(invented)
    np.testing.assert_allclose(taught.targets[READINGS * N :], softened(belief), rtol=1e-4)
    for targets, odds in ((taught.targets[:N], expected), (taught.targets[READINGS * N :], belief)):
        np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(
            targets[:, 0] / targets[:, 1], (odds[:, 0] / odds[:, 1]) ** (1 / SOFTNESS), rtol=1e-3
        )


def test_labels_count_half_and_as_much_as_it_takes_where_they_are_not_believed() -> None:
    trust = np.linspace(0, 1, 101, dtype=np.float32)
    taught = label_share(trust) + (1 - label_share(trust)) * trust
    assert (label_share(trust) >= LABEL_SHARE).all()
    odd = mistrusted(trust)
    np.testing.assert_allclose(taught[odd], LEAST_LABEL, rtol=1e-5)
    assert odd == list(range(len(odd))), "the least trusted first"
    assert (taught[len(odd) :] >= LEAST_LABEL).all()


def test_what_no_spelling_explains_is_remembered_by_columns_of_its_own() -> None:
    """A tenth of the names have another language's ending."""
    table = table_of({"el": "poulos", "pl": "czyk", "ru": "ov"}, "abdegiklmnorstuvz", 500)
    names, targets = examples(table, ["el", "pl", "ru"])
    odd = np.random.default_rng(0).random(500) < 0.1
    targets = np.where(odd[:, None], np.roll(targets, 1, axis=1), targets)
    known, held_out = Examples(names[:400], targets[:400]), Examples(names[400:], targets[400:])
    words = Vocabulary.fit(known.names, min_count=4)
    believed, right = [], []
    for columns in (0, 100):
        recipe = Recipe(hidden=32, batch=16, learning_rate=0.01, teachers=1, exceptions=columns)
        trained = distil(known, held_out, words, recipe, device="cpu")
        assert 0.5 * columns <= len(trained.vocabulary) - len(words) <= columns
        p = as_classifier(trained).probabilities(known.names)
        believed.append((p * known.targets).sum(axis=1)[odd[:400]].mean())
        right.append((p * known.targets).sum(axis=1)[~odd[:400]].mean())
    assert believed[1] > 1.3 * believed[0]
    assert min(right) > 0.8


def test_the_pupil_starts_with_what_is_linear_of_the_lesson() -> None:
    """All that the spelling models say of a name but the languages' shares."""
    committee = convene([teacher()], TRAINING, HELD_OUT)
    spelling = committee.spelling
    columns = linear_part(committee, TRAINING, spelling.vocabulary)
    ids = spelling.vocabulary.encode(HELD_OUT.names).ids
    logits = spelling.logits(HELD_OUT.names) - spelling.log_prior
    assert not columns[NOTHING].any()
    odds = np.diff(columns[ids].sum(axis=(1, 2)))
    expected = committee.weight / SOFTNESS * np.diff(logits)
    np.testing.assert_allclose(odds, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "from_end"),
    [
        ("kowalski", "ikslawok"),
        # Two marks of one letter: the reversed order is not the normal one.
        (normalise("\u1e69o"), "o\u0323\u0307s"),
        ("", ""),
    ],
)
def test_a_name_from_its_end_is_normalised(name: str, from_end: str) -> None:
    assert backwards([name]) == [from_end]
    assert normalise(from_end) == from_end


def test_every_other_teacher_reads_from_the_end() -> None:
    """Of a lesson that only the last letters tell, each of them learns all there is."""
    both = Teaching(teachers=3, passes=1, both_ways=True)
    committee = teachers(both, TRAINING, HELD_OUT, WORDS, RECIPE, ON_CPU)
    assert [teacher.backwards for teacher in committee] == [False, True, False]
    for each in committee:
        answers = each.probabilities(HELD_OUT.names).argmax(axis=1)
        np.testing.assert_array_equal(answers, HELD_OUT.targets.argmax(axis=1))
    end, front = committee[1].network.vocabulary, RECIPE.vocabulary_of(TRAINING.names)
    assert {w for w in end.features if w.isalpha()} == {
        w[::-1] for w in front.features if w.isalpha()
    }
    alone = teachers(both._replace(both_ways=False), TRAINING, HELD_OUT, WORDS, RECIPE, ON_CPU)
    assert not any(teacher.backwards for teacher in alone)


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_teachers(count: int) -> None:
    seen: list[Epoch] = []
    run(replace(RECIPE, teachers=count, epochs=2), seen)
    assert len({epoch.network for epoch in seen}) == count + 1


def test_few_names_are_taught_more_unless_the_recipe_says_otherwise() -> None:
    assert Recipe().teaching_of(FEW_NAMES) == OF_FEW
    assert Recipe().teaching_of(FEW_NAMES + 1) == USUAL
    assert Recipe(teachers=3).teaching_of(1) == OF_FEW._replace(teachers=3)
    assert Recipe(epochs=2).teaching_of(1) == OF_FEW._replace(passes=2)
