"""Training and forward passes on a CUDA device, beside cuDNN's nn.RNN and, where it is, FlashRNN.

Shapes: N names, B batch, H hidden, C languages.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.device_sides import Flash, Learn, eager, ours, run
from bench.layer import LayerNetwork
from bench.report import RATE_COLUMNS, RUNS, Rate, Row, Table, in_turns
from model.rnn import RNN, Recurrence
from model.vocabulary import Vocabulary
from pipeline.batches import Batches, Examples, examples
from pipeline.recipe import Recipe
from pipeline.table import NameTable

PLAIN = Recipe(
    hidden=256,
    ngrams=1,
    marks=False,
    dropout=0.0,
    ngram_dropout=0.0,
    symbol_dropout=0.0,
    consistency=0.0,
)
"""What the peers do, too: characters, and each name read once and in whole."""
BATCHES = (300, 1024, 4096)
SEED = replace(PLAIN, hidden=100, batch=300, epochs=12)
"""The article's network, epochs and batch."""
EPOCHS = 4
"""Of a training run; what the next one needs of the host it does while the device still works."""
FORWARD = 65_536
"""Names of a forward run, in batches of …"""
FORWARD_BATCH = 16_384
ALIKE = 256
"""Names whose answers are held against the CPU's."""

OURS, LOOP = "ours", "ours, without the kernel"
LAYER = "nn.RNN (cuDNN)"
FLASH = "FlashRNN, bfloat16"

Work = Callable[[], None]


def measure(table: NameTable) -> Iterator[Table]:
    """The seed's task, training by batch size, forward passes, and how exact the answers are.

    Raises:
        ValueError: torch finds no CUDA device.
    """
    if not torch.cuda.is_available():
        raise ValueError("the suite 'device' measures a CUDA device, and torch finds none")
    return tables(examples(table, sorted(set(table.language))), torch.device("cuda"))


def tables(known: Examples, on: torch.device) -> Iterator[Table]:
    """All tables; a device without CUDA will do to try them out."""
    characters = Vocabulary.fit(known.names, order=1, marks=False)
    grams = Vocabulary.fit(known.names, order=4, most=20_000)
    yield seed(Batches(known, characters, SEED.batch, on), characters)
    for B in BATCHES:
        yield training(Batches(known, characters, B, on), characters, replace(PLAIN, batch=B))
    drawn = np.random.default_rng(0).choice(known.names, FORWARD).tolist()
    drawn.sort(key=len)  # as in training, a batch holds names of like length
    many = Examples(drawn, np.zeros((FORWARD, known.targets.shape[1]), np.float32))
    yield forward(many, {"characters": characters, "n-grams": grams}, on)
    yield exactness(Examples(known.names[:ALIKE], known.targets[:ALIKE]), grams, on)


def seed(batches: Batches, vocabulary: Vocabulary) -> Table:
    """Seconds of the seed's epochs from new weights on; graphs are captured anew each time."""
    C, epochs = batches.targets.shape[1], SEED.epochs or 0
    sides = {
        OURS: lambda: ours(batches, vocabulary, SEED, epochs),
        LAYER: lambda: eager(
            LayerNetwork(len(vocabulary), SEED.hidden, C).to(batches.device), SEED
        ),
    }
    seconds = in_turns({side: _train(batches, new, epochs) for side, new in sides.items()})
    return Table(
        f"{epochs} epochs of {len(batches.targets)} names, H = {SEED.hidden}, batch {SEED.batch}",
        {"side": "", "seconds": ".3f", "min": ".3f", "max": ".3f"},
        [
            {"side": side, "seconds": float(np.median(taken)), "min": min(taken), "max": max(taken)}
            for side, taken in seconds.items()
        ],
        "from new weights, capturing graphs included, validation not",
    )


