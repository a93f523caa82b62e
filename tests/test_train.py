import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from model.rnn import RNN
from model.vocabulary import Vocabulary
from pipeline.batches import Batches, Examples, corrupt, drop
from pipeline.gradient import Gradient, Part, loss_of, share, share_in_loops
from pipeline.ragged import CHUNK
from pipeline.recipe import LEAST_EPOCHS, LEAST_UPDATES, Recipe
from pipeline.threads import lone_threads
from pipeline.train import Epoch, Trained, choose_device, fit_confidence, fit_temperature, train

RECIPE = Recipe(hidden=16, batch=4, epochs=6, learning_rate=0.02)
ENDINGS = {"ski": 0, "opoulos": 1}


def made_up(stems: str) -> Examples:
    """Names whose ending gives their language away."""
    names = [stem + ending for stem in stems.split() for ending in ENDINGS]
    targets = np.eye(2, dtype=np.float32)[[i % 2 for i in range(len(names))]]
    return Examples(names, targets)


TRAINING = made_up("kowal now lewand zielin kamin papad nikol georg vlach makr")
HELD_OUT = made_up("wis szyman dimitr oikon")


def run(recipe: Recipe = RECIPE, **options: object) -> Trained:
    vocabulary = Vocabulary.fit(TRAINING.names, min_count=1)
    return train(TRAINING, HELD_OUT, vocabulary, recipe, device="cpu", **options)  # type: ignore[arg-type]


def test_it_learns_what_there_is_to_learn() -> None:
    trained = run()
    assert trained.curve[-1].validation_accuracy == 1.0
    assert trained.curve[-1].validation_loss < trained.curve[0].validation_loss
    assert not trained.U[:, 0].any(), "nothing stays nothing"


def test_a_seed_decides_everything() -> None:
    first, same, other = run(), run(), run(dataclasses.replace(RECIPE, seed=1))
    assert first.curve == same.curve
    for name in "WUV":
        np.testing.assert_array_equal(getattr(first, name), getattr(same, name))
    assert first.curve != other.curve


def test_training_ends_when_validation_gets_no_better_and_keeps_the_best_epoch() -> None:
    mislabelled = Examples(HELD_OUT.names, HELD_OUT.targets[:, ::-1].copy())
    seen: list[Epoch] = []
    vocabulary = Vocabulary.fit(TRAINING.names, min_count=1)
    recipe = dataclasses.replace(RECIPE, epochs=40, patience=3)
    trained = train(TRAINING, mislabelled, vocabulary, recipe, device="cpu", on_epoch=seen.append)
    best = min(seen, key=lambda epoch: epoch.validation_loss)
    assert seen == trained.curve
    assert len(seen) == best.epoch + 3 < 40


def test_names_are_needed_on_both_sides() -> None:
    nobody = Examples([], np.zeros((0, 2), np.float32))
    vocabulary = Vocabulary.fit(TRAINING.names, min_count=1)
    with pytest.raises(ValueError, match="no training names"):
        train(nobody, HELD_OUT, vocabulary, RECIPE)
    with pytest.raises(ValueError, match="no validation names"):
        train(TRAINING, nobody, vocabulary, RECIPE)


def test_a_diverged_training_says_so() -> None:
    with pytest.raises(ValueError, match=r"training diverged.* lower the learning rate of 1e\+30"):
        run(dataclasses.replace(RECIPE, learning_rate=1e30))


def test_an_epoch_holds_every_example_once_in_batches_of_like_length() -> None:
    vocabulary = Vocabulary.fit(TRAINING.names, min_count=1)
    batches = Batches(TRAINING, vocabulary, 3, torch.device("cpu"))
    epoch = list(batches.shuffled(torch.Generator().manual_seed(0)))
    assert len(epoch) == len(batches) == 7
    whole = [ids.any(dim=2) for ids, _ in epoch]
    assert sum(len(ids) for ids, _ in epoch) == len(TRAINING.names)
    assert all(steps[:, 0].any() for steps in whole), "no step is padding for all"
    lengths = sorted(length for steps in whole for length in steps.sum(1).tolist())
    assert lengths == sorted(len(name) for name in TRAINING.names)


