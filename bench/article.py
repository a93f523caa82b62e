"""The four programs that the project grew from, written anew: same mathematics, same updates.

H_t = tanh(W H_{t-1} + U X_t), p = softmax(V H_T), in float64 with autograd and Adam. A batch's
states are the columns of a matrix, as the article has them. One thing differs: softmax and log are
one stable step, and the last batch of an epoch is kept though it is smaller.

Shapes: N records, B batch, T steps, F characters, H hidden, C languages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.programs import LEARNING_RATE, OfCharacters, OnEpoch, characters
from model.vocabulary import NOTHING, Vocabulary
from pipeline.batches import Examples

LEARNING_RATE_OF_ONE = 0.001
"""Where each update is of one record."""


class Weights(NamedTuple):
    """The model."""

    W: Tensor  # (H, H)
    U: Tensor  # (H, F)
    V: Tensor  # (C, H)

    @classmethod
    def initial(cls, features: int, hidden: int, classes: int, device: str) -> "Weights":
        """W starts as the identity, the others normal."""
        generator = torch.Generator().manual_seed(0)
        draws = (
            torch.eye(hidden, dtype=torch.float64),
            torch.randn(hidden, features, dtype=torch.float64, generator=generator),
            torch.randn(classes, hidden, dtype=torch.float64, generator=generator),
        )
        return cls(*(matrix.to(device).requires_grad_() for matrix in draws))

    def embed(self, X: Tensor) -> Tensor:
        """h_T of each record in a column (H, B), of one-hot vectors (B, T, F)."""
        H = X.new_zeros(len(self.W), len(X))
        for t in range(X.shape[1]):
            H = torch.tanh(self.W @ H + self.U @ X[:, t].T)
        return H

    def embed_one(self, x: Tensor) -> Tensor:
        """h_T (H,) of one record's one-hot vectors (T, F)."""
        h = x.new_zeros(len(self.W))
        for t in range(len(x)):
            h = torch.tanh(self.W @ h + self.U @ x[t])
        return h

    def loss(self, H: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy of embeddings (H, B) and labels (B,), in nats."""
        logits = self.V @ H  # (C, B)
        log_p = logits - logits.logsumexp(dim=0)
        return -log_p[y, torch.arange(len(y), device=y.device)].mean()

    @torch.no_grad()
    def accuracy(self, X: Tensor, y: Tensor) -> float:
        """The share of records whose most probable language is their own."""
        return (self.V @ self.embed(X)).argmax(dim=0).eq(y).double().mean().item()


@dataclass(frozen=True)
class Vectorized(OfCharacters):
    """Batches as matrices of one-hot vectors, built once and kept on the device."""

    device: str = "cpu"

    def fit(self, training: Examples, validation: Examples, epochs: int, on_epoch: OnEpoch) -> None:
        """A shuffle, then batch after batch."""
        vocabulary, y = characters(training.names), labels(training).to(self.device)
        X = one_hots(training.names, vocabulary).to(self.device)  # (N, T, F)
        held_out = one_hots(validation.names, vocabulary).to(self.device)
        truth = labels(validation).to(self.device)
        classes = training.targets.shape[1]
        weights = Weights.initial(len(vocabulary), self.hidden, classes, self.device)
        optimiser = torch.optim.Adam(weights, LEARNING_RATE)
        generator = torch.Generator(self.device).manual_seed(0)
        for _ in range(epochs):
            order = torch.randperm(len(X), generator=generator, device=self.device)
            for rows in order.split(self.batch):
                loss = weights.loss(weights.embed(X[rows]), y[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            on_epoch(weights.accuracy(held_out, truth))


@dataclass(frozen=True)
class Loop(OfCharacters):
    """A Python loop over the records of each batch: with a batch of 1 the article's SGD."""

    def fit(self, training: Examples, validation: Examples, epochs: int, on_epoch: OnEpoch) -> None:
        """A shuffle, then record after record, with an update after each batch."""
        vocabulary, y = characters(training.names), labels(training)
        records = [one_hots([name], vocabulary)[0] for name in training.names]  # each (T, F)
        held_out, truth = one_hots(validation.names, vocabulary), labels(validation)
        classes = training.targets.shape[1]
        weights = Weights.initial(len(vocabulary), self.hidden, classes, "cpu")
        rate = LEARNING_RATE if self.batch > 1 else LEARNING_RATE_OF_ONE
        optimiser = torch.optim.Adam(weights, rate)
        generator = torch.Generator().manual_seed(0)
        for _ in range(epochs):
            for rows in torch.randperm(len(y), generator=generator).split(self.batch):
                losses = [
                    weights.loss(weights.embed_one(records[i])[:, None], y[i : i + 1])
                    for i in rows.tolist()
                ]
                optimiser.zero_grad()
                (sum(losses, torch.zeros(())) / len(losses)).backward()
                optimiser.step()
            on_epoch(weights.accuracy(held_out, truth))


def one_hots(names: Sequence[str], vocabulary: Vocabulary) -> Tensor:
    """(N, T, F) padded with zero vectors on the left; what h_0 = 0 makes of them is 0 again."""
    ids = torch.from_numpy(vocabulary.encode(names).ids[..., 0].astype(np.int64))  # (N, T)
    vectors = torch.eye(len(vocabulary), dtype=torch.float64)
    vectors[NOTHING] = 0.0
    return vectors[ids]


def labels(examples: Examples) -> Tensor:
    """(N,) the language of each record."""
    return torch.from_numpy(examples.targets.argmax(axis=1))
