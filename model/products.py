"""h W on processors with AVX-512, W laid out once for all the products that it is a factor of.

The sums of a few rows and a panel of columns stay in registers while one row of the panel after the
other is multiplied. BLAS lays W out anew for each product of a few hundred rows, which costs it a
tenth of its time.

Shapes: n states, H hidden, a multiple of `PANEL`, P panels of so many columns of W; D words of a
row, here float32, so that D is H.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

import numpy as np
from numba import void

from model.compiled import PANEL, Product
from model.intrinsics import tile
from model.loops import CUBE, MATRIX, compiled
from model.states import Floats

ROWS = 8
"""Rows of h that are multiplied together: with a panel their sums take 16 registers of 32."""

of_rows, of_one = tile(ROWS), tile(1)


def product(W: Floats) -> Product:
    """What multiplies states with W (H, H)."""
    panels = np.ascontiguousarray(W.reshape(len(W), -1, PANEL).transpose(1, 0, 2))
    return lambda h, out: multiply(h, panels, out)


def over_panels(words, panels, out):
    """h W (n, H) of h in words (n, D) and the panels (P, D, PANEL) of W."""
    n = len(words)
    for p in range(len(panels)):
        columns = out[:, p * PANEL :]
        if n < ROWS:
            for row in range(n):
                of_one(words[row:], panels[p], columns[row:])
        else:
            for row in range(0, n, ROWS):
                first = min(row, n - ROWS)  # the last ones may come twice
                of_rows(words[first:], panels[p], columns[first:])


multiply = compiled(void(MATRIX, CUBE, MATRIX))(over_panels)
