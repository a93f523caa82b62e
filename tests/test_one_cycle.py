"""The schedule against torch's own."""

import pytest
import torch
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from pipeline.one_cycle import FORGETTING, one_cycle
from pipeline.recipe import Recipe


@pytest.mark.parametrize("updates", [1, 2, 3, 4, 7, 10, 11, 100, 101])
def test_rate_and_momentum_move_as_torch_moves_them(updates: int) -> None:
    recipe = Recipe(learning_rate=0.01, weight_decay=0.5)
    optimiser = AdamW([torch.zeros(1)], recipe.learning_rate)
    schedule = OneCycleLR(optimiser, recipe.learning_rate, total_steps=updates)
    for update in range(1, updates + 1):
        (group,) = optimiser.param_groups
        rate, (beta, _) = group["lr"], group["betas"]
        assert one_cycle(recipe, update, updates) == pytest.approx(
            (
                rate,
                1 - beta,
                1 - beta**update,
                (1 - FORGETTING**update) ** 0.5,
                1 - rate * recipe.weight_decay,
            )
        )
        if update < updates:
            optimiser.step()
            schedule.step()


@pytest.mark.parametrize("update", [0, 8])
def test_there_is_no_other_update(update: int) -> None:
    with pytest.raises(ValueError, match=f"update is {update}, expected 1 to 7"):
        one_cycle(Recipe(), update, 7)
