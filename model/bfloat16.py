"""h W in bfloat16, on processors that multiply it: twice as fast, and sums stay float32.

The sums of a few rows and a panel of columns stay in registers while pairs of numbers are
multiplied, as one instruction has it (AVX-512 BF16, `vdpbf16ps`). Only what is multiplied is
rounded, to 8 bits. Where `model.compiled.multiplies_bfloat16` says no, this cannot be loaded.

Shapes: n states, H hidden, a multiple of `PANEL`, P panels of so many columns of W.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# What each argument is stands in the signature, which is what the compiler goes by.

from typing import Any

import numpy as np
from llvmlite import ir
from numba import int32, types, uint32, void
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from model.compiled import PANEL
from model.loops import MATRIX, compiled

LANES = 16
"""Numbers of a vector."""
ROWS, VECTORS = 6, PANEL // LANES
"""Rows of h, and vectors of a panel, whose sums are in registers at once: 24 of 32."""

Floats = NDArray[np.float32]
Pairs = NDArray[np.int32]
"""Two bfloat16 each, the one of the lower place in the lower half."""

INTEGER, WORD = ir.IntType(64), ir.IntType(32)
SUMS, WORDS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(WORD, LANES)
ALL_LANES = ir.Constant(WORDS, [0] * LANES)


class _BFloat(ir.Type):  # type: ignore[misc]
    """LLVM's type, which llvmlite does not name."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash("bfloat")


HALVES = ir.VectorType(_BFloat(), 2 * LANES)


def packed(W: Floats) -> Pairs:
    """(P, H / 2, PANEL) the matrix (H, H) in the order in which `multiply` reads it."""
    H = len(W)
    pairs = np.empty((H, H // 2), np.int32)
    round_rows(np.ascontiguousarray(W.T), pairs)
    return np.ascontiguousarray(pairs.reshape(H // PANEL, PANEL, H // 2).transpose(0, 2, 1))


def _tile(rows: int) -> Any:
    """A function of addresses: so many rows of pairs times a panel, to as many rows of sums."""

    @intrinsic
    def tile(context, a, panel, out, depth, hidden):
        def generate(context, builder, signature, arguments):
            a, panel, out, depth, hidden = arguments

            def at(start, place, kind):
                """What is four bytes times `place` from `start` on."""
                address = builder.add(start, builder.mul(place, INTEGER(4)))
                return builder.inttoptr(address, kind.as_pointer())

            def of_row(row, length, column):
                return builder.add(builder.mul(INTEGER(row), length), column)

            dot = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(SUMS, [SUMS, HALVES, HALVES]),
                "llvm.x86.avx512bf16.dpbf16ps.512",
            )
            sums = [
                [cgutils.alloca_once_value(builder, SUMS(None)) for _ in range(VECTORS)]
                for _ in range(rows)
            ]
            with cgutils.for_range(builder, depth, intp=INTEGER) as loop:
                first = builder.mul(loop.index, INTEGER(PANEL))
                columns = [builder.add(first, INTEGER(LANES * v)) for v in range(VECTORS)]
                w = [builder.load(at(panel, column, WORDS), align=4) for column in columns]
                for row in range(rows):
                    pair = builder.load(at(a, of_row(row, depth, loop.index), WORD))
                    lone = builder.insert_element(WORDS(ir.Undefined), pair, WORD(0))
                    h = builder.shuffle_vector(lone, WORDS(ir.Undefined), ALL_LANES)
                    for place, vector in zip(sums[row], w, strict=True):
                        factors = (builder.bitcast(factor, HALVES) for factor in (h, vector))
                        builder.store(builder.call(dot, [builder.load(place), *factors]), place)
            for row in range(rows):
                for v, place in enumerate(sums[row]):
                    to = at(out, of_row(row, hidden, INTEGER(LANES * v)), SUMS)
                    builder.store(builder.load(place), to, align=4)
            return context.get_dummy_value()

        return types.void(*(types.intp,) * 5), generate

    return tile


of_rows, of_one = _tile(ROWS), _tile(1)


@compiled(void(MATRIX, int32[:, ::1]))
def round_rows(x, pairs):
    """The nearest bfloat16 of finite numbers (n, H), in pairs (n, H / 2)."""
    words = x.view(np.uint32)
    for row in range(x.shape[0]):
        for k in range(pairs.shape[1]):
            low, high = words[row, 2 * k], words[row, 2 * k + 1]
            low += uint32(0x7FFF) + ((low >> uint32(16)) & uint32(1))
            high += uint32(0x7FFF) + ((high >> uint32(16)) & uint32(1))
            pairs[row, k] = int32((low >> uint32(16)) | (high & uint32(0xFFFF0000)))


@compiled(void(MATRIX, int32[:, :, ::1], int32[:, ::1], MATRIX))
def multiply(h, panels, room, out):
    """h W (n, H) of h (n, H) and the panels (P, H / 2, PANEL) of W; `room` is (n, H / 2)."""
    n, H = h.shape
    depth, whole = H // 2, n - n % ROWS
    round_rows(h, room)
    for p in range(len(panels)):
        panel, column = panels[p].ctypes.data, p * PANEL
        for row in range(0, whole, ROWS):
            of_rows(room[row:].ctypes.data, panel, out[row:, column:].ctypes.data, depth, H)
        for row in range(whole, n):
            of_one(room[row:].ctypes.data, panel, out[row:, column:].ctypes.data, depth, H)
