"""What a training step minimises, and its gradient, worked out by several threads and processes.

Shapes: B batch, T steps, K ids of a step, F features, C languages.
"""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from model.rnn import RNN
from pipeline.batches import corrupt, drop
from pipeline.ranks import ALONE, Ranks
from pipeline.recipe import Recipe
from pipeline.threads import LoneThreads

ALL = slice(None)


class Gradient:
    """The gradient of a network's loss, a batch at a time, each in parts that run side by side.

    Each part draws what is dropped from a generator of its own, and the parts are added in order;
    so a seed and the number of parts decide every bit. Of several processes each works out as many
    parts as it has threads, so two with one thread do what one with two does.
    """

    def __init__(
        self, recipe: Recipe, threads: LoneThreads, parts: int, ranks: Ranks = ALONE
    ) -> None:
        """`parts` are this process's."""
        self._recipe, self._threads, self._ranks = recipe, threads, ranks
        self._mine = slice(ranks.rank * parts, (ranks.rank + 1) * parts)
        every = parts * ranks.count
        self._generators = [
            torch.Generator().manual_seed(every * recipe.seed + part) for part in range(every)
        ]

    def take(self, rnn: RNN, fallback: Tensor, ids: Tensor, targets: Tensor) -> Tensor:
        """The loss of ids (B, T, K) and targets (B, C); the network's parameters get its gradient.

        The batch is that of all ranks together, and so are the loss and the gradient.
        `fallback` (F,) is that of the vocabulary whose ids these are.
        """
        parameters = list(rnn.parameters())
        B, parts = len(ids), min(len(ids), len(self._generators))

        def part(ids: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
            loss = loss_of(rnn, ids, targets, fallback, self._recipe, generator) * (len(ids) / B)
            return loss.detach(), *torch.autograd.grad(loss, parameters)

        shards = (ids.tensor_split(parts), targets.tensor_split(parts), self._generators[:parts])
        mine = [shard[self._mine] for shard in shards]
        results = self._threads.map(part, *mine) if mine[0] else [_nothing(parameters)]
        shares = [reduce(Tensor.add_, of_parts) for of_parts in zip(*results, strict=True)]
        loss, *gradients = self._ranks.sum(shares)
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
    mine: slice = ALL,
) -> Tensor:
    """What a training step minimises on ids (B, T, K) and targets (B, C), in nats a name.

    Cross-entropy and, where the recipe asks for consistency, how far two readings of each name
    disagree that had different things dropped: half the symmetric Kullback-Leibler divergence.
    Wu et al., R-Drop: Regularized Dropout for Neural Networks, 2021.

    With `mine` it is the mean over these names of the batch, and what is dropped is drawn for all,
    so that it does not depend on who works out which.
    """
    B, readings = len(ids), 2 if recipe.consistency else 1

    def of_mine(values: Tensor) -> Tensor:
        """Those of both readings (readings * B, …) that are of my names."""
        return values.view(readings, B, *values.shape[1:])[:, mine].flatten(0, 1)

    repeated = ids.repeat(readings, 1, 1) if readings > 1 else ids
    seen = of_mine(corrupt(repeated, fallback, recipe, generator))
    h = rnn.embed(seen, truncate=recipe.truncate)
    if recipe.dropout:
        draw = torch.rand(readings * B, h.shape[1], generator=generator, device=h.device)
        h = drop(h, recipe.dropout, of_mine(draw))
    targets = targets[mine]
    logs = F.log_softmax(rnn(h), dim=1).view(readings, *targets.shape)
    loss = -(targets * logs.mean(0)).sum(1).mean()
    if recipe.consistency:
        apart = ((logs[0].exp() - logs[1].exp()) * (logs[0] - logs[1])).sum(1).mean()
        loss = loss + recipe.consistency * apart / 2
    return loss


def _nothing(parameters: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A loss of 0 and its gradient, where a batch has fewer names than there are parts."""
    return torch.zeros(()), *map(torch.zeros_like, parameters)
