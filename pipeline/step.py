"""An update of W, U and V on a CPU: gradient, clipping, optimiser.

A batch is learned from as if the vocabulary were only what it activates: of U's F rows the n that
occur are gathered, and neither the gradient nor the optimiser touches the others.

Shapes: B batch, T steps, K ids of a step, F features, n rows of one step, C languages.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from model.rnn import RNN
from pipeline.gradient import Gradient
from pipeline.ranks import ALONE, Ranks
from pipeline.recipe import Recipe
from pipeline.rows import row_adam
from pipeline.threads import LoneThreads


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
        # As many as one process would have: how a tensor is split decides its last bits.
        self._threads, self._parts = threads, parts * ranks.count
        self._gradient = Gradient(recipe, threads, parts, ranks)
        self._rows = row_adam(rnn.U.detach(), recipe.weight_decay, recipe.epsilon)
        self._optimiser = AdamW(
            [rnn.W, rnn.V],
            recipe.learning_rate,
            eps=recipe.epsilon,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self._schedule = OneCycleLR(self._optimiser, recipe.learning_rate, total_steps=updates)
        self._update = 0
        # What stands in for other features comes first, and is among the rows of every step.
        self._always = int(fallback.max()) + 1
        self._active = torch.zeros(len(fallback), dtype=torch.bool)
        self._place = torch.zeros_like(fallback)  # of an active feature among the active ones

    def take(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Learn from ids (B, T, K) and targets (B, C); their loss before that, in nats a name."""
        self._update += 1
        rate = self._rate
        rows = self._activate(ids)
        local = RNN.of(self._rnn.W, self._read(rows, rate), self._rnn.V)
        fallback = self._place[self._fallback[rows]]
        loss = self._gradient.take(local, fallback, self._place[ids], targets)
        clip_grad_norm_(local.parameters(), self._recipe.largest_gradient)
        self._rnn.W.grad, self._rnn.V.grad = local.W.grad, local.V.grad
        self._optimiser.step()
        self._write(rows, local.U, rate)
        self._schedule.step()
        return loss

    def settle(self) -> None:
        """Let every row of U catch up with the updates that passed over it."""
        self._rows.settle(self._update, self._rate)

    @property
    def _rate(self) -> float:
        return float(self._schedule.get_last_lr()[0])

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

    def _write(self, rows: Tensor, U: nn.Parameter, rate: float) -> None:
        """Update these rows of U, whose values and gradient (n, H) a parameter holds."""
        assert U.grad is not None

        def write(rows: Tensor, values: Tensor, gradient: Tensor) -> None:
            self._rows.write(rows, values, gradient, self._update, rate)

        self._threads.map(write, *map(self._split, (rows, U.detach(), U.grad)))

    def _split(self, rows: Tensor) -> tuple[Tensor, ...]:
        return rows.tensor_split(self._parts)
