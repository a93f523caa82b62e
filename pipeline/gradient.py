"""What a training step minimises, and its gradient, worked out by several threads.

Shapes: B batch, T steps, G n-gram order, F features, C languages.
"""

from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from model.rnn import RNN
from pipeline.batches import corrupt, drop
from pipeline.recipe import Recipe
from pipeline.threads import LoneThreads


class Gradient:
    """The gradient of a network's loss, a batch at a time, each in parts that run side by side.

    Each part draws what is dropped from a generator of its own, and the parts are added in order;
    so a seed and the number of parts decide every bit.
    """

    def __init__(self, recipe: Recipe, threads: LoneThreads, parts: int) -> None:
        self._recipe, self._threads = recipe, threads
        self._generators = [
            torch.Generator().manual_seed(parts * recipe.seed + part) for part in range(parts)
        ]

    def take(self, rnn: RNN, fallback: Tensor, ids: Tensor, targets: Tensor) -> Tensor:
        """The loss of ids (B, T, G) and targets (B, C); the network's parameters get its gradient.

        `fallback` (F,) is that of the vocabulary whose ids these are.
        """
        parameters = list(rnn.parameters())
        B, parts = len(ids), min(len(ids), len(self._generators))

        def part(ids: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
            loss = loss_of(rnn, ids, targets, fallback, self._recipe, generator) * (len(ids) / B)
            return loss.detach(), *torch.autograd.grad(loss, parameters)

        shards = (ids.tensor_split(parts), targets.tensor_split(parts), self._generators[:parts])
        sums = zip(*self._threads.map(part, *shards), strict=True)
        loss: Tensor
        loss, *gradients = [reduce(Tensor.add_, shares) for shares in sums]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss


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
    repeated = ids.repeat(readings, 1, 1) if readings > 1 else ids
    seen = corrupt(repeated, fallback, recipe, generator)
    h = drop(rnn.embed(seen, truncate=recipe.truncate), recipe.dropout, generator)
    logs = F.log_softmax(rnn(h), dim=1).view(readings, *targets.shape)
    loss = -(targets * logs.mean(0)).sum(1).mean()
    if recipe.consistency:
        apart = ((logs[0].exp() - logs[1].exp()) * (logs[0] - logs[1])).sum(1).mean()
        loss = loss + recipe.consistency * apart / 2
    return loss
