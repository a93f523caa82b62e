"""W and U in compiled loops, where nothing is to be learned on a CPU.

Shapes: B batch, T steps, K ids of a step, F features, H hidden.
"""

from torch import Tensor

from model import loops


def embeddings_of(W: Tensor, U: Tensor, ids: Tensor) -> Tensor:
    """h_T (B, H), in float32, from W (H, H), U (F, H) and left-padded ids (B, T, K)."""
    B, T, _ = ids.shape
    states = U.new_empty(T + 1, B, len(W))
    read = (tensor.detach().contiguous().numpy() for tensor in (W, U, ids.int()))
    loops.forward(*read, states.numpy())
    return states[T]
