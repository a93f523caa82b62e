"""The whole recurrence in one CUDA kernel, forward and backward, in Triton's language.

A program takes ROWS names through all their steps. Names do not look at each other, so programs
never wait for each other, and the states stay in registers. `model.fused` says what it multiplies.

Shapes: B batch, T steps, H hidden; WIDTH is H with padding, DEPTH rows of a matrix are multiplied
at once. The constants are those of `model.fused.Plan`.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# Arguments are pointers, or blocks of a program: types that only Triton's compiler knows.

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["T"])
def forward(
    inputs,  # (T, B, H)
    upper,  # (H, H), of W'
    lower,
    states,  # (T + 1, B, H)
    T,
    B,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    EXACT: tl.constexpr,
):
    """h_t = tanh(W h_{t-1} + U x_t). Columns of the padding stay 0."""
    at, real = _block(B, H, ROWS, WIDTH)
    if DEPTH == WIDTH:
        W_upper, W_lower = _tile(upper, lower, 0, H, WIDTH, DEPTH, EXACT)
    h = tl.zeros((ROWS, WIDTH), tl.float32)
    for _ in range(T):
        a = tl.zeros((ROWS, WIDTH), tl.float32)
        if DEPTH == WIDTH:
            x = tl.load(inputs + at, real, 0.0)  # on its way while the product is worked out
            a = _add_product(a, h, W_upper, W_lower, EXACT)
        else:
            a = _add_streamed(a, states, 1.0, upper, lower, B, H, ROWS, WIDTH, DEPTH, EXACT)
            x = tl.load(inputs + at, real, 0.0)  # no sooner, for want of registers
        h = _tanh(a + x)
        inputs += B * H
        states += B * H
        tl.store(states + at, h, real)
        if DEPTH != WIDTH:
            tl.debug_barrier()  # the next step reads what other threads stored


@triton.jit(do_not_specialize=["T"])
def embed(
    ids,  # (B, T, GRAMS)
    U,  # (F, H)
    upper,  # (H, H), of W'
    lower,
    last,  # (2, B, H), of which the first is to be 0
    T,
    B,
    GRAMS: tl.constexpr,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    EXACT: tl.constexpr,
):
    """The same from features to h_T, without a trace of what was between them.

    It stands in `last[T % 2]`: what a step writes there the next one reads, and no other.
    """
    at, real = _block(B, H, ROWS, WIDTH)
    if DEPTH == WIDTH:
        W_upper, W_lower = _tile(upper, lower, 0, H, WIDTH, DEPTH, EXACT)
    h = tl.zeros((ROWS, WIDTH), tl.float32)
    for t in range(T):
        a = _gathered(ids + t * GRAMS, T * GRAMS, U, B, GRAMS, H, ROWS, WIDTH)
        if DEPTH == WIDTH:
            h = _tanh(_add_product(a, h, W_upper, W_lower, EXACT))
        else:
            before = last + t % 2 * B * H
            h = _tanh(_add_streamed(a, before, 1.0, upper, lower, B, H, ROWS, WIDTH, DEPTH, EXACT))
            tl.store(last + (t + 1) % 2 * B * H + at, h, real)
            tl.debug_barrier()  # the next step reads what other threads stored
    if DEPTH == WIDTH:
        tl.store(last + T % 2 * B * H + at, h, real)


@triton.jit(do_not_specialize=["steps"])
def backward(
    d_state,  # (B, H)
    upper,  # (H, H), of W
    lower,
    states,  # the last of (T + 1, B, H)
    d_inputs,  # the last of (T, B, H)
    steps,
    B,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    EXACT: tl.constexpr,
):
    """dL/da_t = dL/dh_t * (1 - h_t^2), dL/dh_{t-1} = W' dL/da_t."""
    at, real = _block(B, H, ROWS, WIDTH)
    if DEPTH == WIDTH:
        W_upper, W_lower = _tile(upper, lower, 0, H, WIDTH, DEPTH, EXACT)
    d_h = tl.load(d_state + at, real, 0.0)
    for _ in range(steps):
        h = tl.load(states + at, real, 0.0)
        d_a = d_h * (1 - h * h)
        tl.store(d_inputs + at, d_a, real)
        size = tl.maximum(tl.max(tl.abs(d_a), 1), 1e-30)[:, None]
        d_h = tl.zeros((ROWS, WIDTH), tl.float32)
        if DEPTH == WIDTH:
            d_h = _add_product(d_h, d_a / size, W_upper, W_lower, EXACT)
        else:
            tl.debug_barrier()  # other threads read what this one stored
            d_h = _add_streamed(d_h, d_inputs, size, upper, lower, B, H, ROWS, WIDTH, DEPTH, EXACT)
        d_h *= size
        states -= B * H
        d_inputs -= B * H


@triton.jit
def _block(B, H: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    """Where the program's part of a (B, H) lies, and what of it is no padding; (ROWS, WIDTH)."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, WIDTH)
    return rows[:, None] * H + columns, (rows < B)[:, None] & (columns < H)


@triton.jit
def _gathered(
    ids,
    stride,
    U,
    B,
    GRAMS: tl.constexpr,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """U x_t (ROWS, WIDTH): the sum of each name's rows of U. The row of 0 is nothing."""
    names, columns = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, WIDTH)
    total = tl.zeros((ROWS, WIDTH), tl.float32)
    for gram in tl.static_range(GRAMS):
        feature = tl.load(ids + names * stride + gram, names < B, 0).to(tl.int64)[:, None]
        total += tl.load(U + feature * H + columns, (feature != 0) & (columns < H), 0.0)
    return total


@triton.jit
def _tile(
    upper,
    lower,
    first,
    H: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    EXACT: tl.constexpr,
):
    """Both halves of some rows of a matrix, from the `first` on; (DEPTH, WIDTH) each."""
    rows, columns = first + tl.arange(0, DEPTH), tl.arange(0, WIDTH)
    at, real = rows[:, None] * H + columns, (rows < H)[:, None] & (columns < H)
    high = tl.load(upper + at, real, 0.0)
    low = high
    if EXACT:
        low = tl.load(lower + at, real, 0.0)
    return high, low


@triton.jit
def _add_product(a, x, upper, lower, EXACT: tl.constexpr):
    """a (ROWS, WIDTH) + x (ROWS, DEPTH) times a matrix (DEPTH, WIDTH)."""
    high = x.to(upper.dtype)
    if EXACT:
        a = tl.dot((x - high.to(tl.float32)).to(upper.dtype), upper, a)
        a = tl.dot(high, lower, a)
    return tl.dot(high, upper, a)


@triton.jit
def _add_streamed(
    a,
    x,
    size,
    upper,
    lower,
    B,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    EXACT: tl.constexpr,
):
    """a + x / size times a matrix, x (B, H) and the matrix (H, H) read a tile at a time."""
    at, real = _block(B, H, ROWS, DEPTH)
    for first in range(0, WIDTH, DEPTH):
        part = tl.load(x + at + first, real & (first + tl.arange(0, DEPTH) < H), 0.0)
        high, low = _tile(upper, lower, first, H, WIDTH, DEPTH, EXACT)
        a = _add_product(a, part / size, high, low, EXACT)
    return a


@triton.jit
def _tanh(a):
    """Exactly 0 at 0, whatever the division rounds, and nowhere an overflow."""
    e = tl.exp(-2 * tl.abs(a))
    h = (1 - e) / (1 + e)
    return tl.where(a < 0, -h, h)
