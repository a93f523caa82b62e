"""An update of W, U and V on a CPU: gradient, clipping, optimiser.

A batch is learned from as if the vocabulary were only what it activates: of U's F rows the n that
occur are gathered, and neither the gradient nor the optimiser touches the others.

Shapes: B batch, T steps, K ids of a step, F features, n rows of one step, C languages.
"""

from collections.abc import Sequence
from math import hypot

import torch
from torch import Tensor

from model.rnn import RNN
from pipeline.adam import adam
from pipeline.gradient import Gradient
from pipeline.one_cycle import Numbers, one_cycle
from pipeline.ranks import ALONE, Ranks
from pipeline.recipe import Recipe
from pipeline.rows import row_adam
from pipeline.threads import LoneThreads

LEAST_ROWS = 256
"""Rows of U that are worth a thread of their own."""


class Step:
    """Updates of a network, as many as its schedule has.

    `settle` has to be called before the network is used.
    """

    def __init__(
        self,
        rnn: RNN,
        fallback: Tensor,
        recipe: Recipe,
        *,
        updates: int,
        threads: LoneThreads,
        parts: int,
        ranks: Ranks = ALONE,
    ) -> None:
        """`fallback` (F,) is the vocabulary's; each rank splits its work in so many parts."""
        self._rnn, self._fallback, self._recipe = rnn, fallback, recipe
        # As many as one process would have: how a tensor is split may decide its last bits.
        self._threads, self._parts = threads, parts * ranks.count
        self._gradient = Gradient(recipe, threads, parts, ranks)
        self._rows = row_adam(rnn.U.detach(), recipe.weight_decay, recipe.epsilon)
        self._W, self._V = (adam(each.detach(), recipe.epsilon) for each in (rnn.W, rnn.V))
        self._update, self._updates = 0, updates
        # What stands in for other features comes first, and is among the rows of every step.
        self._always = int(fallback.max()) + 1
        self._active = torch.zeros(len(fallback), dtype=torch.bool)
        self._place = torch.zeros_like(fallback)  # of an active feature among the active ones

    def take(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Learn from ids (B, T, K) and targets (B, C); their loss before that, in nats a name."""
        self._update += 1
        numbers = self._numbers
        rows = self._activate(ids)
        local = RNN.of(self._rnn.W, self._read(rows, numbers.rate), self._rnn.V)
        fallback = self._place[self._fallback[rows]]
        loss, *gradients = self._gradient.take(local, fallback, self._place[ids], targets)
        kept = self._kept(gradients)
        d_W, d_U, d_V = gradients
        self._W.write(d_W.mul_(kept), numbers)
        self._V.write(d_V.mul_(kept), numbers)
        self._write(rows, local.U.detach(), d_U, kept, numbers.rate)
        return loss

    def settle(self) -> None:
        """Let every row of U catch up with the updates that passed over it."""
        if self._update:
            self._rows.settle(self._update, self._numbers.rate)

    @property
    def _numbers(self) -> Numbers:
        return one_cycle(self._recipe, self._update, self._updates)

    def _activate(self, ids: Tensor) -> Tensor:
        """The features (n,) that a batch may see, in order; their places are noted."""
        self._active.zero_()
        self._active[: self._always] = True
        self._active[ids.flatten()] = True
        rows = self._active.nonzero().squeeze(1)
        self._place[rows] = torch.arange(len(rows), dtype=self._place.dtype)
        return rows

    def _read(self, rows: Tensor, rate: float) -> Tensor:
        """(n, H) these rows of U."""
        values = torch.empty(len(rows), self._rnn.U.shape[1])

        def read(rows: Tensor, values: Tensor) -> None:
            self._rows.read(rows, self._update, rate, values)

        self._threads.map(read, self._split(rows), self._split(values))
        return values

    def _kept(self, gradients: Sequence[Tensor]) -> float:
        """What is kept of gradients that are together too long."""
        length = hypot(*(float(gradient.norm()) for gradient in gradients))
        return min(self._recipe.largest_gradient / (length + 1e-6), 1.0)

    def _write(self, rows: Tensor, U: Tensor, d_U: Tensor, kept: float, rate: float) -> None:
        """Update these rows of U (n, H) by so much of their gradient."""

        def write(rows: Tensor, values: Tensor, gradient: Tensor) -> None:
            self._rows.write(rows, values, gradient.mul_(kept), self._update, rate)

        self._threads.map(write, *map(self._split, (rows, U, d_U)))

    def _split(self, rows: Tensor) -> tuple[Tensor, ...]:
        """(n, …) in as many parts as are worth a thread each."""
        return rows.tensor_split(max(1, min(self._parts, len(rows) // LEAST_ROWS)))
