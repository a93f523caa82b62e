"""h W on processors with AVX-512, W laid out once for all the products that it is a factor of.

The sums of a few rows and a panel of columns stay in registers while one row of the panel after the
other is multiplied. BLAS lays W out anew for each product of a few hundred rows, which costs it a
tenth of its time.

Shapes: n states, H hidden, a multiple of `PANEL`, P panels of so many columns of W; D words of a
row, here float32, so that D is H.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

from functools import partial

import numpy as np
from numba import void

from model.compiled import BLOCK, PANEL, Product, Step
from model.intrinsics import tile
from model.loops import CUBE, IDS, MATRIX, PLACES, compiled, states
from model.states import Floats

ROWS = 8
"""Rows of h that are multiplied together: with a panel their sums take 16 registers of 32."""

of_rows, of_one = tile(ROWS), tile(1)


def product(W: Floats) -> Product:
    """What multiplies states with W (H, H)."""
    panels = _panels(W)
    return lambda h, out: multiply(h, panels, out)


def step(W: Floats, sums: Floats) -> Step:
    """What takes a step with W (H, H) and the sums of U's columns (F, H)."""
    return partial(_step, sums, _panels(W))


def _panels(W: Floats) -> Floats:
    return np.ascontiguousarray(W.reshape(len(W), -1, PANEL).transpose(1, 0, 2))


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


@compiled(void(MATRIX, CUBE, MATRIX, PLACES, IDS, MATRIX))
def _step(sums, panels, carried, parents, features, below):
    """h W (n, H) of nodes, from that of the nodes above them."""
    h = np.empty((min(len(parents), BLOCK), below.shape[1]), np.float32)
    for start in range(0, len(parents), BLOCK):
        block = slice(start, min(start + BLOCK, len(parents)))
        some = h[: block.stop - start]
        states(carried, parents[block], sums, features[block], some)
        multiply(some, panels, below[block])
