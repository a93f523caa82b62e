"""The optimisers of a CPU in loops that Numba compiles: each number is read and written once.

Shapes: F features, n rows of one step, C languages, H hidden.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

import numpy as np
from numba import float32, float64, void

from model.loops import MATRIX, PLACES, compiled

FLOATS = float32[::1]


@compiled(void(*(MATRIX,) * 4, *(float64,) * 7))
def write_matrix(
    matrix, mean, square, gradient, rate, fresh, begun, spread, kept, forgetting, epsilon
):
    """`pipeline.adam.Adam.write`; the numbers are those of `pipeline.one_cycle.Numbers`."""
    enters, old, new = float32(fresh), float32(forgetting), float32(1 - forgetting)
    size, grown, stays = float32(rate / begun), float32(1 / spread), float32(kept)
    bound = float32(epsilon)
    for row in range(matrix.shape[0]):
        for unit in range(matrix.shape[1]):
            slope = gradient[row, unit]
            mean[row, unit] += enters * (slope - mean[row, unit])
            square[row, unit] = square[row, unit] * old + new * slope * slope
            step = size * mean[row, unit] / (np.sqrt(square[row, unit]) * grown + bound)
            matrix[row, unit] = matrix[row, unit] * stays - step


@compiled(void(MATRIX, FLOATS, PLACES, float64, float64, MATRIX))
def read_rows(matrix, written, rows, update, kept, out):
    """`RowAdam.read`; an update of which a row knows nothing leaves it `kept`."""
    for i in range(len(rows)):
        row = rows[i]
        factor = float32(kept ** (update - 1 - written[row]))
        for unit in range(out.shape[1]):
            out[i, unit] = matrix[row, unit] * factor


@compiled(void(MATRIX, MATRIX, FLOATS, PLACES, MATRIX, MATRIX, *(float64,) * 5))
def write_rows(
    matrix, square, written, rows, values, gradient, update, rate, kept, forgetting, epsilon
):
    """`RowAdam.write`; weight decay leaves a value `kept`."""
    begun = float32(1 / np.sqrt(1 - forgetting**update))  # its mean starts at 0
    new, stays, bound = float32(1 - forgetting), float32(kept), float32(epsilon)
    for i in range(len(rows)):
        row = rows[i]
        old = float32(forgetting ** (update - written[row]))
        for unit in range(values.shape[1]):
            slope = gradient[i, unit]
            mean = square[row, unit] * old + new * slope * slope
            square[row, unit] = mean
            step = float32(rate) * slope / (np.sqrt(mean) * begun + bound)
            matrix[row, unit] = values[i, unit] * stays - step
        written[row] = update
