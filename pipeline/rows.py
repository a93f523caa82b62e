"""The optimiser of U, of which a training step reads few rows: the others catch up when next read.

A batch activates a tenth of the n-grams, and a dense optimiser would read and write all rows to
multiply most of them by nearly one. Here a row that k updates passed over gets, when it is next
read, what k gradients of zero would have done to it. That is exact but for the learning rate, which
is taken as constant meanwhile.

It is Adam without momentum and with decoupled weight decay: in each row the gradient is rare, so
there is little to average, and to carry a row on after the fact was measured to do harm. Kingma and
Ba, Adam, 2015; Loshchilov and Hutter, Decoupled weight decay regularization, 2019.

Shapes: F features, n rows of one step, H hidden.
"""

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from model.installed import installed
from pipeline.one_cycle import FORGETTING


class RowAdam:
    """Adam for a matrix (F, H), a few rows at a time.

    No method touches other rows than those given, so threads may work on different ones. Updates
    count from 1; `read` prepares for an update and `write` makes it.
    """

    def __init__(self, matrix: Tensor, weight_decay: float, epsilon: float) -> None:
        """The matrix is changed in place."""
        self._matrix = matrix
        self._square = torch.zeros_like(matrix)  # mean square of the gradient
        self._written = torch.zeros(len(matrix), 1)  # the last update that a row has seen
        self._weight_decay, self._epsilon = weight_decay, epsilon

    def read(self, rows: Tensor, update: int, rate: float, out: Tensor) -> None:
        """Write the rows (n,) to `out` (n, H), caught up with all updates before this one."""
        torch.index_select(self._matrix, 0, rows, out=out)
        missed = update - 1 - self._written[rows]  # (n, 1)
        out.mul_(self._kept(rate) ** missed)

    def write(
        self, rows: Tensor, values: Tensor, gradient: Tensor, update: int, rate: float
    ) -> None:
        """Update rows (n,) whose `values` (n, H) were read for it; both tensors are used up."""
        square = self._square.index_select(0, rows)
        square.mul_(FORGETTING ** (update - 1 - self._written[rows]))
        adamw(
            [values],
            [gradient],
            [gradient],  # the mean of the gradient, of which nothing is remembered
            [square],
            [],
            [torch.tensor(update - 1.0)],
            fused=True,
            amsgrad=False,
            maximize=False,
            beta1=0.0,
            beta2=FORGETTING,
            lr=rate,
            weight_decay=self._weight_decay,
            eps=self._epsilon,
        )
        _put(self._square, rows, square)
        _put(self._matrix, rows, values)
        self._written[rows] = float(update)

    def settle(self, update: int, rate: float) -> None:
        """Let all rows catch up with this update."""
        missed = update - self._written
        self._matrix.mul_(self._kept(rate) ** missed)
        self._square.mul_(FORGETTING**missed)
        self._written.fill_(update)

    def _kept(self, rate: float) -> float:
        """What an update's weight decay leaves of a number."""
        return 1 - rate * self._weight_decay


class CompiledRowAdam(RowAdam):
    """The same in compiled loops, which read and write each number once."""

    def read(self, rows: Tensor, update: int, rate: float, out: Tensor) -> None:
        """As `RowAdam.read`."""
        from pipeline.adam_loops import read_rows

        matrix, written = self._matrix.numpy(), self._written.numpy().ravel()
        read_rows(matrix, written, rows.numpy(), update, self._kept(rate), out.numpy())

    def write(
        self, rows: Tensor, values: Tensor, gradient: Tensor, update: int, rate: float
    ) -> None:
        """As `RowAdam.write`, but that both tensors stay."""
        from pipeline.adam_loops import write_rows

        write_rows(
            *(matrix.numpy() for matrix in (self._matrix, self._square)),
            self._written.numpy().ravel(),
            *(tensor.numpy() for tensor in (rows, values, gradient)),
            update,
            rate,
            self._kept(rate),
            FORGETTING,
            self._epsilon,
        )


def row_adam(matrix: Tensor, weight_decay: float, epsilon: float) -> RowAdam:
    """The one for this machine."""
    kind = CompiledRowAdam if installed("numba") else RowAdam
    return kind(matrix, weight_decay, epsilon)


def _put(matrix: Tensor, rows: Tensor, values: Tensor) -> None:
    """`matrix.index_copy_`, with NumPy in less than half the time."""
    matrix.numpy()[rows.numpy()] = values.numpy()
