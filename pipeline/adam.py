"""The optimiser of W and V on a CPU: Adam with momentum and decoupled weight decay.

Kingma and Ba, Adam, 2015; Loshchilov and Hutter, Decoupled weight decay regularization, 2019.
"""

import torch
from torch import Tensor

from model.installed import installed
from pipeline.one_cycle import FORGETTING, Numbers


class Adam:
    """Adam for a matrix of which each update changes every number."""

    def __init__(self, matrix: Tensor, epsilon: float) -> None:
        """The matrix is changed in place."""
        self._matrix, self._epsilon = matrix, epsilon
        self._mean, self._square = torch.zeros_like(matrix), torch.zeros_like(matrix)

    def write(self, gradient: Tensor, numbers: Numbers) -> None:
        """Update the matrix by its gradient, which stays as it is."""
        rate, fresh, begun, spread, kept = numbers
        self._mean.lerp_(gradient, fresh)
        self._square.mul_(FORGETTING).addcmul_(gradient, gradient, value=1 - FORGETTING)
        size = (self._square.sqrt() / spread).add_(self._epsilon)
        self._matrix.mul_(kept).addcdiv_(self._mean, size, value=-rate / begun)


class CompiledAdam(Adam):
    """The same in a compiled loop."""

    def write(self, gradient: Tensor, numbers: Numbers) -> None:
        """As `Adam.write`."""
        from pipeline.adam_loops import write_matrix

        tensors = self._matrix, self._mean, self._square, gradient
        write_matrix(*(tensor.numpy() for tensor in tensors), *numbers, FORGETTING, self._epsilon)


def adam(matrix: Tensor, epsilon: float) -> Adam:
    """The one for this machine."""
    return CompiledAdam(matrix, epsilon) if installed("numba") else Adam(matrix, epsilon)
