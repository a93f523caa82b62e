"""Pictures of a training run, as PNG files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.train import Epoch

TRAINING, VALIDATION, CHOSEN = "#9aa5b1", "#1f6feb", "#d1495b"


def draw_learning_curve(curve: Sequence[Epoch], path: Path) -> None:
    """Training and validation loss by epoch, the chosen epoch marked."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [epoch.epoch for epoch in curve]
    axes.plot(
        epochs, [e.training_loss for e in curve], color=TRAINING, label="training, dropout on"
    )
    axes.plot(epochs, [e.validation_loss for e in curve], color=VALIDATION, label="validation")
    best = min(curve, key=lambda epoch: epoch.validation_loss)
    axes.plot(best.epoch, best.validation_loss, "o", color=CHOSEN, label="chosen epoch")
    axes.annotate(
        f"{best.validation_loss:.3f} nats, {best.validation_accuracy:.1%} right",
        (best.epoch, best.validation_loss),
        xytext=(0, 10),
        textcoords="offset points",
        ha="right",
    )
    axes.set(xlabel="epoch", ylabel="log-loss (nats)", title="Learning curve")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def draw_confusion(counts: NDArray[np.int64], languages: Sequence[str], path: Path) -> None:
    """Which language is answered for which: shares of each true language's rows, from (C, C)."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(5.0, 0.3 * len(languages) + 2)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.05:
            color = "white" if share > 0.5 else "black"
            axes.text(
                column, row, f"{100 * share:.0f}", ha="center", va="center", color=color, fontsize=7
            )
    axes.set_xticks(range(len(languages)), languages, rotation=90)
    axes.set_yticks(range(len(languages)), languages)
    axes.set(xlabel="answered", ylabel="true", title="Confusion, % of each true language's names")
    figure.colorbar(image, shrink=0.6)
    figure.savefig(path, dpi=110)
