"""The fused recurrence against autograd, gradcheck and the article's own words."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.reference import states
from model.rnn import RNN, Recurrence


def fused(W: Tensor, inputs: Tensor, truncate: int | None = None) -> Tensor:
    h: Tensor = Recurrence.apply(W, inputs, truncate)  # type: ignore[no-untyped-call]
    return h


def by_autograd(W: Tensor, inputs: Tensor, truncate: int | None = None) -> Tensor:
    """The same recurrence, whose gradients autograd finds; detached before the last k steps."""
    h = inputs.new_zeros(inputs.shape[1:]) + 0 * W.sum()  # part of the graph even for T = 0
    for t, x in enumerate(inputs):
        if truncate is not None and t == len(inputs) - truncate:
            h = h.detach()
        h = torch.tanh(h @ W.t() + x)
        if truncate is not None and t < len(inputs) - truncate:
            h = h.detach()
    return h


def random_case(T: int, B: int, H: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(T * 100 + B * 10 + H)
    W = torch.randn(H, H, dtype=torch.float64, generator=generator) / H**0.5
    inputs = torch.randn(T, B, H, dtype=torch.float64, generator=generator)
    return W.requires_grad_(), inputs.requires_grad_()


@settings(deadline=None)
@given(st.integers(0, 7), st.integers(0, 5), st.integers(1, 6), st.none() | st.integers(1, 9))
def test_values_and_gradients_equal_autograd(T: int, B: int, H: int, truncate: int | None) -> None:
    W, inputs = random_case(T, B, H)
    weights = torch.arange(1.0, B * H + 1, dtype=torch.float64).view(B, H)
    results = []
    for run in (fused, by_autograd):
        h = run(W, inputs, truncate)
        d_W, d_inputs = torch.autograd.grad(
            (h * weights).sum(), (W, inputs), allow_unused=True, materialize_grads=True
        )
        results.append((h, d_W, d_inputs))
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_gradcheck() -> None:
    W, inputs = random_case(4, 3, 5)
    assert torch.autograd.gradcheck(fused, (W, inputs))


def test_truncation_stops_gradients_but_not_the_state() -> None:
    W, inputs = random_case(6, 2, 4)
    assert torch.equal(fused(W, inputs, 2), fused(W, inputs))
    fused(W, inputs, 2).sum().backward()
    assert inputs.grad is not None
    assert not inputs.grad[:4].any()
    assert inputs.grad[4:].all()


@pytest.mark.parametrize("padding", [0, 1, 7])
def test_left_padding_changes_nothing_and_nothing_learns_from_it(padding: int) -> None:
    rnn = RNN(features=9, hidden=5, classes=3).double()
    name = torch.tensor([[[2, 0], [5, 8], [3, 7]]])
    padded = torch.cat([torch.zeros(1, padding, 2, dtype=torch.long), name], dim=1)
    h = rnn.embed(padded)
    steps = [[2], [5, 8], [3, 7]]
    W, U = (p.detach().numpy() for p in (rnn.W, rnn.U))
    *_, expected = states(W, U.T, steps)
    np.testing.assert_allclose(h[0].detach().numpy(), expected, atol=1e-12)
    rnn(h).sum().backward()
    assert rnn.U.grad is not None
    touched = rnn.U.grad.abs().sum(1).nonzero().flatten().tolist()
    assert touched == [2, 3, 5, 7, 8]


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(0, 5), st.integers(1, 9))
def test_where_nothing_is_learned_loops_embed_the_same(T: int, B: int, H: int) -> None:
    generator = torch.Generator().manual_seed(T * 100 + B * 10 + H)
    ids = torch.randint(0, 11, (B, T, 4), generator=generator, dtype=torch.int32)
    rnn = RNN(11, H, 2)
    with torch.no_grad():
        h = rnn.embed(ids)
    torch.testing.assert_close(h, rnn.embed(ids), rtol=1e-5, atol=1e-5)


def test_the_article_starts_with_the_identity() -> None:
    rnn = RNN(features=4, hidden=3, classes=2, seed=1)
    assert torch.equal(rnn.W, torch.eye(3))
    assert {name for name, _ in rnn.named_parameters()} == {"W", "U", "V"}
    assert not rnn.U[0].any()


def test_units_that_start_as_logits_add_up_columns() -> None:
    rnn = RNN(features=9, hidden=6, classes=3)
    columns = 0.01 * torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    columns[0] = 0
    rnn.start_from(columns)
    rnn.V.data[:, 3:] = 0  # of the other units
    ids = torch.tensor([[[2, 0], [5, 8], [3, 7]], [[0, 0], [0, 0], [4, 0]]])
    torch.testing.assert_close(rnn(rnn.embed(ids)), columns[ids].sum((1, 2)), rtol=0.01, atol=1e-5)
    assert not rnn.U[0].any()


def test_where_units_are_few_none_starts_as_a_logit() -> None:
    rnn, plain = (RNN(features=4, hidden=5, classes=3) for _ in range(2))
    rnn.start_from(torch.ones(4, 3))
    for mine, theirs in zip(rnn.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine, theirs)
