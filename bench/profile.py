"""Where the time of a training step goes: the parts of one, each alone, on one thread.

Shapes: F features, n rows of U that a batch shows, T steps, B batch, H hidden.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.report import Row, Table, in_turns
from model.rnn import RNN, Recurrence
from model.vocabulary import NOTHING
from pipeline.batches import Batches, corrupt, drop, examples
from pipeline.recipe import USUAL, Recipe
from pipeline.rows import RowAdam
from pipeline.step import Step
from pipeline.table import NameTable
from pipeline.threads import lone_threads

STEPS = 20
"""Batches of a run; a part's time is the mean over them."""


def measure(table: NameTable) -> Iterator[Table]:
    """The parts of a step of the pupil, as the default recipe has it, and whole steps."""
    known = examples(table, sorted(set(table.language)))
    recipe = Recipe().of_pupil(USUAL.passes)
    words = recipe.vocabulary_of(known.names)
    batches = Batches(known, words, recipe.batch, torch.device("cpu"))
    shown = list(islice(batches.shuffled(torch.Generator().manual_seed(0)), STEPS))
    rnn = RNN(len(words), recipe.hidden, shown[0][1].shape[1])
    fallback = torch.from_numpy(words.fallback)
    with lone_threads() as threads:
        sides: dict[str, Callable[[], object]] = parts(rnn, fallback, recipe, shown)
        for count in sorted({1, threads.count}):
            step = Step(rnn, fallback, recipe, updates=10**6, threads=threads, parts=count)
            sides[f"a whole step, threads: {count}"] = each(shown, step.take)
        seconds = in_turns(sides)
    rows: list[Row] = [
        {
            "part": part,
            "ms": 1e3 * sorted(runs)[len(runs) // 2] / STEPS,
            "min": 1e3 * min(runs) / STEPS,
        }
        for part, runs in seconds.items()
    ]
    ids = [ids for ids, _ in shown]
    n = sum(each.unique().numel() for each in ids) / STEPS
    T = sum(each.shape[1] for each in ids) / STEPS
    yield Table(
        f"A training step: {recipe.batch} names, T = {T:.1f}, H = {recipe.hidden}, "
        f"{n:,.0f} of F = {len(words):,} rows of U",
        {"part": "", "ms": ".2f", "min": ".2f"},
        rows,
        "Medians of turns. Parts are of one thread; the dense optimiser is there to compare with.",
    )


def each(
    shown: list[tuple[Tensor, Tensor]], work: Callable[[Tensor, Tensor], object]
) -> Callable[[], None]:
    """A run of `work` over all batches."""

    def run() -> None:
        for ids, targets in shown:
            work(ids, targets)

    return run


def parts(
    rnn: RNN, fallback: Tensor, recipe: Recipe, shown: list[tuple[Tensor, Tensor]]
) -> dict[str, Callable[[], object]]:
    """The parts of a step, on one batch that is as long as they are on average."""
    ids, targets = sorted(shown, key=lambda batch: batch[0].shape[1])[len(shown) // 2]
    generator = torch.Generator().manual_seed(0)
    rows = ids.unique().long()
    U = rnn.U.detach()[rows].requires_grad_()  # (n, H)
    place = torch.searchsorted(rows, ids.long()).int()
    flat = place.transpose(0, 1).flatten(0, 1)  # (T·B, K)
    x = F.embedding_bag(flat, U, mode="sum", padding_idx=NOTHING)
    inputs = x.detach().view(ids.shape[1], len(ids), -1)
    W, V = rnn.W.detach().requires_grad_(), rnn.V.detach().requires_grad_()
    kept = Kept()
    h = Recurrence.forward(kept, W.detach(), inputs, None).requires_grad_()
    by_rows = RowAdam(torch.randn(len(fallback), rnn.U.shape[1]), recipe.weight_decay, 1e-5)
    values, dense = torch.empty_like(U), rnn.U.detach().clone().requires_grad_()
    dense.grad, gradient = torch.randn_like(dense), torch.randn_like(U)
    optimiser = torch.optim.AdamW([dense], fused=True)

    def head() -> object:
        draw = torch.rand(h.shape, generator=generator)
        loss = F.cross_entropy(drop(h, recipe.dropout, draw) @ V.t(), targets)
        return torch.autograd.grad(loss, (h, V))

    work: dict[str, Callable[[], object]] = {
        "what is dropped": lambda: corrupt(ids, fallback, recipe, generator),
        "rows of U: read": lambda: by_rows.read(rows, 2, 1e-3, values),
        "U x, all steps": lambda: F.embedding_bag(flat, U, mode="sum", padding_idx=NOTHING),
        "recurrence, forward": lambda: Recurrence.forward(kept, W.detach(), inputs, None),
        "V h, loss, and back": head,
        "recurrence, backward": lambda: Recurrence.backward(kept, torch.ones_like(h)),
        "gradient of the rows of U": lambda: torch.autograd.grad(
            x, U, torch.ones_like(x), retain_graph=True
        ),
        "rows of U: written": lambda: by_rows.write(rows, values, gradient, 2, 1e-3),
        "(a dense AdamW of U)": optimiser.step,
    }
    return {part: repeated(once) for part, once in work.items()}


class Kept:
    """What `Recurrence` keeps for its way back, without autograd."""

    truncate: int
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *saved: Tensor) -> None:
        self.saved_tensors = saved


def repeated(once: Callable[[], object]) -> Callable[[], None]:
    """A run as long as one over all batches."""

    def run() -> None:
        for _ in range(STEPS):
            once()

    return run
