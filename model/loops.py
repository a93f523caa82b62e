"""The loops in which a CPU spends its time, compiled by Numba.

NumPy and torch go over an array once for each operation, and hold the interpreter's lock between
two; here each number is read and written once, and other threads need not wait. Whoever has no
Numba computes the same with NumPy (`model/prefixes.py`, `model/states.py`) and torch
(`model/rnn.py`).

Shapes: N names, D levels of their tree, M nodes, W whole names among them; n nodes of a level, m
names that end on it; F features, B batch, T steps, H hidden.
"""

# mypy: disable-error-code="no-untyped-def, call-arg"
# What each argument is stands in the signature, which is what the compiler goes by.

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np
from numba import float32, int32, int64, uint64, void

from model.intrinsics import prefetch
from model.lookup import FREE, MULTIPLIER
from model.vocabulary import NOTHING

MATRIX, CUBE = float32[:, ::1], float32[:, :, ::1]
IDS, KEYS, PLACES = int32[::1], uint64[::1], int64[::1]
IDS_OF_STEPS = int32[:, :, ::1]
CODES = numba.types.Array(int32, 1, "C", readonly=True)

AHEAD = 4
"""Nodes whose sums are on their way to the cache: they lie anywhere in some 20 MB."""

BOUND = np.float32(7.9053111)
"""Beyond it tanh is 1 in float32."""


def compiled(signature: Any) -> Callable[[Any], Any]:
    """Compile for arguments of these types, or take what was compiled before from the cache.

    That goes by the age of the function's file: what it takes of others, constants and intrinsics,
    must not change without it.
    """

    def compile_now(function: Any) -> Any:
        compiler = partial(
            numba.njit, signature, nogil=True, error_model="numpy", fastmath={"contract"}
        )
        try:
            return compiler(cache=True)(function)
        except RuntimeError:  # there is no folder that the cache may be in
            return compiler()(function)

    return compile_now


@compiled((CODES, PLACES, PLACES))
def nodes(codes, starts, lengths):
    """The tree of names (N,) in order, none of them empty, as `model/prefixes.py` has it.

    How many there are on each level (3, D): prefixes that a name goes on from, whole names, names.
    Of each node (M,), level by level, the whole names of a level last: where its last character
    stands, and its parent's place among the level above. Of each whole name (W,) where its end mark
    stands. Of each name (N,), level by level, which of the N it is, and which of its level's whole
    names.
    """
    N, D = len(starts), max(lengths)
    counts = np.zeros((3, D), np.int64)
    inner, whole, ending = counts
    first = np.zeros(N, np.int64)  # the depth from which on a name's prefixes are new
    new = np.zeros(N, np.bool_)  # whether it is not the same as the one before
    for name in range(N):
        length, before = lengths[name], lengths[name - 1] if name else 0
        same = 0
        while same < min(before, length):
            if codes[starts[name] + same] != codes[starts[name - 1] + same]:
                break
            same += 1
        # The one before does not go on from its end.
        first[name] = min(same, max(before - 1, 0))
        new[name] = same < length or before != length
        for depth in range(first[name], length - 1):
            inner[depth] += 1
        whole[length - 1] += new[name]
        ending[length - 1] += 1
    node_at, whole_at, name_at = np.zeros((3, D), np.int64)  # where each level begins
    for depth in range(1, D):
        node_at[depth] = node_at[depth - 1] + inner[depth - 1] + whole[depth - 1]
        whole_at[depth] = whole_at[depth - 1] + whole[depth - 1]
        name_at[depth] = name_at[depth - 1] + ending[depth - 1]
    read, parents = np.empty((2, inner.sum() + whole.sum()), np.int64)
    closing = np.empty(whole.sum(), np.int64)
    names, ends = np.empty((2, N), np.int64)
    inners, wholes, endings = np.zeros((3, D), np.int64)  # so many are placed
    for name in range(N):
        last = lengths[name] - 1
        for depth in range(first[name], last):
            node = node_at[depth] + inners[depth]
            read[node] = starts[name] + depth
            parents[node] = inners[depth - 1] - 1 if depth else 0
            inners[depth] += 1
        if new[name]:
            node = node_at[last] + inner[last] + wholes[last]
            read[node] = starts[name] + last
            parents[node] = inners[last - 1] - 1 if last else 0
            closing[whole_at[last] + wholes[last]] = starts[name] + lengths[name]
            wholes[last] += 1
        place = name_at[last] + endings[last]
        names[place], ends[place] = name, wholes[last] - 1
        endings[last] += 1
    return counts, read, parents, closing, names, ends


