"""W, U, V in torch: h_t = tanh(W h_{t-1} + U x_t), p = softmax(V h_T), fast enough to train.

Shapes: B batch, T steps, K ids of a step, F features, H hidden, C languages. Time comes first, so
that what one step reads lies together in memory. The same code runs on CPU and on CUDA.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.installed import installed
from model.vocabulary import NOTHING


class Recurrence(torch.autograd.Function):
    """The last state of a whole batch, with its own back-propagation through time.

    Autograd would keep a graph of T small operations. Here the forward pass keeps only the states,
    and the backward pass is one sweep over them, after which the gradient of W is one big product.
    """

    @staticmethod
    def forward(ctx: Any, W: Tensor, inputs: Tensor, truncate: int | None) -> Tensor:
        """h_T (B, H) from W (H, H) and inputs (T, B, H) = U x_t.

        Where a name has not begun its inputs are 0, so its state stays exactly 0: padding on the
        left changes nothing. With `truncate` = k gradients stop after the last k steps.
        """
        T, B, H = inputs.shape
        states = inputs.new_empty(T + 1, B, H)
        states[0] = 0.0
        for t in range(T):
            if t == 0:
                states[1] = inputs[0]
            else:
                torch.addmm(inputs[t], states[t], W.t(), out=states[t + 1])
            _tanh(states[t + 1])
        ctx.save_for_backward(W, states)
        ctx.truncate = T if truncate is None else min(truncate, T)
        return states[T]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """The gradients of W and of the inputs.

        With a_t = W h_{t-1} + U x_t: dL/da_t = dL/dh_t * (1 - h_t^2), dL/dh_{t-1} = W' dL/da_t,
        and dL/dW = sum over t of dL/da_t h_{t-1}'.
        """
        (d_state,) = gradients
        W, states = ctx.saved_tensors
        T, H = len(states) - 1, states.shape[2]
        first = T - ctx.truncate
        d_inputs = torch.zeros_like(states[1:]) if first else torch.empty_like(states[1:])
        d_state = d_state.clone()  # overwritten below
        for t in reversed(range(first, T)):
            torch.ops.aten.tanh_backward.grad_input(d_state, states[t + 1], grad_input=d_inputs[t])
            if t > first:
                torch.mm(d_inputs[t], W, out=d_state)
        begun = max(first, 1)  # h_0 is 0, so the first step tells nothing of W
        d_W = d_inputs[begun:].reshape(-1, H).t() @ states[begun:T].reshape(-1, H)
        return d_W, d_inputs, None


def recurrence_for(inputs: Tensor) -> type[torch.autograd.Function]:
    """The fused one where it can run: in float32, on CUDA, if Triton is installed and H fits."""
    if inputs.is_cuda and inputs.dtype == torch.float32 and installed("triton"):
        from model.fused import LARGEST, FusedRecurrence

        return FusedRecurrence if inputs.shape[-1] <= LARGEST else Recurrence
    return Recurrence


def fast_embeddings_for(U: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor] | None:
    """What computes h_T from W, U and ids where there is nothing to learn; None: torch is to."""
    if U.is_cpu and U.dtype == torch.float32 and installed("numba"):
        from model import compiled_recurrence

        return compiled_recurrence.embeddings_of
    if recurrence_for(U) is not Recurrence:
        from model import fused

        return fused.embeddings_of
    return None


GAIN = 1.25
"""V of a unit that starts as a language's logit: the smaller, the sooner tanh bounds the logit."""


class RNN(nn.Module):
    """Three matrices and nothing else: no bias, no gate.

    `U` is stored with features first, (F, H), because a step gathers whole columns of the article's
    U. Row 0 stands for "nothing": it is zero and gets no gradient.
    """

    def __init__(self, features: int, hidden: int, classes: int, *, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        U = torch.randn(features, hidden, generator=generator) * 0.3
        U[NOTHING] = 0.0
        V = torch.randn(classes, hidden, generator=generator) * 0.02
        self.W = nn.Parameter(torch.eye(hidden))
        self.U = nn.Parameter(U)
        self.V = nn.Parameter(V)

    @classmethod
    def of(cls, W: Tensor, U: Tensor, V: Tensor) -> Self:
        """A network of these matrices, (H, H), (F, H) and (C, H); they are shared, not copied."""
        rnn = cls.__new__(cls)
        nn.Module.__init__(rnn)
        rnn.W, rnn.U, rnn.V = nn.Parameter(W), nn.Parameter(U), nn.Parameter(V)
        return rnn

    def start_from(self, columns: Tensor) -> None:
        """Let the first C units start as logits: sums of columns (F, C) over a name's features.

        W starts as the identity, so a unit keeps what it has and adds what U gives, bounded by
        tanh. Where they would be more than half of all units, nothing is changed.
        """
        C = columns.shape[1]
        if len(self.W) >= 2 * C:
            with torch.no_grad():
                self.U[:, :C] = columns / GAIN
                self.V[:, :C] = GAIN * torch.eye(C, device=self.V.device)

    def embed(self, ids: Tensor, *, truncate: int | None = None) -> Tensor:
        """h_T (B, H), the names' embeddings, from left-padded ids (B, T, K)."""
        embeddings_of = None if torch.is_grad_enabled() else fast_embeddings_for(self.U)
        if embeddings_of is not None:
            return embeddings_of(self.W, self.U, ids)
        B, T, K = ids.shape
        flat = ids.transpose(0, 1).reshape(T * B, K)
        inputs = F.embedding_bag(flat, self.U, mode="sum", padding_idx=NOTHING)
        recurrence = recurrence_for(inputs)
        h: Tensor = recurrence.apply(self.W, inputs.view(T, B, len(self.W)), truncate)
        return h

    def forward(self, h: Tensor) -> Tensor:
        """Logits (B, C) = V h of embeddings h (B, H)."""
        return h @ self.V.t()


def _tanh(a: Tensor) -> None:
    """In place. On a CPU with NumPy's, which is seven times as fast as torch's."""
    if a.is_cpu:
        np.tanh(a.numpy(), out=a.numpy())
    else:
        a.tanh_()
