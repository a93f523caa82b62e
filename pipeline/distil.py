"""Many models teach the one that is kept: a committee's belief, distilled into W, U, V.

The committee is a few networks trained on the labels from different seeds, and the languages'
spelling models. Together they are more accurate and better calibrated than any of them; the pupil
learns what they believe of the training names and of many names that nobody bears, softened, as
Hinton et al. do. What the spelling models say is a sum over a name's features, so some units of the
pupil start as that sum. Training names that the committee is wrong about the pupil remembers.

Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from model.artifact import Artifact, Language
from model.classifier import Classifier
from model.vocabulary import Vocabulary
from pipeline.batches import Examples
from pipeline.committee import (
    Committee,
    Teacher,
    backwards,
    convene,
    lesson,
    linear_part,
    mistrusted,
)
from pipeline.exceptions import telling_grams
from pipeline.ranks import ALONE, Ranks
from pipeline.recipe import Recipe, Teaching
from pipeline.threads import side_by_side
from pipeline.train import Epoch, Trained, choose_device, train

Learn = Callable[..., Trained]
"""`train`, some of whose settings are given already."""


def distil(
    training: Examples,
    validation: Examples,
    vocabulary: Vocabulary,
    recipe: Recipe,
    *,
    device: str = "auto",
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    scratch: Path | None = None,
    ranks: Ranks = ALONE,
) -> Trained:
    """Train the network that is kept: taught by a committee, or alone if the recipe has no teacher.

    The curve is the pupil's; `on_epoch` is called for the teachers' epochs too, from other threads.

    Raises:
        ValueError: as `train`.
    """
    learn = partial(train, device=device, on_epoch=on_epoch, scratch=scratch, ranks=ranks)
    if recipe.teachers == 0:
        return learn(training, validation, vocabulary, recipe)
    teaching = recipe.teaching_of(len(training.names))
    one_takes_all = choose_device(device) == "cuda" or ranks.count > 1
    taught_by = teachers(teaching, training, validation, vocabulary, recipe, learn, one_takes_all)
    committee = convene(taught_by, training, validation)
    trained = teach(committee, training, validation, vocabulary, recipe, learn, scratch, ranks)
    return trained._replace(teaching=teaching)


def teach(
    committee: Committee,
    training: Examples,
    validation: Examples,
    vocabulary: Vocabulary,
    recipe: Recipe,
    learn: Learn = train,
    scratch: Path | None = None,
    ranks: Ranks = ALONE,
) -> Trained:
    """The pupil: it starts as what is linear of the committee's belief, and learns the lesson.

    It can read what tells exceptions apart, beside all of the `vocabulary`. `learn` is `train` with
    its device, ranks and so on.
    """
    taught = lesson(training, committee, recipe.seed, scratch)
    odd = [training.names[i] for i in mistrusted(taught.trust)[: recipe.exceptions]]
    telling = telling_grams(odd, training, vocabulary, recipe.exceptions)
    words = vocabulary.with_grams(ranks.agree(telling))  # so that all have the same columns of U
    recipe = recipe.of_pupil(recipe.teaching_of(len(training.names)).passes)
    start = linear_part(committee, training, words)
    return learn(taught.examples, validation, words, recipe, network="pupil", start=start)


def teachers(
    teaching: Teaching,
    training: Examples,
    validation: Examples,
    vocabulary: Vocabulary,
    recipe: Recipe,
    learn: Learn = train,
    one_takes_all: bool = False,
) -> list[Teacher]:
    """The networks of the committee, trained on the labels from different seeds.

    `learn` is `train` with its device, ranks and so on. They are trained side by side, or one after
    the other where one takes all there is, a GPU or several ranks.

    Raises:
        ValueError: as `train`.
    """
    ways = [(training, validation, vocabulary)]
    if teaching.both_ways and teaching.teachers > 1:
        ways.append(_from_the_end(training, validation, recipe))

    def teacher(number: int) -> Teacher:
        way = number % len(ways)
        learned, held_out, words = ways[way]
        trained = learn(
            learned, held_out, words, recipe.of_teacher(number), network=f"teacher {number + 1}"
        )
        return Teacher(as_classifier(trained), backwards=way == 1)

    run = map if one_takes_all else side_by_side
    return list(run(teacher, range(teaching.teachers)))


def _from_the_end(
    training: Examples, validation: Examples, recipe: Recipe
) -> tuple[Examples, Examples, Vocabulary]:
    """What a teacher learns from that reads names from their end."""
    reversed_training, reversed_validation = (
        side._replace(names=backwards(side.names)) for side in (training, validation)
    )
    words = recipe.vocabulary_of(reversed_training.names)
    return reversed_training, reversed_validation, words


def as_classifier(trained: Trained) -> Classifier:
    """A trained network with the code that the service runs; its languages have no names yet."""
    languages = tuple(Language(str(c), str(c)) for c in range(len(trained.V)))
    W, U, V, vocabulary, temperature, *_ = trained
    return Classifier(Artifact(W, U, V, vocabulary, languages, temperature))