class PaddedBatches:
    """All ids in memory, padded to one length: the same, as it is said most plainly."""

    def __init__(self, examples: Examples, vocabulary: Vocabulary, size: int) -> None:
        ids, lengths = vocabulary.encode(examples.names)
        self.ids, self.lengths = torch.from_numpy(ids), torch.from_numpy(lengths)
        self.targets, self.size = torch.from_numpy(examples.targets), size

    def shuffled(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.ids), generator=generator)
        batches = []
        for pool in order.split(Batches.POOL * self.size):
            batches += pool[self.lengths[pool].argsort(stable=True)].split(self.size)
        for place in torch.randperm(len(batches), generator=generator).tolist():
            rows = batches[place]
            steps = int(self.lengths[rows].max())
            yield self.ids[rows, self.ids.shape[1] - steps :], self.targets[rows]


def test_batches_from_the_mapped_file_are_those_from_memory_bit_for_bit(tmp_path: Path) -> None:
    random = np.random.default_rng(0)  # more names than are encoded at once
    names = [
        "".join(random.choice(list("abcdeж田"), n)) for n in random.integers(0, 12, CHUNK + 99)
    ]
    examples = Examples(names, random.random((len(names), 3), np.float32))
    vocabulary = Vocabulary.fit(names[:500], order=3)
    ours = Batches(examples, vocabulary, 128, torch.device("cpu"), tmp_path)
    assert not list(tmp_path.iterdir()), "the file is gone however training ends"
    padded = PaddedBatches(examples, vocabulary, 128)
    orders = [torch.Generator().manual_seed(7) for _ in range(2)]
    for _ in range(2):
        pairs = zip(ours.shuffled(orders[0]), padded.shuffled(orders[1]), strict=True)
        for (ids, targets), (other_ids, other_targets) in pairs:
            assert torch.equal(ids, other_ids)
            assert torch.equal(targets, other_targets)
    in_order = torch.cat([F.pad(ids, (0, 0, 11 - ids.shape[1], 0)) for ids, _ in ours])
    assert torch.equal(in_order, padded.ids), "the longest has 11 characters"


@pytest.mark.parametrize("marks", [True, False])
def test_corruption_drops_ngrams_and_blurs_characters_in_the_asked_share(marks: bool) -> None:
    vocabulary = Vocabulary.fit(["ab"], order=2, marks=marks, min_count=1)
    ids = torch.from_numpy(vocabulary.encode(["ab"] * 5000).ids)
    recipe = Recipe(ngrams=2, ngram_dropout=0.3, symbol_dropout=0.1)
    generator = torch.Generator().manual_seed(0)
    seen = corrupt(ids, torch.from_numpy(vocabulary.fallback), recipe, generator)
    features = np.array(vocabulary.features)[seen.numpy()]
    assert np.mean(features[:, :, 0] == "<LATIN>") == pytest.approx(0.1, abs=0.02)
    gone = (features == "<nothing>").mean(axis=0)
    assert gone[1, 1] == pytest.approx(0.3, abs=0.03)
    if marks:
        start, end, before_end = gone[0, 2], gone[1, 3], gone[1, 4]
        assert [start, end, before_end] == pytest.approx([0.1, 0.1, 0.3], abs=0.03)


def test_the_gradient_of_a_batch_does_not_depend_on_how_it_is_parted() -> None:
    vocabulary = Vocabulary.fit(TRAINING.names, min_count=1)
    whole = dataclasses.replace(RECIPE, dropout=0.0, ngram_dropout=0.0, symbol_dropout=0.0)
    fallback = torch.from_numpy(vocabulary.fallback)
    ids, targets = next(iter(Batches(TRAINING, vocabulary, 7, torch.device("cpu"))))
    for names in (7, 1):  # a single name, too, where there are more parts than names
        results = []
        for parts in (1, 3):
            rnn = RNN(len(vocabulary), 16, 2)
            with lone_threads() as threads:
                gradient = Gradient(whole, threads, parts)
                found = gradient.take(rnn, fallback, ids[:names], targets[:names])
            results.append(found)
        for one, three in zip(*results, strict=True):
            torch.testing.assert_close(one, three)


