"""W and U in compiled loops, for training on a CPU.

Between two steps nobody waits for the interpreter, so that threads which each take a part of a
batch do not stand in each other's way.

Shapes: B batch, T steps, K ids of a step, F features, H hidden.
"""

from typing import Any

import torch
from torch import Tensor

from model import loops


class CompiledRecurrence(torch.autograd.Function):
    """What `model.rnn.RNN.embed` computes, and its gradients, in float32."""

    @staticmethod
    def forward(ctx: Any, W: Tensor, U: Tensor, ids: Tensor, truncate: int | None) -> Tensor:
        """h_T (B, H) from W (H, H), U (F, H) and left-padded ids (B, T, K)."""
        B, T, _ = ids.shape
        W, U, ids = W.contiguous(), U.contiguous(), ids.int().contiguous()
        states = U.new_empty(T + 1, B, len(W))
        loops.forward(*_arrays(W, U, ids, states))
        ctx.save_for_backward(W, U, ids, states)
        ctx.first = 0 if truncate is None else max(T - truncate, 0)
        return states[T]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """The gradients of W and U."""
        W, U, ids, states = ctx.saved_tensors
        d_state = gradients[0].clone(memory_format=torch.contiguous_format)  # overwritten
        d_inputs, d_W, d_U = torch.empty_like(states[1:]), torch.zeros_like(W), torch.zeros_like(U)
        read, written = _arrays(W, ids, states, d_state), _arrays(d_inputs, d_W, d_U)
        loops.backward(*read, ctx.first, *written)
        return d_W, d_U, None, None


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().numpy() for tensor in tensors]
