"""A picture of a drift report, as a PNG file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.tally import BINS
from model.verdict import Verdict
from pipeline.drift import Against, Comparison, Finding, Report

OTHER, WINDOW, DRIFTED = "#9aa5b1", "#1f6feb", "#d1495b"
TITLES = {
    "languages": "Most probable language",
    "verdicts": "Verdict (compared: unknown or not)",
    "familiarity": "Familiarity: share of real names that look stranger",
    "symbols": "Characters",
}
MOST_LANGUAGES = 40


def draw(report: Report, path: Path) -> None:
    """The shares of each feature's labels in the window, beside those it is compared with."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplot_mosaic(
        [["languages"] * 3, ["verdicts", "familiarity", "symbols"]], width_ratios=(3, 6, 2.5)
    )
    for comparison in report.comparisons:
        _draw(axes[comparison.feature], comparison)
    other = "test names of the training data" if report.against is Against.REFERENCE else "before"
    axes["languages"].legend(
        [f"{other} ({report.other_names:,} names)", f"window ({report.names:,} names)"],
        frameon=False,
    )
    figure.suptitle(f"{report.model}, {report.since} to {report.until}", fontsize=10)
    figure.savefig(path, dpi=110)


def _draw(axes: Axes, comparison: Comparison) -> None:
    labels = _labels(comparison)
    places = np.arange(len(labels))
    sides = ((comparison.other, -0.2, OTHER), (comparison.window, 0.2, WINDOW))
    for counts, shift, color in sides:
        bars = axes.bar(places + shift, _percent(counts, labels), 0.4, color=color)
        if len(labels) <= 3:
            axes.bar_label(bars, fmt="%.3g", fontsize=8)
    turned = 90 if comparison.feature == "languages" and len(labels) > 20 else 0
    axes.set_xticks(places, labels, rotation=turned, fontsize=8)
    axes.set_ylabel("%")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{TITLES[comparison.feature]}\n{comparison.finding}: distance "
        f"{comparison.distance:.3f}, threshold {comparison.threshold}, "
        f"chance {comparison.chance:.3f}",
        fontsize=9,
        loc="left",
        color=DRIFTED if comparison.finding is Finding.DRIFT else "black",
    )


def _labels(comparison: Comparison) -> Sequence[str]:
    """What stands below the bars, in a fixed order; languages by their share in `other`."""
    if comparison.feature == "languages":
        ours, theirs = comparison.window, comparison.other
        codes = sorted(ours.keys() | theirs.keys())
        codes.sort(key=lambda code: (-theirs.get(code, 0), -ours.get(code, 0)))
        return codes[:MOST_LANGUAGES]
    fixed = {
        "verdicts": [verdict.value for verdict in Verdict],
        "familiarity": BINS,
        "symbols": ("learned", "unlearned"),
    }
    return fixed[comparison.feature]


def _percent(counts: Mapping[str, float], labels: Sequence[str]) -> list[float]:
    total = max(sum(counts.values()), 1)
    return [100 * counts.get(label, 0) / total for label in labels]
