"""Whether answers are right as often as their probabilities say, as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pipeline.evaluate import BINS, ReliabilityBin, mean_gap

MEASURED, EXPECTED = "#1f6feb", "#9aa5b1"


def draw_calibration(bins: Sequence[ReliabilityBin], path: Path) -> None:
    """A reliability diagram: how often answers are right, by their probability.

    Bars span two standard errors; the panel below counts the answers.
    """
    n, mean, share = np.array([(b.n, b.confidence, b.accuracy) for b in bins]).reshape(-1, 3).T
    # Agresti and Coull's interval does not vanish where all answers of a bin are right.
    centre = (share * n + 2) / (n + 4)
    reach = 2 * np.sqrt(centre * (1 - centre) / (n + 4))
    low, high = np.minimum(centre - reach, share), np.maximum(centre + reach, share)

    figure = Figure(figsize=(5, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], "--", color=EXPECTED, label="perfectly calibrated")
    above.errorbar(
        mean, share, (share - low, high - share), fmt="o", color=MEASURED, label="measured"
    )
    above.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share of right answers")
    above.set_title(f"Calibration: error {mean_gap(bins):.3f}, {n.sum():,.0f} rows")
    above.legend(frameon=False, loc="upper left")
    middle = (np.minimum(np.floor(mean * BINS), BINS - 1) + 0.5) / BINS
    below.bar(middle, n, width=0.9 / BINS, color=EXPECTED)
    below.set(xlabel="probability of the first answer", ylabel="answers")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
