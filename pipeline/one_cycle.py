"""Adam's numbers of each update: a schedule that moves the learning rate and, against it, momentum.

Smith and Topin, Super-Convergence, 2019, as torch's OneCycleLR has it; to load that takes a second.
"""

from math import cos, pi
from typing import NamedTuple

from pipeline.recipe import Recipe

FORGETTING = 0.999
"""What stays, from update to update, of the mean square of the gradient."""

WARM_UP = 0.3
"""Share of the updates in which the rate grows."""
FIRST_RATE, LAST_RATE = 1 / 25, 1 / 25e4
"""Of the peak."""
MOMENTA = 0.85, 0.95
"""At the peak, and at both ends."""


class Numbers(NamedTuple):
    """Of one update; beta is Adam's momentum."""

    rate: float
    """The learning rate."""
    fresh: float
    """1 - beta: how much of the new gradient enters its mean."""
    begun: float
    """1 - beta^t: how much of a mean there is after t updates, for it started at 0."""
    spread: float
    """The same of the mean square, for its root."""
    kept: float
    """What weight decay leaves of a number."""


def one_cycle(recipe: Recipe, update: int, updates: int) -> Numbers:
    """Those of an update, counted from 1, of so many.

    Raises:
        ValueError: there is no such update.
    """
    if not 1 <= update <= updates:
        raise ValueError(f"update is {update}, expected 1 to {updates}")
    peak, last = WARM_UP * updates, float(updates)
    if update <= peak:
        height, low = _rise((update - 1) / (peak - 1)), FIRST_RATE
    else:
        height, low = _rise((last - update) / (last - peak)), LAST_RATE
    rate = recipe.learning_rate * (low + (1 - low) * height)
    at_peak, at_ends = MOMENTA
    beta = at_ends + (at_peak - at_ends) * height
    return Numbers(
        rate,
        fresh=1 - beta,
        begun=1 - beta**update,
        spread=(1 - FORGETTING**update) ** 0.5,
        kept=1 - rate * recipe.weight_decay,
    )


def _rise(way: float) -> float:
    """From 0 to 1 along half a cosine, the share `way` of it."""
    return (1 - cos(pi * way)) / 2
