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
    "verdicts": "Verdict; compared is unknown or not",
    "familiarity": "Familiarity, up to: the share of real names that look stranger",
    "symbols": "Characters never learned",
}
MOST_LANGUAGES = 40


def draw(report: Report, path: Path) -> None:
    """The shares of each feature's labels in the window, beside those it is compared with."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplot_mosaic(
        [["languages"] * 3, ["verdicts", "familiarity", "symbols"]], width_ratios=(4, 6.5, 3.6)
    )
    for comparison in report.comparisons:
        _draw(axes[comparison.feature], comparison)
    other = (
        f"test names (in the window's languages worth {report.other_names:,})"
        if report.against is Against.REFERENCE
        else f"the window before ({report.other_names:,} names)"
    )
    axes["languages"].legend([other, f"the window ({report.names:,} names)"], frameon=False)
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
    axes.set_ylim(top=max(axes.get_ylim()[1], 1.0))  # a thousandth of all is not to look like much
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02 if len(labels) > 3 else 0.1)
    figures = (
        f"distance {comparison.distance:.3f}\n"
        f"(threshold {comparison.threshold}, chance {comparison.chance:.3f})"
    )
    axes.set_title(
        f"{TITLES[comparison.feature]}\n{comparison.finding}: {figures}",
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
        "symbols": ("unlearned",),
    }
    return fixed[comparison.feature]


def _percent(counts: Mapping[str, float], labels: Sequence[str]) -> list[float]:
    total = max(sum(counts.values()), 1)
    return [100 * counts.get(label, 0) / total for label in labels]
