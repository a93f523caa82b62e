"""The recurrent networks that people would pick instead, and the article's own model.

Shapes: N names, B batch, T steps, E embedding, H hidden, D directions, L layers, C languages.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence

from bench.peers import Floats, Predictor, calibrated
from model.rnn import RNN
from model.vocabulary import NOTHING, Vocabulary
from pipeline.batches import Batches, Examples

CPU = torch.device("cpu")
EMBEDDING = 64  # E
LARGEST_GRADIENT = 1.0  # longer ones are cut to this norm: nn.RNN needs it, the others do not mind
PATIENCE = 5  # epochs without a better validation log-loss
CHUNK = 1024  # names that are scored together


@dataclass(frozen=True)
class Recurrent:
    """One of torch's own recurrent layers over embedded characters, with marks at both ends."""

    layer: Literal["RNN", "GRU", "LSTM"]
    layers: int = 1
    bidirectional: bool = False
    hidden: int = 256
    learning_rate: float = 3e-3
    """The peak of a one-cycle schedule, as ours has."""
    dropout: float = 0.5
    """On what enters the first layer, between layers, and on the last state."""
    epochs: int = 15
    batch: int = 128
    weight_decay: float = 0.01

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Train with AdamW and keep the epoch with the best validation log-loss."""
        torch.manual_seed(0)
        vocabulary = Vocabulary.fit(training.names, order=1)
        network = Network(len(vocabulary), training.targets.shape[1], self)
        batches = Batches(training, vocabulary, self.batch, CPU)
        optimiser = torch.optim.AdamW(
            network.parameters(), self.learning_rate, weight_decay=self.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.learning_rate, total_steps=self.epochs * len(batches)
        )
        return learn(Scorer(network, vocabulary), batches, validation, schedule, self.epochs)


@dataclass(frozen=True)
class Article:
    """The article's model and training: characters, no marks, no schedule, no regularisation."""

    hidden: int = 100
    learning_rate: float = 0.005
    epochs: int = 12
    batch: int = 32

    def fit(self, training: Examples, validation: Examples) -> Predictor:
        """Train with Adam and keep the epoch with the best validation log-loss."""
        vocabulary = Vocabulary.fit(training.names, order=1, marks=False)
        network = ArticleNetwork(len(vocabulary), self.hidden, training.targets.shape[1])
        batches = Batches(training, vocabulary, self.batch, CPU)
        optimiser = torch.optim.Adam(network.parameters(), self.learning_rate, fused=True)
        constant = torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
        return learn(Scorer(network, vocabulary), batches, validation, constant, self.epochs)


class Network(nn.Module):
    """Embedding, recurrent layers, and a linear map of the last states."""

    def __init__(self, features: int, classes: int, peer: Recurrent) -> None:
        super().__init__()
        self.directions = 2 if peer.bidirectional else 1
        self.embedding = nn.Embedding(features, EMBEDDING)
        self.recurrence: nn.RNNBase = getattr(nn, peer.layer)(
            EMBEDDING,
            peer.hidden,
            peer.layers,
            dropout=peer.dropout if peer.layers > 1 else 0.0,
            bidirectional=peer.bidirectional,
        )
        self.dropout = nn.Dropout(peer.dropout)
        self.output = nn.Linear(self.directions * peer.hidden, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, C) of ids (B, T, 1). Packed, so that neither direction reads padding."""
        packed = pack_sequence([row[row != NOTHING] for row in ids[..., 0]], enforce_sorted=False)
        _, state = self.recurrence(packed._replace(data=self.dropout(self.embedding(packed.data))))
        h = state[0] if isinstance(state, tuple) else state  # (L·D, B, H); an LSTM has its cell too
        last = h[-self.directions :].transpose(0, 1).flatten(1)  # (B, D·H)
        logits: Tensor = self.output(self.dropout(last))
        return logits


class ArticleNetwork(RNN):
    """W, U, V from ids to logits."""

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, C) of ids (B, T, 1)."""
        return super().forward(self.embed(ids))


@dataclass(frozen=True)
class Scorer:
    """A network with the vocabulary that it reads."""

    network: nn.Module
    vocabulary: Vocabulary

    @torch.no_grad()
    def __call__(self, names: Sequence[str]) -> Floats:
        """Logits (N, C)."""
        self.network.eval()
        ids = torch.from_numpy(self.vocabulary.encode(names).ids)
        logits: Floats = torch.cat([self.network(chunk) for chunk in ids.split(CHUNK)]).numpy()
        return logits


def learn(
    scorer: Scorer,
    batches: Batches,
    validation: Examples,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    epochs: int,
) -> Predictor:
    """Train the scorer's network in place, and go back to its best epoch on validation names."""
    network, optimiser = scorer.network, schedule.optimizer
    generator = torch.Generator().manual_seed(0)
    truth = torch.from_numpy(validation.targets)
    best, best_epoch, weights = float("inf"), 0, network.state_dict()
    for epoch in range(epochs):
        network.train()
        for ids, targets in batches.shuffled(generator):
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(network(ids), targets).backward()
            nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
        loss = F.cross_entropy(torch.from_numpy(scorer(validation.names)), truth).item()
        if loss < best:
            best, best_epoch, weights = loss, epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= PATIENCE:
            break
    network.load_state_dict(weights)
    return calibrated(scorer, sum(p.numel() for p in network.parameters()), validation)
