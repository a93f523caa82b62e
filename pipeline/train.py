"""From examples to W, U, V: the training loop.

Shapes: N names, B batch, T steps, K ids of a step, C languages.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor
from torch.nn import functional as F

from model.rnn import RNN
from model.vocabulary import Vocabulary
from pipeline.batches import Batches, Examples
from pipeline.graphs import GraphStep
from pipeline.ranks import ALONE, Ranks
from pipeline.recipe import Recipe, Teaching
from pipeline.step import Step
from pipeline.threads import LoneThreads, lone_threads

LEAST_PART = 20 * 256**2
"""Names of a batch times H² that are worth a thread of their own."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Epoch(NamedTuple):
    """One point of the learning curve; losses are in nats."""

    epoch: int
    epochs: int
    """How many there will be, unless training stops early."""
    training_loss: float
    """With dropout, as it was minimised."""
    validation_loss: float
    """At the temperature that these names ask for: the model will be served at it."""
    validation_accuracy: float
    """Share of validation rows whose language is the most probable one."""
    network: str = "the network"
    """Which one it is of, where several are trained."""


class Trained(NamedTuple):
    """The epoch with the best validation loss; every number is one that float16 can hold."""

    W: Floats  # (H, H)
    U: Floats  # (H, F)
    V: Floats  # (C, H)
    vocabulary: Vocabulary
    """What the columns of U are."""
    temperature: float
    curve: list[Epoch]
    teaching: Teaching | None = None
    """Of the committee; None where the network learned from the labels alone."""


def train(
    training: Examples,
    validation: Examples,
    vocabulary: Vocabulary,
    recipe: Recipe,
    *,
    device: str = "auto",
    network: str = "the network",
    start: Floats | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    scratch: Path | None = None,
    ranks: Ranks = ALONE,
) -> Trained:
    """Train one network. On a CPU the same examples, recipe and thread count give the same bits.

    It starts as `RNN.start_from` makes it of `start` (F, C), where that is given.
    `scratch` is the folder where the encoded names lie meanwhile, as in `pipeline/ragged.py`. Of
    several `ranks` each is to call it with the same, and has the same result.

    Raises:
        ValueError: there are no names to train or to validate on, the loss is not a number, or
            another rank has ended.
    """
    for side, examples in (("training", training), ("validation", validation)):
        if not examples.names:
            raise ValueError(f"there are no {side} names; give more names of each language")
    on = torch.device(choose_device(device))
    rnn = RNN(len(vocabulary), recipe.hidden, training.targets.shape[1], seed=recipe.seed).to(on)
    if start is not None:
        rnn.start_from(torch.from_numpy(start).to(on))
    order = torch.Generator().manual_seed(recipe.seed)
    batches = Batches(training, vocabulary, recipe.batch, on, scratch)
    held_out = Batches(validation, vocabulary, 1024, on, scratch)
    fallback = torch.from_numpy(vocabulary.fallback).to(on)
    epochs = recipe.epochs_of(len(batches))
    curve: list[Epoch] = []
    best = Epoch(0, epochs, np.inf, np.inf, 0.0)
    with lone_threads() as threads:
        step = step_of(rnn, fallback, recipe, epochs * len(batches), threads, ranks)
        for number in range(1, epochs + 1):
            total = torch.zeros((), device=on)  # summed there, so that no step waits for it
            for ids, targets in batches.shuffled(order):
                total += step.take(ids, targets) * len(ids)
            step.settle()
            loss = total.item() / len(training.names)
            warmth, judged, right = validate(rnn, held_out, ranks)
            epoch = Epoch(number, epochs, loss, judged, right, network)
            curve.append(epoch)
            on_epoch(epoch)
            if epoch.validation_loss < best.validation_loss:
                best, temperature = epoch, warmth
                weights = {k: p.detach().clone() for k, p in rnn.named_parameters()}
            elif number - best.epoch >= recipe.patience:
                break
    if not best.epoch:
        raise ValueError(
            f"training diverged: the validation loss is {epoch.validation_loss} from the first "
            f"epoch on; lower the learning rate of {recipe.learning_rate}"
        )
    W, U, V = (weights[name].half().float().cpu().numpy() for name in "WUV")
    return Trained(W, np.ascontiguousarray(U.T), V, vocabulary, temperature, curve)


