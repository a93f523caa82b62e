"""From examples to W, U, V: the training loop and its recipe.

Shapes: N names, B batch, T steps, G n-gram order, C languages.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

from model.rnn import RNN
from model.vocabulary import Vocabulary

Floats = NDArray[np.float32]


class Examples(NamedTuple):
    """Distinct normalised names, and how each one's records divide over the languages."""

    names: Sequence[str]
    targets: Floats
    """(N, C) rows add up to 1; a name of several languages is shared between them."""


@dataclass(frozen=True)
class Recipe:
    """How to train. The defaults were chosen on validation names (docs/experiments.md).

    Raises:
        ValueError: a value is out of its range; the message names it.
    """

    hidden: int = 256
    ngrams: int = 3
    """The longest n-gram that a step reads; 1 without marks is the article's model."""
    marks: bool = True
    min_count: int = 2
    """How often an n-gram must occur in the training names to get a column of U."""
    epochs: int = 12
    batch: int = 256
    learning_rate: float = 3e-3
    """The peak of the one-cycle schedule."""
    weight_decay: float = 0.2
    dropout: float = 0.4
    """Share of h's entries that a training step does not see."""
    ngram_dropout: float = 0.45
    """Share of n-grams (of two symbols and more) that a training step does not see."""
    symbol_dropout: float = 0.02
    """Share of characters that a training step sees only as their script."""
    truncate: int | None = None
    """Gradients stop after this many steps; None goes back to the first symbol."""
    patience: int = 5
    """Epochs without a better validation log-loss after which training stops."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hidden", "ngrams", "min_count", "epochs", "batch", "patience"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("dropout", "ngram_dropout", "symbol_dropout"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) < 1, "from 0 to below 1")
        _require("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _require("weight_decay", self.weight_decay, self.weight_decay >= 0, "at least 0")
        _require("truncate", self.truncate, self.truncate is None or self.truncate >= 1, ">= 1")


class Epoch(NamedTuple):
    """One point of the learning curve; losses are in nats."""

    epoch: int
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
    """Train W, U, V. On a CPU the same examples, recipe and thread count give the same bits."""
    on = torch.device(choose_device(device))
    rnn = RNN(len(vocabulary), recipe.hidden, training.targets.shape[1], seed=recipe.seed).to(on)
    generator = torch.Generator(on).manual_seed(recipe.seed)
    batches = Batches(training, vocabulary, recipe.batch, on)
    held_out = Batches(validation, vocabulary, 1024, on)
    fallback = torch.from_numpy(vocabulary.fallback).to(on)
    optimiser = torch.optim.AdamW(
        rnn.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.epochs * len(batches)
    )
    curve: list[Epoch] = []
    best = Epoch(0, np.inf, np.inf, 0.0)
    for number in range(1, recipe.epochs + 1):
        total = torch.zeros((), device=on)
        for ids, targets in batches.shuffled(generator):
            seen = corrupt(ids, fallback, recipe, generator)
            h = rnn.embed(seen, truncate=recipe.truncate)
            loss = F.cross_entropy(rnn(drop(h, recipe.dropout, generator)), targets)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.detach() * len(ids)
        logits, targets = predict(rnn, held_out)
        epoch = Epoch(
            number,
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
    W, U, V = (weights[name].cpu().numpy() for name in "WUV")
    return Trained(W, np.ascontiguousarray(U.T), V, temperature, curve)


class Batches:
    """Encoded examples on a device, cut into batches of names of like length."""

    POOL = 50
    """Batches' worth of shuffled names that are sorted by length together."""

    def __init__(
        self, examples: Examples, vocabulary: Vocabulary, size: int, device: torch.device
    ) -> None:
        ids, lengths = vocabulary.encode(examples.names)
        self.ids = torch.from_numpy(ids).to(device)  # (N, T, G)
        self.lengths = torch.from_numpy(lengths).to(device)  # (N,)
        self.targets = torch.from_numpy(examples.targets).to(device)  # (N, C)
        self.size = size

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.ids) // self.size)

    def shuffled(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch in random order: ids (B, T, G) without needless padding, targets (B, C)."""
        order = torch.randperm(len(self.ids), generator=generator, device=self.ids.device)
        batches = []
        for pool in order.split(self.POOL * self.size):
            batches += pool[self.lengths[pool].argsort(stable=True)].split(self.size)
        for i in torch.randperm(len(batches), generator=generator, device=order.device).tolist():
            yield self._batch(batches[i])

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in the order given."""
        for rows in torch.arange(len(self.ids), device=self.ids.device).split(self.size):
            yield self._batch(rows)

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        longest = int(self.lengths[rows].max())
        return self.ids[rows, self.ids.shape[1] - longest :], self.targets[rows]


def corrupt(ids: Tensor, fallback: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Ids (B, T, G) as a training step sees them: some n-grams gone, some characters blurred.

    It keeps the model from leaning on single n-grams, and teaches it the scripts' features.
    """
    draw = torch.rand(ids.shape, generator=generator, device=ids.device)
    share = torch.full((ids.shape[-1],), recipe.ngram_dropout, device=ids.device)
    share[0] = recipe.symbol_dropout
    return torch.where(draw < share, fallback[ids], ids)


def drop(h: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """h with a share of its entries zeroed and the others scaled up, so that the mean stays.

    Unlike torch's own dropout it draws from `generator`, so a seed decides everything.
    """
    kept = torch.rand(h.shape, generator=generator, device=h.device) >= share
    return h * kept / (1 - share)


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


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}, expected {expected}")
