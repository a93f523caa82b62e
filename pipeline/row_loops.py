"""`pipeline.rows.RowAdam` in loops that Numba compiles: each number is read and written once.

Shapes: F features, n rows of one step, H hidden.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

import numpy as np
from numba import float32, float64, void

from model.loops import MATRIX, PLACES, compiled

FLOATS = float32[::1]


@compiled(void(MATRIX, FLOATS, PLACES, float64, float64, MATRIX))
def read_rows(matrix, written, rows, update, kept, out):
    """`RowAdam.read`; an update of which a row knows nothing leaves it `kept`."""
    for i in range(len(rows)):
        row = rows[i]
        factor = float32(kept ** (update - 1 - written[row]))
        for unit in range(out.shape[1]):
            out[i, unit] = matrix[row, unit] * factor


@compiled(
    void(
        MATRIX, MATRIX, FLOATS, PLACES, MATRIX, MATRIX, float64, float64, float64, float64, float64
    )
)
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
