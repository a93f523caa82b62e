"""The training step on a GPU: CUDA graphs, one for each length of names, and no waiting.

A step is some hundred kernels, most of which run for less time than the host takes to start them.
A graph starts them all at once. It repeats what was captured, address for address, so all that
changes from step to step lies in tensors of fixed shape: the batch, padded to a multiple of
`BUCKET` steps and to the recipe's number of names, the weights, and how far along training is.

Names of padding have no n-gram and no target: h is 0, and so is all that they add to the loss and
to its gradient. Without CUDA the same step runs kernel by kernel.

Shapes: B batch, T steps, K ids of a step, C languages, P parameters.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from model.rnn import RNN
from pipeline.gradient import loss_of
from pipeline.one_cycle import FORGETTING, one_cycle
from pipeline.ranks import ALONE, Ranks
from pipeline.recipe import Recipe

BUCKET = 4
"""Steps by which graphs differ: fewer make less padding, and more graphs."""


@dataclass
class Bucket:
    """What one graph reads and writes."""

    ids: Tensor  # (B, T, K)
    targets: Tensor  # (B, C)
    padded: Tensor  # () B, over how many of them are names
    loss: Tensor  # ()
    graph: torch.cuda.CUDAGraph | None = None

    def fill(self, ids: Tensor, targets: Tensor) -> None:
        """Copy a batch (b, t, K), (b, C), padded on the left of each name and below the last."""
        B, T, _ = self.ids.shape
        b, t, _ = ids.shape
        assert b <= B, f"{b} names do not fit in a batch of {B}"
        self.ids.zero_()[:b, T - t :].copy_(ids)
        self.targets[:b].copy_(targets)
        self.targets[b:].zero_()
        self.padded.fill_(B / b)


class GraphStep:
    """Training steps of a network that never wait for the device."""

    def __init__(
        self, rnn: RNN, fallback: Tensor, recipe: Recipe, updates: int, ranks: Ranks = ALONE
    ) -> None:
        """`fallback` (F,) is the vocabulary's, on the network's device; `updates` is how many.

        Raises:
            ValueError: there are more ranks than names in a batch.
        """
        if recipe.batch < ranks.count:
            raise ValueError(f"batch is {recipe.batch}, expected at least one for each rank")
        self._ranks, B = ranks, recipe.batch
        self._mine = slice(*(B * rank // ranks.count for rank in (ranks.rank, ranks.rank + 1)))
        self._rnn, self._fallback, self._recipe = rnn, fallback, recipe
        self._generator = torch.Generator(fallback.device).manual_seed(recipe.seed)
        self._optimiser = DeviceAdamW(rnn, recipe, updates)
        self._buckets: dict[int, Bucket] = {}
        self._pool = torch.cuda.graph_pool_handle() if fallback.is_cuda else None

    def take(self, ids: Tensor, targets: Tensor) -> Tensor:
        """The loss of ids (B, T, K) and targets (B, C), on their device; the network learns."""
        steps = -(-ids.shape[1] // BUCKET) * BUCKET
        if steps not in self._buckets:
            self._buckets[steps] = self._new_bucket(ids, targets, steps)
        bucket = self._buckets[steps]
        bucket.fill(ids, targets)
        if bucket.graph:
            bucket.graph.replay()
        else:
            self._learn(bucket)
        return bucket.loss.clone()

    def settle(self) -> None:
        """Every row of U is up to date at any time."""

    def _new_bucket(self, ids: Tensor, targets: Tensor, steps: int) -> Bucket:
        """A bucket for batches like this one; on CUDA its step is captured, not yet taken."""
        B = self._recipe.batch
        bucket = Bucket(
            ids.new_zeros(B, steps, ids.shape[2]),
            targets.new_zeros(B, targets.shape[1]),
            targets.new_ones(()),
            targets.new_zeros(()),
        )
        if ids.is_cuda:
            with tensor_cores():
                self._warm_up(bucket)
                graph = torch.cuda.CUDAGraph()
                graph.register_generator_state(self._generator)
                with torch.cuda.graph(graph, self._pool, capture_error_mode="thread_local"):
                    self._learn(bucket)
            bucket.graph = graph
        return bucket

    def _warm_up(self, bucket: Bucket) -> None:
        """Once without a capture, in which kernels cannot be compiled or loaded; nothing learns."""
        stream, now = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(now)
        with torch.cuda.stream(stream), self._optimiser.rehearsal():
            self._learn(bucket)
        now.wait_stream(stream)

    def _learn(self, bucket: Bucket) -> None:
        args = (self._fallback, self._recipe, self._generator, self._mine)
        loss = loss_of(self._rnn, bucket.ids, bucket.targets, *args) * bucket.padded
        if self._ranks.count > 1:
            loss = loss * ((self._mine.stop - self._mine.start) / self._recipe.batch)
        gradients = torch.autograd.grad(loss, self._optimiser.parameters)
        vector = torch.cat([gradient.flatten() for gradient in gradients])
        loss, vector = self._ranks.sum([loss.detach(), vector])
        bucket.loss.copy_(loss)
        self._optimiser.step(vector)


class DeviceAdamW:
    """AdamW, clipping and the one-cycle schedule without a number that the host must supply.

    W, V and U become parts of one vector, so that an update is ten kernels, not thirty. As on a
    CPU, U has no momentum. Loshchilov and Hutter, Decoupled weight decay regularization, 2019.
    """

    def __init__(self, rnn: RNN, recipe: Recipe, updates: int) -> None:
        self.parameters = [rnn.W, rnn.V, rnn.U]  # as they follow in the vector
        self._values = torch.cat([p.detach().flatten() for p in self.parameters])  # (P,)
        parts = self._values.split([p.numel() for p in self.parameters])
        for p, part in zip(self.parameters, parts, strict=True):
            p.data = part.view_as(p)
        self._mean = torch.zeros_like(self._values[: rnn.W.numel() + rnn.V.numel()])
        self._square = torch.zeros_like(self._values)
        self._largest, self._epsilon = recipe.largest_gradient, recipe.epsilon
        table = [one_cycle(recipe, update, updates) for update in range(1, updates + 1)]
        self._table = torch.tensor(table).to(self._values)  # (updates, 5)
        self._update = torch.zeros(1, dtype=torch.int64, device=self._values.device)

    @torch.no_grad()
    def step(self, gradient: Tensor) -> None:
        """One update by a gradient (P,), which is overwritten."""
        gradient *= (self._largest / (gradient.norm() + 1e-6)).clamp(max=1.0)
        rate, fresh, begun, spread, kept = self._table[self._update][0]
        self._update += 1
        self._square.mul_(FORGETTING).addcmul_(gradient, gradient, value=1 - FORGETTING)
        size = self._square.sqrt().div_(spread).add_(self._epsilon)
        carried = gradient[: len(self._mean)]
        self._mean.lerp_(carried, fresh)
        torch.div(self._mean, begun, out=carried)
        self._values.mul_(kept).sub_(gradient.div_(size).mul_(rate))

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What is learned inside is forgotten."""
        state = (self._values, self._mean, self._square, self._update)
        kept = [each.clone() for each in state]
        yield
        for each, before in zip(state, kept, strict=True):
            each.copy_(before)


@contextmanager
def tensor_cores() -> Iterator[None]:
    """Products of float32 matrices may be as exact as TF32 here, which a gradient can bear."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
