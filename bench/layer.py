"""`torch.nn.RNN`, trained on the same characters in the same way as ours.

Shapes: B batch, T steps, E embedding, H hidden, C languages.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

from bench.programs import LEARNING_RATE, OfCharacters, OnEpoch, characters
from model.vocabulary import NOTHING
from pipeline.batches import Batches, Examples
from pipeline.recipe import Recipe

EMBEDDING = 64
"""E; the layer's own input matrix (H, E) widens it to H."""

CHUNK = 1024
"""Validation records that are scored together."""


@dataclass(frozen=True)
class Layer(OfCharacters):
    """`torch.nn.RNN` on embedded characters; optimiser, schedule and batches are like ours."""

    def fit(self, training: Examples, validation: Examples, epochs: int, on_epoch: OnEpoch) -> None:
        """AdamW on a one-cycle schedule, gradients cut to our recipe's norm."""
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        vocabulary, cpu = characters(training.names), torch.device("cpu")
        network = LayerNetwork(len(vocabulary), self.hidden, training.targets.shape[1])
        batches = Batches(training, vocabulary, self.batch, cpu)
        held_out = Batches(validation, vocabulary, CHUNK, cpu)
        parameters = list(network.parameters())
        optimiser = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=0.0, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, LEARNING_RATE, total_steps=epochs * len(batches)
        )
        for _ in range(epochs):
            for ids, targets in batches.shuffled(generator):
                optimiser.zero_grad(set_to_none=True)
                F.cross_entropy(network(ids), targets).backward()
                clip_grad_norm_(parameters, Recipe.largest_gradient)
                optimiser.step()
                schedule.step()
            on_epoch(hit_rate(network, held_out))


class LayerNetwork(nn.Module):
    """Embedding, one recurrent layer, V; no biases, so that padding on the left changes nothing."""

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(features, EMBEDDING, padding_idx=NOTHING)
        self.rnn = nn.RNN(EMBEDDING, hidden, bias=False)
        self.V = nn.Linear(hidden, classes, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, C) of ids (B, T, 1)."""
        _, h = self.rnn(self.embedding(ids[..., 0].t()))  # (T, B, E) → (1, B, H)
        logits: Tensor = self.V(h[0])
        return logits


@torch.no_grad()
def hit_rate(network: nn.Module, batches: Batches) -> float:
    """The share of records whose most probable language is one of theirs."""
    hits = sum(
        int((targets.gather(1, network(ids).argmax(1, keepdim=True)) > 0).sum())
        for ids, targets in batches
    )
    return hits / len(batches.targets)
