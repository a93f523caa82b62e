"""h W in bfloat16, on processors that multiply it: twice as fast, and sums stay float32.

Only what is multiplied is rounded, to 8 bits; one instruction multiplies pairs of numbers and adds
them up (AVX-512 BF16, `vdpbf16ps`). Where `model.compiled.multiplies_bfloat16` says no, this cannot
be loaded.

Shapes: n states, H hidden, a multiple of `PANEL`, P panels of so many columns of W.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

from functools import partial

import numpy as np
from numba import int32, uint32, void
from numpy.typing import NDArray

from model.compiled import BLOCK, PANEL, Product, Step
from model.loops import IDS, MATRIX, PLACES, compiled, states
from model.products import over_panels
from model.states import Floats

Pairs = NDArray[np.int32]
"""Two bfloat16 each, the one of the lower place in the lower half."""

PAIRS, PAIR_CUBE = int32[:, ::1], int32[:, :, ::1]


def product(W: Floats) -> Product:
    """What multiplies states with W (H, H), both rounded."""
    panels = _panels(W)
    return lambda h, out: multiply(rounded(h), panels, out)


def step(W: Floats, sums: Floats) -> Step:
    """What takes a step with W (H, H) and the sums of U's columns (F, H), which stay float32."""
    return partial(_step, sums, _panels(W))


def _panels(W: Floats) -> Pairs:
    rows = rounded(np.ascontiguousarray(W.T)).T.reshape(len(W) // 2, -1, PANEL)
    return np.ascontiguousarray(rows.transpose(1, 0, 2))


def rounded(x: Floats) -> Pairs:
    """The nearest bfloat16 of finite numbers (n, H), in pairs (n, H / 2)."""
    pairs = np.empty((len(x), x.shape[1] // 2), np.int32)
    round_rows(x, pairs)
    return pairs


@compiled(void(MATRIX, PAIRS))
def round_rows(x, pairs):
    """What `rounded` has."""
    words = x.view(np.uint32)
    for row in range(x.shape[0]):
        for k in range(pairs.shape[1]):
            low, high = words[row, 2 * k], words[row, 2 * k + 1]
            low += uint32(0x7FFF) + ((low >> uint32(16)) & uint32(1))
            high += uint32(0x7FFF) + ((high >> uint32(16)) & uint32(1))
            pairs[row, k] = int32((low >> uint32(16)) | (high & uint32(0xFFFF0000)))


multiply = compiled(void(PAIRS, PAIR_CUBE, MATRIX))(over_panels)


@compiled(void(MATRIX, PAIR_CUBE, MATRIX, PLACES, IDS, MATRIX))
def _step(sums, panels, carried, parents, features, below):
    """h W (n, H) of nodes, from that of the nodes above them."""
    h = np.empty((min(len(parents), BLOCK), below.shape[1]), np.float32)
    pairs = np.empty((len(h), h.shape[1] // 2), np.int32)
    for start in range(0, len(parents), BLOCK):
        block = slice(start, min(start + BLOCK, len(parents)))
        some, words = h[: block.stop - start], pairs[: block.stop - start]
        states(carried, parents[block], sums, features[block], some)
        round_rows(some, words)
        multiply(words, panels, below[block])
