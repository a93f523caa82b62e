"""Trains on made-up names as one of several ranks: `torchrun … tests/ranked.py FILE [STEP]`.

Rank 0 leaves the weights and the learning curve in FILE. STEP "graphs" takes the GPU's step,
without one; with "leaves" and "sleeps" that is what the other rank does after the first epoch.
"""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.rnn import RNN
from model.vocabulary import Vocabulary
from pipeline.batches import Batches, Examples
from pipeline.graphs import GraphStep
from pipeline.ranks import ALONE, Ranks, joined
from pipeline.recipe import Recipe
from pipeline.train import Epoch, train

# Large enough that a batch is worth two threads; the last of an epoch has one name, for two ranks.
RECIPE = Recipe(hidden=256, batch=128, epochs=2, ngrams=2)
ENDINGS = ("ski", "opoulos", "ov")


def made_up(names: int, seed: int) -> Examples:
    """Names whose ending gives their language away."""
    random = np.random.default_rng(seed)
    language = np.arange(names) % len(ENDINGS)
    stems = [
        "".join(random.choice(list("abdeiklmnorstuvz"), n)) for n in random.integers(2, 7, names)
    ]
    ended = [stem + ENDINGS[c] for stem, c in zip(stems, language, strict=True)]
    return Examples(ended, np.eye(len(ENDINGS), dtype=np.float32)[language])


TRAINING, HELD_OUT = made_up(5 * 128 + 1, 0), made_up(200, 1)
VOCABULARY = Vocabulary.fit(TRAINING.names, order=2, min_count=1)


def trained(ranks: Ranks = ALONE, does: str = "") -> dict[str, Any]:
    """What the training loop makes of the names."""

    def on_epoch(epoch: Epoch) -> None:
        if ranks.rank > 0 and does == "leaves":
            os._exit(9)
        if ranks.rank > 0 and does == "sleeps":
            time.sleep(60)

    done = train(
        TRAINING, HELD_OUT, VOCABULARY, RECIPE, device="cpu", ranks=ranks, on_epoch=on_epoch
    )
    losses = [(e.training_loss, e.validation_loss, e.validation_accuracy) for e in done.curve]
    return {"W": done.W, "U": done.U, "V": done.V, "losses": losses, "t": done.temperature}


def in_graphs(ranks: Ranks = ALONE) -> dict[str, Any]:
    """What the GPU's step makes of them in an epoch."""
    batches = Batches(TRAINING, VOCABULARY, RECIPE.batch, torch.device("cpu"))
    rnn = RNN(len(VOCABULARY), RECIPE.hidden, len(ENDINGS))
    fallback = torch.from_numpy(VOCABULARY.fallback)
    step = GraphStep(rnn, fallback, RECIPE, len(batches), ranks)
    epoch = batches.shuffled(torch.Generator().manual_seed(0))
    losses = [step.take(*batch).item() for batch in epoch]
    return {**{k: p.detach().numpy() for k, p in rnn.named_parameters()}, "losses": losses}


if __name__ == "__main__":
    kind = sys.argv[2] if len(sys.argv) > 2 else ""
    silence = timedelta(seconds=3 if kind == "sleeps" else 60)
    with joined("test", "cpu", silence) as ours:
        result = in_graphs(ours) if kind == "graphs" else trained(ours, kind)
    if ours.rank == 0:
        np.savez(Path(sys.argv[1]), **result)
