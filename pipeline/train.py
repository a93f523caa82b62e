"""From examples to W, U, V: the training loop.

Shapes: N names, B batch, T steps, G n-gram order, C languages.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from model.rnn import RNN
from model.vocabulary import Vocabulary
from pipeline.batches import Batches, Examples, corrupt, drop
from pipeline.recipe import Recipe

Floats = NDArray[np.float32]


class Epoch(NamedTuple):
    """One point of the learning curve; losses are in nats."""

    epoch: int
    epochs: int
    """How many there will be, unless training stops early."""
    training_loss: float
    """With dropout, as it was minimised."""
    validation_loss: float
    validation_accuracy: float
    """Share of validation names whose most probable language is one that they carry."""


class Trained(NamedTuple):
    """The epoch with the best validation loss."""

    W: Floats  # (H, H)
    U: Floats  # (H, F)
    V: Floats  # (C, H)
    temperature: float
    curve: list[Epoch]


def train(
    training: Examples,
    validation: Examples,
    vocabulary: Vocabulary,
    recipe: Recipe,
    *,
    device: str = "auto",
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Trained:
    """Train W, U, V. On a CPU the same examples, recipe and thread count give the same bits.

    Raises:
        ValueError: there are no names to train or to validate on, or the loss is not a number.
    """
    for side, examples in (("training", training), ("validation", validation)):
        if not examples.names:
            raise ValueError(f"there are no {side} names; give more names of each language")
    on = torch.device(choose_device(device))
    rnn = RNN(len(vocabulary), recipe.hidden, training.targets.shape[1], seed=recipe.seed).to(on)
    generator = torch.Generator(on).manual_seed(recipe.seed)
    batches = Batches(training, vocabulary, recipe.batch, on)
    held_out = Batches(validation, vocabulary, 1024, on)
    fallback = torch.from_numpy(vocabulary.fallback).to(on)
    epochs = recipe.epochs_of(len(batches))
    optimiser = AdamW(
        rnn.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = OneCycleLR(optimiser, recipe.learning_rate, total_steps=epochs * len(batches))
    curve: list[Epoch] = []
    best = Epoch(0, epochs, np.inf, np.inf, 0.0)
    for number in range(1, epochs + 1):
        total = torch.zeros((), device=on)  # summed there, so that no step waits for the device
        for ids, targets in batches.shuffled(generator):
            loss = loss_of(rnn, ids, targets, fallback, recipe, generator)
            _step(optimiser, schedule, loss)
            total += loss.detach() * len(ids)
        logits, targets = predict(rnn, held_out)
        epoch = Epoch(
            number,
            epochs,
            total.item() / len(training.names),
            F.cross_entropy(logits, targets).item(),
            _hit_rate(logits, targets),
        )
        curve.append(epoch)
        on_epoch(epoch)
        if epoch.validation_loss < best.validation_loss:
            best = epoch
            weights = {k: p.detach().clone() for k, p in rnn.named_parameters()}
            temperature = fit_temperature(logits, targets)
        elif number - best.epoch >= recipe.patience:
            break
    if not best.epoch:
        raise ValueError(
            f"training diverged: the validation loss is {epoch.validation_loss} from the first "
            f"epoch on; lower the learning rate of {recipe.learning_rate}"
        )
    W, U, V = (weights[name].cpu().numpy() for name in "WUV")
    return Trained(W, np.ascontiguousarray(U.T), V, temperature, curve)


def _step(optimiser: Optimizer, schedule: LRScheduler, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    schedule.step()


def loss_of(
    rnn: RNN,
    ids: Tensor,
    targets: Tensor,
    fallback: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
) -> Tensor:
    """What a training step minimises on ids (B, T, G) and targets (B, C), in nats a name.

    Cross-entropy and, where the recipe asks for consistency, how far two readings of each name
    disagree that had different things dropped: half the symmetric Kullback-Leibler divergence.
    Wu et al., R-Drop: Regularized Dropout for Neural Networks, 2021.
    """
    readings = 2 if recipe.consistency else 1
    seen = corrupt(ids.repeat(readings, 1, 1), fallback, recipe, generator)
    h = drop(rnn.embed(seen, truncate=recipe.truncate), recipe.dropout, generator)
    logs = F.log_softmax(rnn(h), dim=1).view(readings, *targets.shape)
    loss = -(targets * logs.mean(0)).sum(1).mean()
    if recipe.consistency:
        apart = ((logs[0].exp() - logs[1].exp()) * (logs[0] - logs[1])).sum(1).mean()
        loss = loss + recipe.consistency * apart / 2
    return loss


@torch.no_grad()
def predict(rnn: RNN, batches: Batches) -> tuple[Tensor, Tensor]:
    """Logits and targets (N, C) of all examples, in order."""
    logits, targets = zip(
        *((rnn(rnn.embed(ids)), targets) for ids, targets in batches), strict=True
    )
    return torch.cat(logits), torch.cat(targets)


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature at which softmax(logits / temperature) has the lowest log-loss.

    Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    logits, targets = logits.double(), targets.double()
    fit = minimize_scalar(
        lambda log_t: F.cross_entropy(logits / float(np.exp(log_t)), targets).item(),
        bounds=(np.log(0.05), np.log(20.0)),
        method="bounded",
    )
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
