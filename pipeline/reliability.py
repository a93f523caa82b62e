"""Whether answers are right as often as their probabilities say, as a picture."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.evaluate import calibration_error

BINS = 15
MEASURED, EXPECTED = "#1f6feb", "#9aa5b1"

Floats = NDArray[np.float32]


def draw_calibration(confidence: Floats, right: NDArray[np.bool_], path: Path) -> None:
    """A reliability diagram of N answers: how often each is right, by its probability.

    `confidence` (N,) is the most probable language's probability, `right` (N,) whether it was the
    true one. Bars span two standard errors; the panel below counts the answers.
    """
    bin_of = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    n = np.bincount(bin_of, minlength=BINS)
    kept = n > 0
    mean, share = (
        np.bincount(bin_of, values, BINS)[kept] / n[kept] for values in (confidence, right)
    )
    # Agresti and Coull's interval does not vanish where all answers of a bin are right.
    centre = (share * n[kept] + 2) / (n[kept] + 4)
    reach = 2 * np.sqrt(centre * (1 - centre) / (n[kept] + 4))
    low, high = np.minimum(centre - reach, share), np.maximum(centre + reach, share)

    figure = Figure(figsize=(5, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], "--", color=EXPECTED, label="perfectly calibrated")
    above.errorbar(
        mean, share, (share - low, high - share), fmt="o", color=MEASURED, label="measured"
    )
    above.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share of right answers")
    above.set_title(
        f"Calibration: error {calibration_error(confidence, right, BINS):.3f}, {len(right):,} rows"
    )
    above.legend(frameon=False, loc="upper left")
    below.bar((np.arange(BINS) + 0.5) / BINS, n, width=0.9 / BINS, color=EXPECTED)
    below.set(xlabel="probability of the first answer", ylabel="answers")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
