"""How fast an epoch trains (forward, backward, optimiser), beside two other ways to do it.

Shapes: B batch, T steps, G n-gram order, E embedding, H hidden, C languages.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.report import (
    PRODUCT,
    PRODUCT_FLOP,
    RATE_COLUMNS,
    Rate,
    Row,
    Table,
    ceiling_note,
    in_turns,
)
from model.rnn import RNN
from model.vocabulary import NOTHING, Vocabulary
from pipeline.batches import Batches, Examples, corrupt, drop, examples
from pipeline.recipe import Recipe
from pipeline.table import NameTable

HIDDEN = (100, 256)
BATCHES = (32, 300, 1024)
EMBEDDING = 64
"""E of the characters that `torch.nn.RNN` reads; its own input matrix (H, E) widens them to H."""

CPU = torch.device("cpu")
RECIPE = Recipe()
LAYER = "torch.nn.RNN, characters"


class Side:
    """One way to train; loss and optimiser are the pipeline's."""

    def __init__(
        self, batches: Batches, model: nn.Module, logits: Callable[[Tensor], Tensor]
    ) -> None:
        self.batches = batches
        self.logits = logits  # from ids (B, T, G) to (B, C)
        self.steps = batches.lengths.double().mean().item()  # of a name, padding not counted
        self.generator = torch.Generator().manual_seed(RECIPE.seed)
        self.optimiser = torch.optim.AdamW(
            model.parameters(), RECIPE.learning_rate, weight_decay=RECIPE.weight_decay, fused=True
        )

    def epoch(self) -> None:
        """Learn from every name once."""
        for ids, targets in self.batches.shuffled(self.generator):
            loss = F.cross_entropy(self.logits(ids), targets)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()


class Padded(Batches):
    """Batches as the article takes them: at random, every name as long as the longest of all."""

    def shuffled(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch in random order: ids (B, T, G) and targets (B, C)."""
        for rows in torch.randperm(len(self.ids), generator=generator).split(self.size):
            yield self.ids[rows], self.targets[rows]


def measure(table: NameTable) -> Iterator[Table]:
    """Names a second for each H and batch size."""
    known = examples(table, sorted(set(table.language)))
    grams = Vocabulary.fit(known.names)
    characters = Vocabulary.fit(known.names, order=1, marks=False)
    for H in HIDDEN:
        for B in BATCHES:
            yield compare(sample(known, max(1024, 4 * B)), grams, characters, H, B)


def sample(known: Examples, size: int) -> Examples:
    """So many of the examples, or all where there are fewer; the same ones at each call."""
    rows = np.random.default_rng(0).permutation(len(known.names))[:size]
    return Examples([known.names[i] for i in rows], known.targets[rows])


def compare(known: Examples, grams: Vocabulary, characters: Vocabulary, H: int, B: int) -> Table:
    """All sides on the same names."""
    alike = Batches(known, characters, B, CPU)  # names of like length together
    sides = {
        "ours, n-grams and dropout": as_trained(Batches(known, grams, B, CPU), grams, H),
        "ours, characters": ours(alike, characters, H),
        LAYER: layer(alike, characters, H),
        "article, characters": article(Padded(known, characters, B, CPU), characters, H),
    }
    square = torch.rand(PRODUCT, PRODUCT)
    seconds = in_turns(
        {"ceiling": lambda: square @ square} | {name: side.epoch for name, side in sides.items()}
    )
    ceiling = Rate.of(PRODUCT_FLOP, seconds.pop("ceiling"))
    rates = {name: Rate.of(len(known.names), taken) for name, taken in seconds.items()}
    rows: list[Row] = [
        {
            "side": name,
            **rate.cells(),
            "/ nn.RNN": rate.median / rates[LAYER].median,
            "of ceiling": rate.median * 6 * H**2 * sides[name].steps / ceiling.median,
        }
        for name, rate in rates.items()
    ]
    return Table(
        f"Training, H = {H}, batch {B}, epochs of {len(known.names)} names",
        {"side": ""} | RATE_COLUMNS | {"/ nn.RNN": ".2f", "of ceiling": ".1%"},
        rows,
        ceiling_note("torch", "6 H²", ceiling),
    )


def as_trained(batches: Batches, vocabulary: Vocabulary, H: int) -> Side:
    """Our model as `pipeline.train` trains it: n-grams, marks, and the recipe's dropouts."""
    rnn = RNN(len(vocabulary), H, batches.targets.shape[1])
    fallback = torch.from_numpy(vocabulary.fallback)
    generator = torch.Generator().manual_seed(RECIPE.seed)

    def logits(ids: Tensor) -> Tensor:
        h = rnn.embed(corrupt(ids, fallback, RECIPE, generator))
        return rnn.forward(drop(h, RECIPE.dropout, generator))

    return Side(batches, rnn, logits)


def ours(batches: Batches, vocabulary: Vocabulary, H: int) -> Side:
    """The article's model with our recurrence."""
    rnn = RNN(len(vocabulary), H, batches.targets.shape[1])
    return Side(batches, rnn, lambda ids: rnn.forward(rnn.embed(ids)))


def layer(batches: Batches, vocabulary: Vocabulary, H: int) -> Side:
    """torch's own recurrence on the same characters."""
    embedding = nn.Embedding(len(vocabulary), EMBEDDING, padding_idx=NOTHING)
    rnn = nn.RNN(EMBEDDING, H, bias=False)
    V = nn.Linear(H, batches.targets.shape[1], bias=False)

    def logits(ids: Tensor) -> Tensor:
        _, h = rnn(embedding(ids[..., 0].t()))  # (T, B, E) → (1, B, H)
        return V.forward(h[0])

    return Side(batches, nn.ModuleList([embedding, rnn, V]), logits)


def article(batches: Batches, vocabulary: Vocabulary, H: int) -> Side:
    """The article's model as its vectorized program has it: one-hot vectors, autograd."""
    rnn = RNN(len(vocabulary), H, batches.targets.shape[1])

    def logits(ids: Tensor) -> Tensor:
        h = torch.zeros(len(ids), H)
        for t in range(ids.shape[1]):
            x = F.one_hot(ids[:, t, 0].long(), len(vocabulary)).float()
            x[:, NOTHING] = 0.0  # where the name has not begun
            h = torch.tanh(h @ rnn.W.t() + x @ rnn.U)
        return rnn.forward(h)

    return Side(batches, rnn, logits)
