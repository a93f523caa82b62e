"""What Numba has no word for, in LLVM's: to fetch ahead, and tiles of a product.

Shapes: n rows, D words of each, a float32 or a pair of bfloat16.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# What each argument is stands in the signature, which is what the compiler goes by.

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from model.compiled import PANEL

LINE = 64
"""Bytes that a cache fetches at once."""
LANES = 16
"""Numbers of a vector."""
VECTORS = PANEL // LANES


class _BFloat(ir.Type):  # type: ignore[misc]
    """LLVM's type, which llvmlite does not name."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash("bfloat")


BYTE, SHORT, INTEGER = ir.IntType(8), ir.IntType(32), ir.IntType(64)
SUMS = ir.VectorType(ir.FloatType(), LANES)
HALVES = ir.VectorType(_BFloat(), 2 * LANES)
TO_ALL = ir.Constant(ir.VectorType(SHORT, LANES), [0] * LANES)


class _Words(NamedTuple):
    """What the words of a row are, and how vectors of them are multiplied and added up."""

    word: ir.Type
    factors: ir.Type
    instruction: str
    sums_last: bool
    """Whether what is added to is its last argument; else the first."""


FLOATS = _Words(ir.FloatType(), SUMS, f"llvm.fma.v{LANES}f32", True)
PAIRS = _Words(SHORT, HALVES, "llvm.x86.avx512bf16.dpbf16ps.512", False)


@intrinsic
def prefetch(context, row):
    """Have a row's numbers brought into the cache, while others are worked on."""

    def generate(context, builder, signature, arguments):
        (row,) = _arrays(context, builder, signature, arguments)
        pointer = BYTE.as_pointer()
        arguments_are = ir.FunctionType(ir.VoidType(), [pointer, SHORT, SHORT, SHORT])
        fetch = cgutils.get_or_insert_function(builder.module, arguments_are, "llvm.prefetch.p0")
        numbers = builder.mul(row.nitems, row.itemsize)
        with cgutils.for_range(builder, builder.udiv(numbers, INTEGER(LINE))) as loop:
            place = builder.add(
                builder.ptrtoint(row.data, INTEGER), builder.mul(loop.index, INTEGER(LINE))
            )
            # To be read, soon and again, and no code.
            builder.call(fetch, [builder.inttoptr(place, pointer), SHORT(0), SHORT(3), SHORT(1)])
        return context.get_dummy_value()

    return types.void(row), generate


def tile(rows: int) -> Any:
    """So many first rows of words (n, D) times a panel (D, PANEL), to as many rows of sums."""

    @intrinsic
    def product(context, words, panel, out):
        kind = FLOATS if words.dtype == types.float32 else PAIRS
        vector = ir.VectorType(kind.word, LANES)

        def generate(context, builder, signature, arguments):
            words, panel, out = _arrays(context, builder, signature, arguments)
            sums = [
                [cgutils.alloca_once_value(builder, SUMS(None)) for _ in range(VECTORS)]
                for _ in range(rows)
            ]
            depth, _ = cgutils.unpack_tuple(builder, panel.shape)
            with cgutils.for_range(builder, depth) as loop:
                w = [
                    builder.load(_at(builder, panel, loop.index, LANES * v, vector), align=4)
                    for v in range(VECTORS)
                ]
                for row in range(rows):
                    word = builder.load(_at(builder, words, row, loop.index, kind.word))
                    lone = builder.insert_element(vector(ir.Undefined), word, SHORT(0))
                    h = builder.shuffle_vector(lone, vector(ir.Undefined), TO_ALL)
                    for place, column in zip(sums[row], w, strict=True):
                        total = _added(builder, kind, builder.load(place), h, column)
                        builder.store(total, place)
            for row in range(rows):
                for v, place in enumerate(sums[row]):
                    to = _at(builder, out, row, LANES * v, SUMS)
                    builder.store(builder.load(place), to, align=4)
            return context.get_dummy_value()

        return types.void(words, panel, out), generate

    return product


def _at(builder, array, row, column, what):
    """Where a row's numbers of four bytes, from a column on, are."""
    row, column = (INTEGER(i) if isinstance(i, int) else i for i in (row, column))
    stride, _ = cgutils.unpack_tuple(builder, array.strides)
    place = builder.add(builder.mul(row, stride), builder.mul(column, INTEGER(4)))
    start = builder.ptrtoint(array.data, INTEGER)
    return builder.inttoptr(builder.add(start, place), what.as_pointer())


def _added(builder, kind, total, h, w):
    """What is left in `total` when the products of h and w are added."""
    factors = [builder.bitcast(factor, kind.factors) for factor in (h, w)]
    ordered = [*factors, total] if kind.sums_last else [total, *factors]
    arguments_are = ir.FunctionType(SUMS, [value.type for value in ordered])
    multiply = cgutils.get_or_insert_function(builder.module, arguments_are, kind.instruction)
    return builder.call(multiply, ordered)


def _arrays(context, builder, signature, arguments):
    return [
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args, arguments, strict=True)
    ]
