"""What one would score names with instead, from names as they are typed to probabilities.

Shapes: N names, B names of one chunk, T steps, C languages.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.layer import CHUNK, LayerNetwork
from bench.peers import LogisticNgrams
from bench.programs import characters
from bench.records import part
from bench.scoring import HIDDEN
from model.text import normalise_all
from pipeline.table import NameTable

Scorer = Callable[[Sequence[str]], NDArray[np.floating[Any]]]
"""From names (N) to probabilities (N, C)."""


def contenders(table: NameTable, records: int) -> dict[str, Scorer]:
    """By name; the regression learns from so many records, the layer from none."""
    return {"nn.RNN": recurrent_layer(table), "n-gram regression": regression(table, records)}


def recurrent_layer(table: NameTable) -> Scorer:
    """`torch.nn.RNN` on embedded characters, of our H; its speed needs no training."""
    vocabulary = characters(table.name)
    network = LayerNetwork(len(vocabulary), HIDDEN, len(set(table.language))).eval()

    @torch.inference_mode()
    def score(names: Sequence[str]) -> NDArray[np.float32]:
        clean = normalise_all(names)
        chunks = [
            torch.from_numpy(vocabulary.encode(clean[i : i + CHUNK]).ids)  # (B, T, 1)
            for i in range(0, len(clean), CHUNK)
        ]
        return torch.cat([network(ids).softmax(dim=1) for ids in chunks]).numpy()

    return score


def regression(table: NameTable, records: int) -> Scorer:
    """Logistic regression on n-grams as `bench.accuracy` has it, but fitted on a few records."""
    sides = part(table, records)
    predictor = LogisticNgrams().fit(sides.training, sides.validation)
    return lambda names: predictor.probabilities(normalise_all(names))
