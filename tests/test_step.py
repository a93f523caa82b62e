"""Updates by rows against torch's dense optimisers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from model.rnn import RNN
from model.vocabulary import Vocabulary
from pipeline.adam import Adam, CompiledAdam
from pipeline.batches import Batches, Examples
from pipeline.gradient import loss_of
from pipeline.one_cycle import FORGETTING, one_cycle
from pipeline.recipe import Recipe
from pipeline.rows import CompiledRowAdam, RowAdam
from pipeline.step import Step
from pipeline.threads import lone_threads

NAMES = [
    "kowalski",
    "nowak",
    "papadopoulos",
    "vlachos",
    "kim",
    "lee",
    "smith",
    "o'neill",
    "šimůnek",
    "田中",
    "иванов",
]
EXAMPLES = Examples(NAMES, np.eye(3, dtype=np.float32)[np.arange(len(NAMES)) % 3])
VOCABULARY = Vocabulary.fit(NAMES, order=2, min_count=1)
FALLBACK = torch.from_numpy(VOCABULARY.fallback)
PLAIN = Recipe(
    hidden=8, batch=4, dropout=0, ngram_dropout=0, symbol_dropout=0, consistency=0, weight_decay=0
)


@pytest.mark.parametrize("kind", [RowAdam, CompiledRowAdam])
def test_rows_that_catch_up_are_where_a_dense_optimiser_has_them(kind: type[RowAdam]) -> None:
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(12, 3, generator=generator).requires_grad_()
    matrix = dense.detach().clone()
    optimiser = AdamW([dense], 0.05, betas=(0.0, FORGETTING), eps=1e-5, weight_decay=0.2)
    by_rows = kind(matrix, weight_decay=0.2, epsilon=1e-5)
    for update in range(1, 40):
        rows = torch.randperm(12, generator=generator)[: update % 5].sort().values
        gradient = torch.randn(len(rows), 3, generator=generator)
        dense.grad = torch.zeros_like(dense).index_copy_(0, rows, gradient)
        values = torch.empty(len(rows), 3)
        by_rows.read(rows, update, 0.05, values)
        torch.testing.assert_close(values, dense.detach()[rows])
        optimiser.step()
        by_rows.write(rows, values, gradient, update, 0.05)
    by_rows.settle(update, 0.05)
    torch.testing.assert_close(matrix, dense.detach())


@pytest.mark.parametrize("kind", [Adam, CompiledAdam])
def test_a_matrix_of_which_all_changes_is_where_torch_has_it(kind: type[Adam]) -> None:
    generator = torch.Generator().manual_seed(0)
    theirs = torch.randn(5, 3, generator=generator).requires_grad_()
    mine = theirs.detach().clone()
    adam = kind(mine, PLAIN.epsilon)
    recipe = replace(PLAIN, weight_decay=0.2, learning_rate=0.05)
    optimiser = AdamW([theirs], recipe.learning_rate, eps=recipe.epsilon, weight_decay=0.2)
    schedule = OneCycleLR(optimiser, recipe.learning_rate, total_steps=40)
    for update in range(1, 40):
        theirs.grad = torch.randn(5, 3, generator=generator)
        adam.write(theirs.grad, one_cycle(recipe, update, 40))
        optimiser.step()
        schedule.step()
    torch.testing.assert_close(mine, theirs.detach())


class DenseStep:
    """The same update with torch's optimisers and nothing clever: what the fast ones must equal."""

    def __init__(self, rnn: RNN, fallback: Tensor, recipe: Recipe, updates: int) -> None:
        self.rnn, self.fallback, self.recipe = rnn, fallback, recipe
        self.generator = torch.Generator(fallback.device)
        self.optimisers = [
            AdamW(
                parameters,
                recipe.learning_rate,
                betas=(beta, FORGETTING),
                eps=recipe.epsilon,
                weight_decay=recipe.weight_decay,
            )
            for parameters, beta in (([rnn.W, rnn.V], 0.9), ([rnn.U], 0.0))
        ]
        self.schedules = [
            OneCycleLR(
                o, recipe.learning_rate, total_steps=updates, cycle_momentum=o is self.optimisers[0]
            )
            for o in self.optimisers
        ]

    def take(self, ids: Tensor, targets: Tensor) -> Tensor:
        loss = loss_of(self.rnn, ids, targets, self.fallback, self.recipe, self.generator)
        self.rnn.zero_grad()
        loss.backward()
        clip_grad_norm_(self.rnn.parameters(), self.recipe.largest_gradient)
        for optimiser, schedule in zip(self.optimisers, self.schedules, strict=True):
            optimiser.step()
            schedule.step()
        return loss.detach()


@pytest.mark.parametrize("parts", [1, 3])
def test_an_update_is_that_of_the_whole_network(parts: int) -> None:
    sparse, dense = (RNN(len(VOCABULARY), 8, 3) for _ in range(2))
    batches = Batches(EXAMPLES, VOCABULARY, PLAIN.batch, torch.device("cpu"))
    updates = 5 * len(batches)
    plain = DenseStep(dense, FALLBACK, PLAIN, updates)
    with lone_threads() as threads:
        step = Step(sparse, FALLBACK, PLAIN, updates=updates, threads=threads, parts=parts)
        for _ in range(5):
            for batch in batches.shuffled(torch.Generator().manual_seed(0)):
                torch.testing.assert_close(step.take(*batch), plain.take(*batch))
    step.settle()
    for mine, theirs in zip(sparse.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_what_a_batch_does_not_show_only_decays() -> None:
    rnn = RNN(len(VOCABULARY), 8, 3)
    before = rnn.U.detach().clone()
    ids, targets = next(iter(Batches(EXAMPLES, VOCABULARY, 1, torch.device("cpu"))))
    with lone_threads() as threads:
        step = Step(
            rnn, FALLBACK, replace(PLAIN, weight_decay=100), updates=100, threads=threads, parts=1
        )
        step.take(ids, targets)
    step.settle()
    shown = torch.zeros(len(VOCABULARY), dtype=torch.bool)
    shown[ids.flatten()] = True
    learned = torch.arange(len(VOCABULARY)) >= len(VOCABULARY) - len(VOCABULARY.grams)
    decayed = rnn.U.detach() / before
    assert not rnn.U[0].any()
    assert decayed[learned & ~shown].std() < 1e-6
    assert decayed[learned & ~shown].max() < 0.995
    assert decayed[learned & shown].std() > 1e-3
