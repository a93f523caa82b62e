"""The recurrence as one kernel: how its work is parted, and how exact its products are.

Shapes: B batch, T steps, H hidden.

Tensor cores multiply halves of a float32, which are float16 here: 11 + 11 bits. A state is never
beyond 1, and gradients are scaled name by name before a product, so that their range suffices.
Products of the upper halves alone are as exact as TF32; they are taken where torch may do so too,
`torch.set_float32_matmul_precision("high")`. At its default, "highest", the lower halves join in,
and what is lost is the product of the two, 2^-22.

W is held on chip where it fits: at H = 256 a half takes 128 of the 227 KiB of a multiprocessor's
shared memory. Both would take 256, as much as all its registers. So there tiles of W stream from
the L2 cache, 256 KiB a step at some 64 bytes a cycle: 2 to 3 microseconds.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from triton import cdiv, next_power_of_2

from model import kernel

LARGEST = 512
"""H, at most: a program has whole states in its registers."""
HELD = 256 * 256
"""Entries of W's halves, at most, that a program holds."""
TILE = 8192
"""Entries of each half in a tile, where W is streamed."""
PROGRAMS = 132
"""Multiprocessors of an H100 or an H200."""


class Plan(NamedTuple):
    """How the work is parted: the kernels' compile-time constants."""

    ROWS: int
    """Names of a program."""
    WIDTH: int
    """H, padded to a power of two."""
    DEPTH: int
    """Rows of W that are multiplied at once; WIDTH where W is held."""
    EXACT: bool
    """Whether the lower halves take part."""


class FusedRecurrence(torch.autograd.Function):
    """`model.rnn.Recurrence`, its values and its gradients, with all steps in one kernel."""

    @staticmethod
    def forward(ctx: Any, W: Tensor, inputs: Tensor, truncate: int | None) -> Tensor:
        """h_T (B, H) from W (H, H) and inputs (T, B, H)."""
        states = states_of(W, inputs)
        ctx.save_for_backward(W, states)
        ctx.truncate = len(inputs) if truncate is None else min(truncate, len(inputs))
        return states[-1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """The gradients of W and of the inputs."""
        (d_state,) = gradients
        W, states = ctx.saved_tensors
        d_inputs = d_inputs_of(W, states, d_state, ctx.truncate)
        d_W = d_inputs.flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        return d_W, d_inputs, None


def plan_of(B: int, H: int) -> Plan:
    """16 names a program, or 32 where that would need a second turn of the multiprocessors."""
    exact = torch.get_float32_matmul_precision() == "highest"
    width = max(16, next_power_of_2(H))
    rows = 32 if B > 16 * PROGRAMS and width <= 256 else 16  # wider ones would spill registers
    held = width * width * (1 + exact) <= HELD
    return Plan(rows, width, width if held else max(16, TILE // width), exact)


def options_of(plan: Plan, B: int) -> dict[str, int | bool]:
    """Of Triton's compiler, which from 3.9 on wants to be told that it may fuse a * b + c.

    A program that has its multiprocessor to itself is given twice as many threads.
    """
    alone = plan.WIDTH >= 128 and cdiv(B, plan.ROWS) <= PROGRAMS
    return {"num_warps": 8 if alone else 4, "enable_fp_fusion": True}


def states_of(W: Tensor, inputs: Tensor) -> Tensor:
    """All states (T+1, B, H) from W (H, H) and inputs (T, B, H) = U x_t; the first is 0."""
    T, B, H = inputs.shape
    states = inputs.new_empty(T + 1, B, H)
    states[0].zero_()
    plan = plan_of(B, H)
    if T and B:  # a grid of 0 programs is an error
        halves = _halves(W.t(), plan.EXACT)
        kernel.forward[_grid(B, plan)](
            inputs.contiguous(), *halves, states, T, B, H, *plan, **options_of(plan, B)
        )
    return states


@torch.no_grad()
def embeddings_of(W: Tensor, U: Tensor, ids: Tensor) -> Tensor:
    """h_T (B, H) of ids (B, T, K), for which nothing else is kept; U is (F, H)."""
    B, T, K = ids.shape
    H = len(W)
    last = U.new_zeros(2, B, H)
    plan = plan_of(B, H)
    if T and B:
        halves = _halves(W.t(), plan.EXACT)
        kernel.embed[_grid(B, plan)](
            ids.contiguous(),
            U.contiguous(),
            *halves,
            last,
            T,
            B,
            K,
            H,
            *plan,
            **options_of(plan, B),
        )
    return last[T % 2]


def d_inputs_of(W: Tensor, states: Tensor, d_state: Tensor, steps: int) -> Tensor:
    """dL/dinputs (T, B, H) from W, all states and dL/dh_T (B, H); 0 but for the last `steps`."""
    B, H = d_state.shape
    d_inputs = torch.empty_like(states[1:])
    d_inputs[: len(d_inputs) - steps].zero_()
    plan = plan_of(B, H)
    if steps and B:
        halves = _halves(W, plan.EXACT)
        last = (states[-1], d_inputs[-1])
        kernel.backward[_grid(B, plan)](
            d_state.contiguous(), *halves, *last, steps, B, H, *plan, **options_of(plan, B)
        )
    return d_inputs


def _halves(matrix: Tensor, exact: bool) -> tuple[Tensor, Tensor]:
    """The upper halves of the entries and, where they are needed, the lower: 1.0001 → 1, 0.0001."""
    upper = matrix.half().contiguous()
    return upper, (matrix - upper).half().contiguous() if exact else upper


def _grid(B: int, plan: Plan) -> tuple[int]:
    return (cdiv(B, plan.ROWS),)
