"""The kernel against the plain recurrence, on a CPU: Triton can interpret what it would compile."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.rnn import RNN, Recurrence, recurrence_for

pytestmark = pytest.mark.skipif(not find_spec("triton"), reason="Triton is not installed")

SHAPES = [(7, 5, 1), (3, 17, 5), (6, 33, 32), (9, 18, 100), (4, 16, 256), (1, 3, 20), (2, 2, 300)]
EMPTY = [(0, 3, 4), (2, 0, 4), (0, 0, 4)]

Arrays = list[NDArray[np.float32]]


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Executor]:
    """A process of its own: what Triton does is settled when it is first imported."""
    with ProcessPoolExecutor(1, get_context("spawn"), interpret) as pool:
        yield pool


def interpret() -> None:
    os.environ["TRITON_INTERPRET"] = "1"


def results(
    fused: bool,
    shape: tuple[int, int, int],
    truncate: int | None,
    precision: str = "highest",
    device: str = "cpu",
) -> Arrays:
    """h_T and the gradients of W and of the inputs, where the first names are shorter than T."""
    torch.set_float32_matmul_precision(precision)
    T, B, H = shape
    generator = torch.Generator().manual_seed(T * 100 + B * 10 + H)
    W = torch.eye(H) + torch.randn(H, H, generator=generator) / H**0.5 / 4
    inputs = torch.randn(shape, generator=generator) * 0.3
    inputs[: T // 2, : B // 2] = 0.0
    weights = torch.randn(B, H, generator=generator)
    W, inputs, weights = (x.to(device) for x in (W, inputs, weights))
    recurrence: type[torch.autograd.Function] = Recurrence
    if fused:
        from model.fused import FusedRecurrence

        recurrence = FusedRecurrence
    h = recurrence.apply(W.requires_grad_(), inputs.requires_grad_(), truncate)
    gradients = torch.autograd.grad((h * weights).sum(), (W, inputs))
    return [x.detach().cpu().numpy() for x in (h, *gradients)]


@pytest.mark.parametrize("truncate", [None, 1, 3])
@pytest.mark.parametrize("shape", SHAPES + EMPTY, ids=str)
def test_values_and_gradients_equal_the_plain_loop(
    interpreter: Executor, shape: tuple[int, int, int], truncate: int | None
) -> None:
    mine = interpreter.submit(results, True, shape, truncate).result()
    for a, b in zip(mine, results(False, shape, truncate), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * max(1.0, np.abs(b).max(initial=0)))
    np.testing.assert_allclose(mine[0], results(False, shape, truncate)[0], rtol=0, atol=3e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("shape", [*SHAPES, *EMPTY, (20, 300, 100), (12, 5000, 256)], ids=str)
def test_values_and_gradients_equal_the_cpus(shape: tuple[int, int, int]) -> None:
    mine = results(True, shape, None, device="cuda")
    for a, b in zip(mine, results(False, shape, None), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.parametrize("shape", [(9, 18, 100), (4, 16, 256)], ids=str)
def test_lower_halves_are_left_out_where_torch_may_do_so(
    interpreter: Executor, shape: tuple[int, int, int]
) -> None:
    mine = interpreter.submit(results, True, shape, None, "high").result()
    for a, b in zip(mine, results(False, shape, None), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=0.02 * np.abs(b).max())
        assert np.abs(a - b).max() > 1e-6 * np.abs(b).max()


def states(shape: tuple[int, int, int], begins: int) -> NDArray[np.float32]:
    """(T+1, B, H) of names that begin at a step."""
    from model.fused import states_of

    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    inputs[:begins] = 0.0
    return states_of(torch.eye(shape[2]), inputs).numpy()


def test_a_state_is_exactly_0_until_its_name_begins(interpreter: Executor) -> None:
    found = interpreter.submit(states, (5, 3, 100), 2).result()
    assert not found[:3].any()
    assert found[3:].all()


def embeddings(shape: tuple[int, int, int, int], fused: bool, device: str = "cpu") -> Arrays:
    """h_T of ids (B, T, G) at two precisions, by the fused kernel or by the plain loop."""
    from model.fused import embeddings_of

    B, T, G, H = shape
    rnn = RNN(50, H, 2, seed=1)
    rnn.W.data += torch.randn(H, H, generator=torch.Generator().manual_seed(2)) / H**0.5 / 4
    ids = torch.randint(0, 50, (B, T, G), generator=torch.Generator().manual_seed(3)).int()
    ids[: B // 2, : T // 2] = 0
    if not fused:
        return [rnn.embed(ids).detach().numpy()] * 2
    found = []
    for precision in ("highest", "high"):
        torch.set_float32_matmul_precision(precision)
        W, U = (matrix.detach().to(device) for matrix in (rnn.W, rnn.U))
        found.append(embeddings_of(W, U, ids.to(device)).cpu().numpy())
    return found


WHOLE = [(5, 7, 1, 32), (17, 6, 4, 100), (16, 3, 2, 256), (3, 1, 4, 20), (0, 3, 1, 4), (2, 0, 1, 4)]


@pytest.mark.parametrize("shape", WHOLE, ids=str)
def test_embeddings_equal_the_plain_loops(
    interpreter: Executor, shape: tuple[int, int, int, int]
) -> None:
    exact, rough = interpreter.submit(embeddings, shape, True).result()
    expected, _ = embeddings(shape, False)
    np.testing.assert_allclose(exact, expected, rtol=0, atol=3e-6)
    np.testing.assert_allclose(rough, expected, rtol=0, atol=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("shape", [*WHOLE, (300, 20, 4, 100), (5000, 12, 4, 256)], ids=str)
def test_embeddings_equal_the_cpus(shape: tuple[int, int, int, int]) -> None:
    exact, rough = embeddings(shape, True, "cuda")
    expected, _ = embeddings(shape, False)
    np.testing.assert_allclose(exact, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(rough, expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("B", [300, 5000])
@pytest.mark.parametrize("precision", ["high", "highest"])
@pytest.mark.parametrize("name", ["forward", "backward", "embed"])
def test_it_compiles_for_an_h200_and_its_shared_memory_suffices(
    name: str, precision: str, B: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from model import fused, kernel

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: precision)
    plan = fused.plan_of(B, 256)
    constants = {"H": 256, **plan._asdict()} | ({"GRAMS": 9} if name == "embed" else {})
    halves, integers = ("upper", "lower"), ("T", "steps", "B")
    function = getattr(kernel, name)
    types = dict.fromkeys(function.arg_names, "*fp32")
    types |= {argument: "*fp16" for argument in types if argument in halves}
    types |= {argument: "*i32" for argument in types if argument == "ids"}
    types |= {argument: "i32" for argument in types if argument in integers}
    types |= dict.fromkeys(constants, "constexpr")
    source = ASTSource(function, types, constants)
    options = fused.options_of(plan, B)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    assert compiled.metadata.shared <= 227 * 1024
    held = 256 * 256 * 2
    assert (compiled.metadata.shared > held) == (precision == "high"), "a half of W is on chip"


def test_the_kernel_is_for_cuda_in_float32() -> None:
    assert recurrence_for(torch.zeros(2, 3)) is Recurrence