@settings(deadline=None)
@given(st.data())
def test_loops_have_the_loss_and_the_gradients_of_autograd(data: st.DataObject) -> None:
    B, T, K, H, C = (data.draw(st.integers(1, most)) for most in (5, 6, 3, 9, 4))
    rates = (st.sampled_from([0.0, rate]) for rate in (0.4, 0.3, 0.6, 0.5))
    dropout, ngram_dropout, symbol_dropout, consistency = map(data.draw, rates)
    recipe = dataclasses.replace(
        RECIPE,
        dropout=dropout,
        ngram_dropout=ngram_dropout,
        symbol_dropout=symbol_dropout,
        consistency=consistency,
        truncate=data.draw(st.none() | st.integers(1, 7)),
    )
    draws = torch.Generator().manual_seed(T * 100 + K * 10 + H)
    rnn = RNN(11, H, C)
    rnn.V.data *= 50  # so that logits are far apart
    ids = torch.randint(0, 11, (B, T, K), generator=draws, dtype=torch.int32)
    targets = torch.rand(B, C, generator=draws)
    targets /= targets.sum(1, keepdim=True)
    fallback = torch.arange(11, dtype=torch.int32) // 4
    mine, theirs = (
        share_of(rnn, fallback, recipe, Part(ids, targets, torch.Generator().manual_seed(0), 7))
        for share_of in (share_in_loops, share)
    )
    for ours, torchs in zip(mine, theirs, strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-4, atol=1e-5)


def test_dropout_keeps_the_mean() -> None:
    draw = torch.rand(200, 200, generator=torch.Generator().manual_seed(0))
    h = drop(torch.ones(200, 200), 0.4, draw)
    assert (h == 0).float().mean().item() == pytest.approx(0.4, abs=0.01)
    assert h.mean().item() == pytest.approx(1.0, abs=0.02)


def test_readings_that_disagree_cost_more() -> None:
    vocabulary = Vocabulary.fit(TRAINING.names, min_count=1)
    rnn = RNN(len(vocabulary), 16, 2)
    ids, targets = next(iter(Batches(TRAINING, vocabulary, 20, torch.device("cpu"))))
    fallback = torch.from_numpy(vocabulary.fallback)

    def loss(**changes: float) -> float:
        recipe = dataclasses.replace(RECIPE, **changes)  # type: ignore[arg-type]
        generator = torch.Generator().manual_seed(0)
        return loss_of(rnn, ids, targets, fallback, recipe, generator).item()

    whole = {"dropout": 0.0, "ngram_dropout": 0.0, "symbol_dropout": 0.0}
    expected = F.cross_entropy(rnn(rnn.embed(ids)), targets).item()
    for consistency in (0.0, 1.0):
        assert loss(**whole, consistency=consistency) == pytest.approx(expected, rel=1e-5)
    assert loss(consistency=2.0) > loss(consistency=1.0)


def test_small_data_is_read_more_often_unless_the_recipe_says_how_often() -> None:
    assert Recipe().epochs_of(10) == LEAST_UPDATES / 10
    assert Recipe().epochs_of(100_000) == LEAST_EPOCHS
    assert Recipe(epochs=3).epochs_of(10) == 3


def drawn(logits: torch.Tensor, seed: int) -> torch.Tensor:
    """Targets (N, C) as often as the logits (N, C) say."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    return F.one_hot(truth, logits.shape[1]).float()


@pytest.mark.parametrize("fit", [fit_temperature, fit_confidence])
def test_temperature_undoes_overconfidence(fit: Callable[..., float]) -> None:
    logits = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    targets = drawn(logits, seed=1).numpy()
    assert fit((logits * 2.5).numpy(), targets) == pytest.approx(2.5, rel=0.05)


def test_first_answers_are_right_as_often_as_they_say_in_spite_of_wrong_labels() -> None:
    """A tenth of the labels says nothing, which no temperature can tell."""
    logits = 3 * torch.randn(20_000, 20, generator=torch.Generator().manual_seed(0))
    targets = drawn((0.9 * logits.softmax(1) + 0.1 / 20).log(), seed=1).numpy()
    gap = {}
    for fit in (fit_temperature, fit_confidence):
        p = (logits / fit(logits.numpy(), targets)).softmax(1).numpy()
        right = np.take_along_axis(targets, p.argmax(axis=1)[:, None], 1)
        gap[fit] = abs(p.max(axis=1).mean() - right.mean())
    assert gap[fit_confidence] < 0.02 < gap[fit_temperature] / 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden", 0, "hidden is 0, expected at least 1"),
        ("dropout", 1.0, "dropout is 1.0, expected from 0 to below 1"),
        ("consistency", -1.0, "consistency is -1.0, expected at least 0"),
        ("learning_rate", 0.0, "learning_rate is 0.0, expected above 0"),
        ("truncate", 0, "truncate is 0, expected at least 1"),
    ],
)
def test_a_recipe_out_of_range_names_the_value(field: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**{field: value})  # type: ignore[arg-type]


def test_devices() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="'tpu', expected 'auto', 'cpu' or 'cuda'"):
        choose_device("tpu")
