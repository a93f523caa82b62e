"""The GPU's training step against the plain one; without CUDA it runs kernel by kernel."""

import dataclasses

import pytest
import torch
from test_step import DenseStep
from test_train import TRAINING
from torch import Tensor

from model.rnn import RNN
from model.vocabulary import Vocabulary
from pipeline.batches import Batches
from pipeline.graphs import BUCKET, Bucket, DeviceAdamW, GraphStep
from pipeline.recipe import Recipe

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
VOCABULARY = Vocabulary.fit(TRAINING.names, min_count=1)
FALLBACK = torch.from_numpy(VOCABULARY.fallback).to(DEVICE)
# What is dropped depends on how many names are padding.
WHOLE = Recipe(
    hidden=16, batch=3, learning_rate=0.02, dropout=0.0, ngram_dropout=0.0, symbol_dropout=0.0
)
EPOCHS = 4

Curve = tuple[list[Tensor], RNN]


def network() -> RNN:
    return RNN(len(VOCABULARY), WHOLE.hidden, 2).to(DEVICE)


def plainly(recipe: Recipe, batches: Batches) -> Curve:
    """Train as `pipeline.train` does on one thread: the losses, and the network."""
    rnn, order = network(), torch.Generator().manual_seed(0)
    step = DenseStep(rnn, FALLBACK, recipe, EPOCHS * len(batches))
    epochs = (batch for _ in range(EPOCHS) for batch in batches.shuffled(order))
    return [step.take(*batch) for batch in epochs], rnn


def in_graphs(recipe: Recipe, batches: Batches) -> Curve:
    rnn, order = network(), torch.Generator().manual_seed(0)
    step = GraphStep(rnn, FALLBACK, recipe, EPOCHS * len(batches))
    epochs = (batch for _ in range(EPOCHS) for batch in batches.shuffled(order))
    return [step.take(*batch) for batch in epochs], rnn


@pytest.mark.parametrize(("consistency", "truncate"), [(0.0, None), (0.5, 3)])
def test_it_learns_what_the_plain_loop_learns(consistency: float, truncate: int | None) -> None:
    recipe = dataclasses.replace(WHOLE, consistency=consistency, truncate=truncate)
    batches = Batches(TRAINING, VOCABULARY, recipe.batch, DEVICE)  # the last of an epoch is short
    losses, rnn = in_graphs(recipe, batches)
    expected_losses, expected = plainly(recipe, batches)
    off = 1e-4 if DEVICE.type == "cpu" else 0.1  # on CUDA products are as exact as TF32
    torch.testing.assert_close(losses, expected_losses, rtol=off, atol=off)
    for mine, theirs in zip(rnn.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=off, atol=off)
    assert not rnn.U[0].any(), "nothing stays nothing"


def test_dropped_things_are_decided_by_the_seed() -> None:
    batches = Batches(TRAINING, VOCABULARY, 3, DEVICE)
    recipe = dataclasses.replace(WHOLE, dropout=0.4, ngram_dropout=0.4)
    first, same, other = (
        in_graphs(dataclasses.replace(recipe, seed=seed), batches)[0] for seed in (0, 0, 1)
    )
    assert torch.equal(torch.stack(first), torch.stack(same))
    assert not torch.equal(torch.stack(first), torch.stack(other))


def test_names_of_padding_weigh_nothing() -> None:
    ids, targets = next(iter(Batches(TRAINING, VOCABULARY, 5, DEVICE)))
    step = GraphStep(network(), FALLBACK, dataclasses.replace(WHOLE, batch=5), 1)
    wide = GraphStep(network(), FALLBACK, dataclasses.replace(WHOLE, batch=64), 1)
    torch.testing.assert_close(step.take(ids, targets), wide.take(ids, targets))


def test_what_is_learned_in_a_rehearsal_is_forgotten() -> None:
    rnn = network()
    optimiser = DeviceAdamW(rnn, WHOLE, 2)
    before = [p.detach().clone() for p in rnn.parameters()]
    with optimiser.rehearsal():
        optimiser.step(torch.cat([p.flatten() for p in before]))
        assert not torch.equal(rnn.W, before[0])
    assert all(map(torch.equal, rnn.parameters(), before))


def test_a_batch_is_padded_on_the_left_and_below() -> None:
    bucket = Bucket(torch.ones(3, BUCKET, 1), torch.ones(3, 2), torch.ones(()), torch.zeros(()))
    bucket.fill(torch.full((2, 3, 1), 7.0), torch.full((2, 2), 0.5))
    assert bucket.ids[..., 0].tolist() == [[0, 7, 7, 7]] * 2 + [[0] * 4]
    assert bucket.targets.tolist() == [[0.5, 0.5]] * 2 + [[0.0, 0.0]]
    assert bucket.padded.item() == 1.5
