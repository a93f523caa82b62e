"""Has what the service is asked changed, or does the model not know it? From counts alone.

Each of four features (`model.tally`) is compared with the model's own test names, of the languages
that the window has (`pipeline.standard`), or with the window before. What a difference means
depends on which:

| feature | against the reference | against the window before |
|---|---|---|
| languages | information: no two populations have the same languages | drift |
| verdicts, familiarity, symbols | drift, where the names are known less well | drift |
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from model.tally import FEATURES, Tally
from model.verdict import LEAST_FAMILIARITY, Verdict
from pipeline.divergence import chance, divergence

THRESHOLDS = {"languages": 0.045, "verdicts": 0.018, "familiarity": 0.018, "symbols": 0.018}
"""Of the divergence in bits: 0.25 and 0.1 of the population stability index, which are customary.

0.018 is what unknown verdicts come to when a tenth of the names is replaced by noise. Languages may
move further before it means anything, since callers send lists."""

LEAST_NAMES = 100
"""Of fewer names nothing is said: a single list of them would decide."""


COARSE = (LEAST_FAMILIARITY, 0.2, 0.5, 1.0)
"""The bounds by which familiarity is compared: chance grows with the number of bins."""


class Against(StrEnum):
    """What a window is compared with."""

    REFERENCE = "reference"
    BEFORE = "before"


class Finding(StrEnum):
    """What became of a comparison."""

    DRIFT = "drift"
    STEADY = "steady"
    TOO_FEW = "too few names"
    """Chance alone may go beyond the threshold."""
    BETTER = "better known"
    """Further from the reference than drift is, but the names are known better than its."""
    INFORMATION = "information"
    """Nothing to act on, however far apart."""


@dataclass(frozen=True)
class Comparison:
    """One feature of two sets of counts."""

    feature: str
    distance: float
    """Jensen-Shannon divergence in bits, 0 to 1."""
    threshold: float
    chance: float
    """The distance that names of one population stay below with 99 %."""
    finding: Finding
    window: Mapping[str, float]
    other: Mapping[str, float]

    @property
    def limit(self) -> float:
        """What the distance must exceed to be drift; 1, which none does, where nothing would."""
        if self.finding in (Finding.DRIFT, Finding.STEADY):
            return max(self.threshold, self.chance)
        return 1.0


@dataclass(frozen=True)
class Report:
    """What a look at a service came to."""

    url: str
    model: str
    against: Against
    since: str
    """ISO 8601, UTC; the window ends at `until`."""
    until: str
    names: int
    other_names: int
    """Of the reference: how many names of these languages it is worth (`pipeline.standard`)."""
    comparisons: tuple[Comparison, ...]

    @property
    def finding(self) -> Finding:
        """Drift where any feature drifted; steady only where none can have."""
        found = {comparison.finding for comparison in self.comparisons}
        return next((f for f in (Finding.DRIFT, Finding.TOO_FEW) if f in found), Finding.STEADY)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "finding": self.finding}


def compare(window: Tally, other: Tally, against: Against) -> tuple[Comparison, ...]:
    """Each feature of a window beside the same of `other`, neither of them empty."""
    return tuple(_compare(feature, window, other, against) for feature in FEATURES)


def names(counts: Tally) -> int:
    """How many names were counted."""
    return round(sum(counts["verdicts"].values()))


def _compare(feature: str, window: Tally, other: Tally, against: Against) -> Comparison:
    ours, theirs = _bins(feature, window[feature], other[feature])
    distance, by_chance = 0.0, 1.0
    if sum(ours) and sum(theirs):  # no name has a language where all are unknown
        distance = divergence(ours, theirs)
        # The characters of a name come together, so there are no more draws than names.
        drawn = "verdicts" if feature == "symbols" else feature
        n, m = (round(sum(counts[drawn].values())) for counts in (window, other))
        by_chance = chance(ours, theirs, (max(n, 1), max(m, 1)))
    threshold = THRESHOLDS[feature]
    if against is Against.REFERENCE and feature == "languages":
        finding = Finding.INFORMATION
    elif min(names(window), names(other)) < LEAST_NAMES:
        finding = Finding.TOO_FEW
    elif distance > max(threshold, by_chance):
        worse = against is Against.BEFORE or _mean(ours) > _mean(theirs)
        finding = Finding.DRIFT if worse else Finding.BETTER
    else:
        finding = Finding.TOO_FEW if by_chance > threshold else Finding.STEADY
    return Comparison(
        feature, distance, threshold, by_chance, finding, window[feature], other[feature]
    )


def _bins(
    feature: str, ours: Mapping[str, float], theirs: Mapping[str, float]
) -> tuple[list[float], list[float]]:
    """The counts (K,) that are compared; but for languages, the better known bins come first."""
    if feature == "languages":
        codes = sorted(ours.keys() | theirs.keys())
        return [ours.get(code, 0) for code in codes], [theirs.get(code, 0) for code in codes]
    fold = {"verdicts": _unknown, "familiarity": _coarse, "symbols": _unlearned}[feature]
    return fold(ours), fold(theirs)


def _unknown(verdicts: Mapping[str, float]) -> list[float]:
    """Known or not: whether an answer is confident is up to the coverage that a caller asks for."""
    unknown = verdicts.get(Verdict.UNKNOWN, 0)
    return [sum(verdicts.values()) - unknown, unknown]


def _coarse(bins: Mapping[str, float]) -> list[float]:
    counts = [0.0] * len(COARSE)
    for label, count in bins.items():
        counts[bisect_left(COARSE, float(label))] += count
    return counts[::-1]


def _unlearned(symbols: Mapping[str, float]) -> list[float]:
    return [symbols.get("learned", 0), symbols.get("unlearned", 0)]


def _mean(counts: list[float]) -> float:
    """The mean bin."""
    return sum(i * n for i, n in enumerate(counts)) / sum(counts)
