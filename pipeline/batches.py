"""Examples in batches, and what a training step is allowed to see of them.

Shapes: N names, B batch, T steps, K ids of a step, C languages.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.vocabulary import Vocabulary
from pipeline.ragged import encode, mapped
from pipeline.recipe import Recipe
from pipeline.table import NameTable, known_rows
from pipeline.texts import numbered, taken

Floats = NDArray[np.float32]


class Examples(NamedTuple):
    """Normalised names, and how records or a committee's belief divide each over the languages.

    Names to train on are distinct, but for a pupil's, who reads some of them more than once. Those
    to validate on are the rows of a table, as they are when a model is judged.
    """

    names: Sequence[str]
    targets: Floats
    """(N, C) rows add up to 1; a name of several languages is shared between them."""


def examples(table: NameTable, codes: Sequence[str], scratch: Path | None = None) -> Examples:
    """A table's distinct names, sorted, each with its records' shares of the languages `codes`.

    Rows of other languages are left out: a class that no training name has cannot be learned. The
    shares are mapped from a file in the folder `scratch`, as in `pipeline/ragged.py`.
    """
    rows, classes = known_rows(table, codes)
    names, place = numbered(taken(table.name, rows))
    targets = mapped((len(names), len(codes)), np.float32, scratch)
    np.add.at(targets, (place, classes), table.count[rows].astype(np.float32))
    targets /= targets.sum(axis=1, keepdims=True)
    return Examples(names, targets)


def rows(table: NameTable, codes: Sequence[str]) -> Examples:
    """A table's rows in the languages `codes`, each a name with the one language it stands for."""
    kept, classes = known_rows(table, codes)
    return Examples(taken(table.name, kept), np.eye(len(codes), dtype=np.float32)[classes])


class Batches:
    """Encoded examples, cut into batches of names of like length.

    On a CPU the ids stay in a file that is mapped into memory (`pipeline/ragged.py`); on CUDA all
    of them are on the device, since no step may wait for its batch.
    """

    POOL = 50
    """Batches' worth of shuffled names that are sorted by length together."""

    def __init__(
        self,
        examples: Examples,
        vocabulary: Vocabulary,
        size: int,
        device: torch.device,
        scratch: Path | None = None,
    ) -> None:
        """`scratch` is the folder for the ids, None for the system's temporary one."""
        ids, bounds = encode(examples.names, vocabulary, scratch)
        self._ids = torch.from_numpy(ids).to(device)  # (N + P, K)
        self._bounds = torch.from_numpy(bounds)  # (N + 1,) on the host, which plans the epochs
        self._spans = self._bounds.to(device).unfold(0, 2, 1)  # (N, 2) each name's bounds
        self.targets = torch.from_numpy(examples.targets).to(device)  # (N, C)
        self.device, self._size = device, size

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.targets) // self._size)

    def shuffled(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch in random order: ids (B, T, K) without needless padding, targets (B, C).

        The generator is the host's: the order is sent to the device once, and no batch waits.
        """
        order = torch.randperm(len(self.targets), generator=generator)
        batches = []
        for pool in order.split(self.POOL * self._size):
            batches += pool[self._lengths(pool).argsort(stable=True)].split(self._size)
        places = torch.randperm(len(batches), generator=generator).tolist()
        return self._cut([batches[place] for place in places])

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in the order given."""
        return self._cut(torch.arange(len(self.targets)).split(self._size))

    def _lengths(self, rows: Tensor) -> Tensor:
        """(B,) steps of the names in these rows (B,), on the host."""
        return self._bounds[rows + 1] - self._bounds[rows] - 1

    def _cut(self, batches: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of these rows, each (B,) on the host; `POOL` of them are gathered at once."""
        shapes = [(len(rows), int(self._lengths(rows).max())) for rows in batches]
        B, T = torch.tensor(shapes).unbind(1)
        sent = torch.stack([torch.cat(list(batches)), T.repeat_interleave(B)]).to(self.device)
        pools = sent.split([int(sizes.sum()) for sizes in B.split(self.POOL)], dim=1)
        for first, (rows, steps) in zip(range(0, len(shapes), self.POOL), pools, strict=True):
            yield from self._gathered(rows, steps, shapes[first : first + self.POOL])

    def _gathered(
        self, rows: Tensor, steps: Tensor, shapes: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of these shapes (B, T), of rows (n,) padded on the left to so many steps (n,)."""
        cells = [B * T for B, T in shapes]
        begin, end = self._spans.index_select(0, rows).unbind(1)
        shift, begin = (
            of_rows.repeat_interleave(steps, output_size=sum(cells))
            for of_rows in (end - steps.cumsum(0), begin)
        )
        # Before a name begins, the row of 0 is read again.
        places = torch.maximum(torch.arange(sum(cells), device=self.device) + shift, begin)
        ids = self._ids.index_select(0, places).split(cells)
        targets = self.targets.index_select(0, rows).split([B for B, _ in shapes])
        for (B, T), of_batch, theirs in zip(shapes, ids, targets, strict=True):
            yield of_batch.view(B, T, self._ids.shape[1]), theirs


def corrupt(ids: Tensor, fallback: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Ids (B, T, K) as a training step sees them: some n-grams gone, some characters blurred.

    It keeps the model from leaning on single n-grams, and teaches it the scripts' features.
    """
    if not recipe.ngram_dropout and not recipe.symbol_dropout:
        return ids
    draw = torch.rand(ids.shape, generator=generator, device=ids.device)
    share = torch.full((ids.shape[-1],), recipe.ngram_dropout, device=ids.device)
    for single in (0, recipe.ngrams, recipe.ngrams + 1):  # the last two are the marks, if any
        # Filled, since a copy from the host would wait for the device.
        share[single : single + 1].fill_(recipe.symbol_dropout)
    return torch.where(draw < share, fallback[ids], ids)


def drop(h: Tensor, share: float, draw: Tensor) -> Tensor:
    """h with a share of its entries zeroed and the others scaled up, so that the mean stays.

    Unlike torch's own dropout it is given its random numbers, 0 to 1, in the shape of h.
    """
    return h * (draw >= share) / (1 - share)
