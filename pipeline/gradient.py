"""What a training step minimises, and its gradient, worked out by several threads and processes.

Shapes: B batch, T steps, K ids of a step, F features, C languages.
"""

from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model.installed import installed
from model.rnn import RNN
from pipeline.batches import corrupt, drop
from pipeline.ranks import ALONE, Ranks
from pipeline.recipe import Recipe
from pipeline.threads import LoneThreads

ALL = slice(None)

Share = tuple[Tensor, ...]
"""What a part of a batch adds to its loss, and to the gradients of W, U and V."""


class Part(NamedTuple):
    """Those of a batch's B names that one thread works on."""

    ids: Tensor  # (n, T, K)
    targets: Tensor  # (n, C)
    generator: torch.Generator
    """Of what is dropped."""
    names: int  # B


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
        self._share = share_for_this_machine()
        self._mine = slice(ranks.rank * parts, (ranks.rank + 1) * parts)
        every = parts * ranks.count
        self._generators = [
            torch.Generator().manual_seed(every * recipe.seed + part) for part in range(every)
        ]

    def take(self, rnn: RNN, fallback: Tensor, ids: Tensor, targets: Tensor) -> list[Tensor]:
        """The loss of ids (B, T, K) and targets (B, C), and the gradients of W, U and V.

        The batch is that of all ranks together, and so are the loss and the gradients.
        `fallback` (F,) is that of the vocabulary whose ids these are.
        """
        B, count = len(ids), min(len(ids), len(self._generators))
        split = ids.tensor_split(count), targets.tensor_split(count), self._generators[:count]
        mine = [Part(*part, B) for part in zip(*split, strict=True)][self._mine]
        share_of = partial(self._share, rnn, fallback, self._recipe)
        results = self._threads.map(share_of, mine) if mine else [_nothing(rnn.parameters())]
        shares = [reduce(Tensor.add_, of_parts) for of_parts in zip(*results, strict=True)]
        return self._ranks.sum(shares)


def share_for_this_machine() -> Callable[[RNN, Tensor, Recipe, Part], Share]:
    """In compiled loops where Numba is installed."""
    return share_in_loops if installed("numba") else share


def share(rnn: RNN, fallback: Tensor, recipe: Recipe, part: Part) -> Share:
    """What a part adds to `loss_of` its batch."""
    ids, targets, generator, names = part
    loss = loss_of(rnn, ids, targets, fallback, recipe, generator) * (len(ids) / names)
    return loss.detach(), *torch.autograd.grad(loss, list(rnn.parameters()))


def share_in_loops(rnn: RNN, fallback: Tensor, recipe: Recipe, part: Part) -> Share:
    """As `share`, on a CPU and in float32."""
    from model import loops
    from pipeline import loss_loops

    ids, targets, generator, names = part
    seen = corrupt(_repeated(ids, recipe), fallback, recipe, generator).int().numpy()
    B, T, _ = seen.shape
    W, U, V = matrices = [parameter.detach().numpy() for parameter in rnn.parameters()]
    d_W, d_U, d_V = gradients = [np.zeros_like(matrix) for matrix in matrices]
    draw = torch.rand(B if recipe.dropout else 0, len(W), generator=generator).numpy()
    states, d_inputs = (np.empty((steps, B, len(W)), np.float32) for steps in (T + 1, T))
    loops.forward(W, U, seen, states)
    d_h = states[T].copy()
    loss = loss_loops.learn(
        d_h, V, targets.numpy(), draw, recipe.dropout, recipe.consistency, names, d_V
    )
    first = 0 if recipe.truncate is None else max(T - recipe.truncate, 0)
    loops.backward(W, seen, states, d_h, first, d_inputs, d_W, d_U)
    return torch.tensor(loss), *map(torch.from_numpy, gradients)


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
    repeated = _repeated(ids, recipe)
    B, readings = len(ids), len(repeated) // len(ids)

    def of_mine(values: Tensor) -> Tensor:
        """Those of both readings (readings * B, …) that are of my names."""
        return values.view(readings, B, *values.shape[1:])[:, mine].flatten(0, 1)

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


def _repeated(ids: Tensor, recipe: Recipe) -> Tensor:
    """Ids (B, T, K) as often as they are read: twice where the readings are to agree."""
    return ids.repeat(2, 1, 1) if recipe.consistency else ids


def _nothing(parameters: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """A loss of 0 and its gradient, where a batch has fewer names than there are parts."""
    return torch.zeros(()), *map(torch.zeros_like, parameters)