def step_of(
    rnn: RNN,
    fallback: Tensor,
    recipe: Recipe,
    updates: int,
    threads: LoneThreads,
    ranks: Ranks = ALONE,
) -> Step | GraphStep:
    """The training step for the network's device."""
    if fallback.is_cuda:
        return GraphStep(rnn, fallback, recipe, updates, ranks)
    parts = parts_of(recipe, threads.count, ranks.count)
    return Step(rnn, fallback, recipe, updates=updates, threads=threads, parts=parts, ranks=ranks)


def parts_of(recipe: Recipe, threads: int, ranks: int = 1) -> int:
    """In how many parts each rank works out its names of a batch on a CPU.

    One a thread, if they are large enough.
    """
    return max(1, min(threads, recipe.batch * recipe.hidden**2 // (ranks * LEAST_PART)))


def validate(rnn: RNN, held_out: Batches, ranks: Ranks = ALONE) -> list[float]:
    """The temperature to serve at, the log-loss in nats and the accuracy, as rank 0 finds them."""
    figures = [0.0, 0.0, 0.0]
    if ranks.rank == 0:
        logits, targets = predict(rnn, held_out)
        warmth = fit_confidence(logits.cpu().numpy(), targets.cpu().numpy())
        loss = F.cross_entropy(logits / warmth, targets).item()
        figures = [warmth, loss, _hit_rate(logits, targets)]
    return ranks.agree(figures)


@torch.no_grad()
def predict(rnn: RNN, batches: Batches) -> tuple[Tensor, Tensor]:
    """Logits and targets (N, C) of all examples, in order."""
    logits, targets = zip(
        *((rnn(rnn.embed(ids)), targets) for ids, targets in batches), strict=True
    )
    return torch.cat(logits), torch.cat(targets)


def fit_temperature(logits: Floats, targets: Floats) -> float:
    """The temperature at which softmax(logits / temperature) has the lowest log-loss.

    Of logits or log-probabilities (N, C) and targets (N, C). Guo et al., On Calibration of Modern
    Neural Networks, 2017.
    """

    def loss(log_p: Doubles) -> Doubles:
        return np.asarray(-(targets * log_p).sum(axis=1))

    return _temperature_of_least(loss, logits)


def fit_confidence(logits: Floats, targets: Floats) -> float:
    """The temperature at which the first answer is best known to be right or wrong.

    What is minimised is the log-loss of just that, so that answers are right about as often as they
    say, also where some labels are wrong. Arguments are those of `fit_temperature`.
    """
    first = logits.argmax(axis=1)[:, None]
    right = np.take_along_axis(targets, first, 1)[:, 0]

    def loss(log_p: Doubles) -> Doubles:
        sure = np.take_along_axis(log_p, first, 1)[:, 0]
        unsure = np.log(np.maximum(-np.expm1(sure), np.finfo(np.float64).tiny))
        return np.asarray(-(right * sure + (1 - right) * unsure))

    return _temperature_of_least(loss, logits)


def _temperature_of_least(loss: Callable[[Doubles], Doubles], logits: Floats) -> float:
    """From 0.05 to 20; `loss` gives one of each row (N,) from its log-probabilities (N, C)."""
    logits = logits.astype(np.float64)

    def mean(log_temperature: float) -> float:
        return float(loss(log_softmax(logits / np.exp(log_temperature), axis=1)).mean())

    fit = minimize_scalar(mean, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(fit.x))


def choose_device(device: str) -> str:
    """ "auto" becomes "cuda" where there is one, else "cpu".

    Raises:
        ValueError: another word, or "cuda" where torch finds none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device is {device!r}, expected 'auto', 'cpu' or 'cuda'")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but torch finds no CUDA device: use 'cpu' or 'auto'")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _hit_rate(logits: Tensor, targets: Tensor) -> float:
    return (targets.gather(1, logits.argmax(1, keepdim=True)) > 0).float().mean().item()
