"""Ways to train on a CUDA device: ours, cuDNN's nn.RNN as one writes it, and FlashRNN.

Shapes: B batch, T steps, K ids of a step, E embedding, H hidden, C languages.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.rnn import RNN
from model.vocabulary import NOTHING, Vocabulary
from pipeline.batches import Batches
from pipeline.graphs import GraphStep
from pipeline.recipe import Recipe

Learn = Callable[[Tensor, Tensor], Tensor]
"""A training step: from ids (B, T, K) and targets (B, C) to the loss, which no one waits for."""


class Flash(nn.Module):
    """The same network as ours, whose recurrence is the CUDA kernel of NX-AI's FlashRNN."""

    def __init__(self, features: int, hidden: int, classes: int, batch: int) -> None:
        """It is compiled for a number of names, to which smaller batches are padded."""
        from flashrnn import FlashRNNConfig

        super().__init__()
        self.config = FlashRNNConfig(
            "cuda_fused", "elman", head_dim=hidden, num_heads=1, batch_size=batch, dtype="bfloat16"
        )
        self.U = nn.Embedding(features, hidden, padding_idx=NOTHING)
        self.W = nn.Parameter(torch.eye(hidden))
        self.V = nn.Linear(hidden, classes, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, C) of characters, ids (B, T, 1)."""
        from flashrnn import flashrnn

        inputs = self.U(ids[..., 0])[:, :, None, None].bfloat16()  # (B, T, gates, heads, H)
        W = self.W[None, None].bfloat16()  # (gates, heads, H, H)
        bias = W.new_zeros(1, 1, len(self.W))
        _, last = flashrnn(inputs, W, bias, config=self.config)
        return self.V.forward(last[0, :, -1, 0].float())  # (states, B, 1, heads, H) → (B, C)


def ours(batches: Batches, vocabulary: Vocabulary, recipe: Recipe, epochs: int) -> Learn:
    """Our step, clipping and schedule included, with graphs captured anew."""
    on = batches.device
    rnn = RNN(len(vocabulary), recipe.hidden, batches.targets.shape[1]).to(on)
    fallback = torch.from_numpy(vocabulary.fallback).to(on)
    return GraphStep(rnn, fallback, recipe, epochs * len(batches)).take


def eager(model: nn.Module, recipe: Recipe) -> Learn:
    """A step kernel by kernel, with torch's fused optimiser."""
    optimiser = torch.optim.AdamW(
        model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )

    def learn(ids: Tensor, targets: Tensor) -> Tensor:
        loss = F.cross_entropy(model(ids), targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return learn


def run(batches: Batches, learn: Learn, epochs: int) -> None:
    """Learn from every name so often, and wait for the end."""
    order = torch.Generator().manual_seed(0)
    total = torch.zeros((), device=batches.device)
    for _ in range(epochs):
        for ids, targets in batches.shuffled(order):
            total += learn(ids, targets) * len(ids)
    total.item()
