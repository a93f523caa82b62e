"""Training beside the four programs of the origin and torch's own layer, on the same records.

Names a second are of one epoch of a sample, all sides in turns in one process. Seconds, accuracy
and memory are of one whole training, each in a process of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch

from bench.article import Loop, Vectorized
from bench.child import Task, in_child
from bench.layer import Layer
from bench.programs import Ours, Program, follow
from bench.records import Sides, few, part
from bench.repeated import growth
from bench.report import (
    PRODUCT,
    PRODUCT_FLOP,
    RATE_COLUMNS,
    Rate,
    Row,
    Table,
    ceiling_note,
    seconds_of,
    turns,
)
from pipeline.batches import Examples
from pipeline.recipe import Recipe
from pipeline.table import NameTable

OWN_BATCH = 32
"""The origin's."""
FEW = 64
"""Validation records where it is speed that counts."""

Who = tuple[str, int]
"""A program's name and its batch."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    hidden: tuple[int, ...] = (100, 256)
    """H; at the first, which is theirs, the origin's programs are all run, and to the end."""
    batches: tuple[int, ...] = (OWN_BATCH, 300, 1024)
    epochs: int = 12
    records: int = 20_000
    """Of the data, at most: it bounds what the slow programs take."""
    looped: int = 150
    """Records of a loop's sample."""
    sample: int = 1024
    """Records of another program's sample, or 4 batches where these are more."""
    patience: float = 60.0
    """Seconds that a training may take; a slower one is extrapolated."""
    times: tuple[int, ...] = (1, 10, 100)
    """How much the data grows."""


def measure(table: NameTable, plan: Plan = Plan()) -> Iterator[Table]:
    """A table for each H, and one of how it grows with the data."""
    sides = part(table, plan.records)
    for H in plan.hidden:
        yield compare(sides, H, plan)
    H, B = plan.hidden[0], plan.batches[min(1, len(plan.batches) - 1)]
    growing: dict[str, Program] = {"vectorized": Vectorized(H, B), "ours": Ours.plain(H, B)}
    yield growth(growing, sides.training, few(sides.validation, FEW), plan.times, plan.patience)


def programs(H: int, plan: Plan) -> dict[Who, Program]:
    """All that run at this H; ours as it is by default where this is the default."""
    sides: list[tuple[str, Program]] = []
    if plan.hidden[0] == H:
        sides += [("SGD", Loop(H, 1)), ("minibatch, a loop", Loop(H, OWN_BATCH))]
    for B in plan.batches:
        sides.append(("vectorized", Vectorized(H, B)))
        if torch.cuda.is_available():
            sides.append(("vectorized, CUDA", Vectorized(H, B, "cuda")))
        sides += [("nn.RNN", Layer(H, B)), ("ours", Ours.plain(H, B))]
    if Recipe.hidden == H:
        sides.append(("ours, n-grams, dropout", Ours(Recipe(teachers=0))))
    return {(name, program.batch): program for name, program in sides}


def compare(sides: Sides, H: int, plan: Plan) -> Table:
    """All programs at one H."""
    running = programs(H, plan)
    rates, ceiling = speeds(running, sides, plan)
    rows: list[Row] = []
    for (name, B), program in running.items():
        rate = rates[name, B]
        row: dict[str, str | float] = {"program": name, "batch": B, **rate.cells()}
        row |= whole(program, sides, plan, rate.median)
        for column, other in (
            ("/ vectorized", ("vectorized", B)),
            (f"/ at {OWN_BATCH}", ("vectorized", OWN_BATCH)),
            ("/ nn.RNN", ("nn.RNN", B)),
        ):
            if other in rates:
                row[column] = rate.median / rates[other].median
        flop = 6 * H**2 * program.steps(sides.training.names)
        row["of ceiling"] = rate.median * flop / ceiling.median
        rows.append(row)
    return Table(
        f"Training, H = {H}, {len(sides.training.names)} names",
        columns(plan.epochs),
        rows,
        note(sides, plan, ceiling),
    )


def columns(epochs: int) -> dict[str, str]:
    """Headings and formats."""
    return (
        {"program": "", "batch": "d"}
        | RATE_COLUMNS
        | {f"{epochs} epochs s": ",.1f", "run": "", "accuracy": ".3f", "peak MB": ",.0f"}
        | {"/ vectorized": ".2f", f"/ at {OWN_BATCH}": ".2f", "/ nn.RNN": ".2f"}
        | {"of ceiling": ".1%"}
    )


def speeds(
    running: Mapping[Who, Program], sides: Sides, plan: Plan
) -> tuple[dict[Who, Rate], Rate]:
    """Names a second of each program, and FLOP a second of the machine."""
    square = torch.rand(PRODUCT, PRODUCT)
    samples = {who: sample(program, sides.training, plan) for who, program in running.items()}
    held_out = few(sides.validation, FEW)
    clocks: dict[Who, Callable[[], float]] = {
        who: partial(epoch, program, samples[who], held_out) for who, program in running.items()
    }
    ceiling: Who = ("ceiling", 0)
    seconds = turns({ceiling: partial(seconds_of, lambda: square @ square)} | clocks)
    rates = {who: Rate.of(len(samples[who].names), seconds[who]) for who in running}
    return rates, Rate.of(PRODUCT_FLOP, seconds[ceiling])


def sample(program: Program, training: Examples, plan: Plan) -> Examples:
    """As many records as a program's speed allows; ours has all, since n-grams come of all."""
    if isinstance(program, Ours):
        return training
    if isinstance(program, Loop):
        return few(training, plan.looped)
    return few(training, max(plan.sample, 4 * program.batch))


def epoch(program: Program, training: Examples, validation: Examples) -> float:
    """Seconds of the second epoch: the first has the start in it."""
    return follow(program, training, validation, 2).epochs[-1]


def whole(program: Program, sides: Sides, plan: Plan, names_a_second: float) -> Row:
    """The cells of a whole training, or of what one would take at this speed."""
    heading = f"{plan.epochs} epochs s"
    estimate = plan.epochs * len(sides.training.names) / names_a_second
    abroad = isinstance(program, Vectorized) and program.hidden != plan.hidden[0]
    if estimate <= plan.patience and not abroad and not isinstance(program, Loop):
        done = in_child(Task(program, sides.training, sides.validation, plan.epochs))
        found: Row = {"run": "whole", heading: done.run.seconds, "accuracy": done.run.accuracy}
    else:
        training = few(sides.training, plan.looped) if isinstance(program, Loop) else sides.training
        done = in_child(Task(program, training, few(sides.validation, FEW), epochs=1))
        found = {"run": "extrapolated", heading: estimate}
    return {**found, "peak MB": done.peak / 1e6}


def note(sides: Sides, plan: Plan, ceiling: Rate) -> str:
    """What the figures mean."""
    there = torch.cuda.is_available()
    cuda = "on CUDA: of the device's memory." if there else "There is no CUDA device here."
    return (
        "names/s: an epoch of a sample after the first epoch, medians of turns; ratios are of"
        f" these, / at {OWN_BATCH}: to\nvectorized at its own batch. {plan.epochs} epochs s: from"
        " names to weights, start and validation included;\nextrapolated: from names/s, without"
        f" them. accuracy: of {len(sides.validation.names)} random validation records after the\n"
        "last epoch. peak: of a process of its own, libraries included (of one epoch where"
        f" extrapolated).\n{cuda}\n{ceiling_note('torch', '6 H²', ceiling)}"
    )