def training(batches: Batches, vocabulary: Vocabulary, recipe: Recipe) -> Table:
    """Names a second of whole epochs, from ids on the device to updated weights."""
    shape = (len(vocabulary), recipe.hidden, batches.targets.shape[1])
    on, epochs, note = batches.device, EPOCHS * (RUNS + 2), ""
    learners = {
        OURS: ours(batches, vocabulary, recipe, epochs),
        LOOP: ours(batches, vocabulary, recipe, epochs),
        LAYER: eager(LayerNetwork(*shape).to(on), recipe),
    }
    if find_spec("flashrnn"):
        try:
            learners[FLASH] = eager(Flash(*shape, recipe.batch).to(on), recipe)
            run(batches, learners[FLASH], 1)
        except Exception as error:  # a peer that fails here must not cost the others' figures
            del learners[FLASH]
            note = f"{FLASH} failed: {error}"
    seconds = in_turns({side: _learn(batches, *each) for side, each in _how(learners).items()})
    work = EPOCHS * len(batches.targets)
    rates = {side: Rate.of(work, taken) for side, taken in seconds.items()}
    return _rates(f"Training, H = {recipe.hidden}, batch {recipe.batch}", rates, LAYER, note)


def forward(many: Examples, vocabularies: Mapping[str, Vocabulary], on: torch.device) -> Table:
    """Names a second from ids on the device to probabilities on the device."""
    C, sides = many.targets.shape[1], dict[str, Work]()
    for kind, vocabulary in vocabularies.items():
        batches = list(Batches(many, vocabulary, FORWARD_BATCH, on))
        sides[f"{OURS}, {kind}"] = _answers(RNN(len(vocabulary), PLAIN.hidden, C).to(on), batches)
        if kind == "characters":
            sides[LAYER] = _answers(LayerNetwork(len(vocabulary), PLAIN.hidden, C).to(on), batches)
    rates = {side: Rate.of(len(many.names), taken) for side, taken in in_turns(sides).items()}
    title, note = f"Forward, H = {PLAIN.hidden}, batch {FORWARD_BATCH}", "cuDNN is free to use TF32"
    return _rates(title, rates, LAYER, note)


def exactness(some: Examples, vocabulary: Vocabulary, on: torch.device) -> Table:
    """The largest difference of probabilities and gradients from the CPU's, by H."""
    columns = ("probabilities", "dW", "dU", "dV")
    rows: list[Row] = []
    for H in (SEED.hidden, PLAIN.hidden):
        found = []
        for device in (torch.device("cpu"), on):
            rnn = RNN(len(vocabulary), H, some.targets.shape[1]).to(device)
            ((ids, targets),) = Batches(some, vocabulary, len(some.names), device)
            with torch.no_grad():
                answers = rnn(rnn.embed(ids)).softmax(1)
            loss = F.cross_entropy(rnn(rnn.embed(ids)), targets)
            gradients = torch.autograd.grad(loss, list(rnn.parameters()))
            found.append([each.cpu() for each in (answers, *gradients)])
        apart = [(a - b).abs().max().item() for a, b in zip(*found, strict=True)]
        rows.append({"H": H, **dict(zip(columns, apart, strict=True))})
    return Table(
        f"Largest difference from the CPU's, float32, {len(some.names)} names",
        {"H": ""} | dict.fromkeys(columns, ".1e"),
        rows,
    )


def _train(batches: Batches, new: Callable[[], Learn], epochs: int) -> Work:
    return lambda: run(batches, new(), epochs)


def _how(learners: Mapping[str, Learn]) -> dict[str, tuple[Learn, AbstractContextManager[object]]]:
    """Each with the context that it runs in."""
    plain = patch("model.rnn.recurrence_for", lambda inputs: Recurrence)
    return {
        side: (step, plain if side == LOOP else nullcontext()) for side, step in learners.items()
    }


def _learn(batches: Batches, learn: Learn, context: AbstractContextManager[object]) -> Work:
    def work() -> None:
        with context:
            run(batches, learn, EPOCHS)

    return work


def _answers(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Work:
    """A run over all batches, from ids to probabilities."""

    @torch.no_grad()
    def work() -> None:
        for ids, _ in batches:
            logits = model(model.embed(ids) if isinstance(model, RNN) else ids)
            last = logits.softmax(1)
        last[-1, -1].item()  # wait for the end

    return work


def _rates(title: str, rates: Mapping[str, Rate], measure: str, note: str = "") -> Table:
    rows: list[Row] = [
        {"side": side, **rate.cells(), "/ nn.RNN": rate.median / rates[measure].median}
        for side, rate in rates.items()
    ]
    return Table(title, {"side": ""} | RATE_COLUMNS | {"/ nn.RNN": ".2f"}, rows, note)
