"""Where the time of a training step goes: the parts of one, each alone, on one thread.

Shapes: F features, n rows of U that a batch shows, T steps, B batch, H hidden.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor

from bench.report import Row, Table, in_turns
from model.rnn import RNN
from pipeline.adam import adam
from pipeline.batches import Batches, corrupt, examples
from pipeline.gradient import Part, share_for_this_machine
from pipeline.one_cycle import one_cycle
from pipeline.recipe import USUAL, Recipe
from pipeline.rows import row_adam
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
    place = torch.searchsorted(rows, ids.long()).int()
    shows = RNN.of(rnn.W, rnn.U.detach()[rows], rnn.V)  # as a step sees it
    standing_in = torch.searchsorted(rows, fallback[rows].long()).int()
    share, part = share_for_this_machine(), Part(place, targets, generator, len(place))
    by_rows = row_adam(torch.randn_like(rnn.U), recipe.weight_decay, recipe.epsilon)
    whole, numbers = adam(rnn.W.detach().clone(), recipe.epsilon), one_cycle(recipe, 1, 10)
    values, dense = torch.empty_like(shows.U), rnn.U.detach().clone().requires_grad_()
    dense.grad, d_U = torch.randn_like(dense), torch.randn_like(values)
    optimiser = torch.optim.AdamW([dense], fused=True)

    @torch.no_grad()
    def forward() -> object:
        return shows.embed(place)

    def gradient() -> object:
        return share(shows, standing_in, recipe, part)

    work: dict[str, Callable[[], object]] = {
        "what is dropped": lambda: corrupt(ids, fallback, recipe, generator),
        "rows of U: read": lambda: by_rows.read(rows, 2, 1e-3, values),
        "h of U x and W h": forward,
        "loss and gradients, from what is dropped on": gradient,
        "W: updated": lambda: whole.write(torch.zeros_like(rnn.W), numbers),
        "rows of U: written": lambda: by_rows.write(rows, values, d_U, 2, 1e-3),
        "(a dense AdamW of U)": optimiser.step,
    }
    return {part: repeated(once) for part, once in work.items()}


def repeated(once: Callable[[], object]) -> Callable[[], None]:
    """A run as long as one over all batches."""

    def run() -> None:
        for _ in range(STEPS):
            once()

    return run