@compiled((CODES, PLACES, KEYS, KEYS, KEYS, IDS, uint64))
def longest(codes, at, digit, powers, keys, ids, shift):
    """The longest learned n-gram (n,) that ends at each of these places; 0 where there is none.

    `digit` and `powers` make a number of an n-gram (`model/digits.py`); the others are those of a
    `Lookup`.
    """
    found = np.zeros(len(at), np.int32)
    last, order = len(digit) - 1, len(powers)
    for i in range(len(at)):
        number = uint64(0)
        for back in range(order):
            number += digit[min(codes[at[i] - back], last)] * powers[back]
        for back in range(order - 1, -1, -1):
            slot = (number * MULTIPLIER) >> shift
            while keys[slot] != number and keys[slot] != uint64(FREE):
                slot = (slot + uint64(1)) & uint64(len(keys) - 1)
            if keys[slot] == number and ids[slot] != 0:
                found[i] = ids[slot]
                break
            number -= digit[min(codes[at[i] - back], last)] * powers[back]
    return found


@compiled(float32(float32))
def tanh(x):
    """Within 3e-7, and NaN of NaN.

    A quotient of polynomials, as processors do several at once; its coefficients are Eigen's
    (generic_fast_tanh_float).
    """
    x = BOUND if x > BOUND else x
    x = -BOUND if x < -BOUND else x
    y = x * x
    p = np.float32(-2.76076847742355e-16)
    p = p * y + np.float32(2.00018790482477e-13)
    p = p * y + np.float32(-8.60467152213735e-11)
    p = p * y + np.float32(5.12229709037114e-08)
    p = p * y + np.float32(1.48572235717979e-05)
    p = p * y + np.float32(6.37261928875436e-04)
    p = p * y + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06)
    q = q * y + np.float32(1.18534705686654e-04)
    q = q * y + np.float32(2.26843463243900e-03)
    q = q * y + np.float32(4.89352518554385e-03)
    return x * p / q


@compiled(void(MATRIX, PLACES, MATRIX, IDS, MATRIX))
def states(carried, parents, sums, features, h):
    """h (n, H) of nodes, from what W makes of those above them and their sums of U's columns."""
    for node in range(len(h)):
        prefetch(sums[features[min(node + AHEAD, len(h) - 1)]])
        above, x = carried[parents[node]], sums[features[node]]
        for unit in range(h.shape[1]):
            h[node, unit] = tanh(above[unit] + x[unit])


@compiled(void(MATRIX, PLACES, MATRIX, IDS, IDS, PLACES, PLACES, MATRIX))
def last_states(carried, parents, sums, features, closing, names, ends, last):
    """The same of whole names, with the end mark; `last` gets it where each name (m,) stands."""
    for i in range(len(names)):
        node = ends[i]
        above, x = carried[parents[node]], sums[features[node]]
        mark, h = sums[closing[node]], last[names[i]]
        for unit in range(last.shape[1]):
            h[unit] = tanh(above[unit] + x[unit] + mark[unit])


@compiled(void(MATRIX, MATRIX, IDS_OF_STEPS, CUBE))
def forward(W, U, ids, states):
    """The states (T + 1, B, H) of a batch of ids (B, T, K), U being (F, H); the first is 0."""
    states[:2] = 0
    for t in range(ids.shape[1]):
        if t > 0:
            np.dot(states[t], W.T, states[t + 1])
        for name in range(ids.shape[0]):
            h = states[t + 1, name]
            for feature in ids[name, t]:
                if feature != NOTHING:
                    for unit in range(len(h)):
                        h[unit] += U[feature, unit]
            for unit in range(len(h)):
                h[unit] = tanh(h[unit])


@compiled(void(MATRIX, IDS_OF_STEPS, CUBE, MATRIX, int64, CUBE, MATRIX, MATRIX))
def backward(W, ids, states, d_state, first, d_inputs, d_W, d_U):
    """The gradients of W, of U and of the inputs U x_t (T, B, H), from the step `first` on.

    From that of the last state (B, H), which is overwritten; those of W and of U have to be 0, and
    of the inputs before `first` nothing is said.
    """
    T, B, H = d_inputs.shape
    for t in range(T - 1, first - 1, -1):
        for name in range(B):
            h, d = states[t + 1, name], d_inputs[t, name]
            for unit in range(H):
                d[unit] = d_state[name, unit] * (1 - h[unit] * h[unit])
            for feature in ids[name, t]:
                if feature != NOTHING:
                    for unit in range(H):
                        d_U[feature, unit] += d[unit]
        if t > first:
            np.dot(d_inputs[t], W, d_state)
    begun = max(first, 1)  # h_0 is 0, so the first step tells nothing of W
    if begun < T:
        steps = (T - begun) * B
        np.dot(d_inputs[begun:].reshape(steps, H).T, states[begun:T].reshape(steps, H), d_W)
