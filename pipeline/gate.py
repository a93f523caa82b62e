"""May a freshly trained model be served? The decision and its reasons.

A challenger is refused where it is below a floor, loses to the n-gram baseline, loses a language,
or is worse than the promoted model by more than a tolerance where even chance taken in its favour
cannot explain it. Else it is accepted, a tie included: equal quality from fresher data is progress.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from pipeline.config import GateConfig
from pipeline.contest import Contest
from pipeline.duel import FIGURES, Duel
from pipeline.evaluate import Evaluation
from pipeline.race import Race

TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "log_loss": "log-loss",
    "ece": "calibration error",
}
"""What sentences call the figures."""

_BETTER_BELOW = ("log_loss", "ece")


@dataclass(frozen=True)
class Findings:
    """What the gate judges by."""

    test: Evaluation
    """The challenger on all test rows; `baseline` is naive Bayes on the same."""
    baseline: Evaluation
    contest: Contest
    unreadable: str | None = None
    """Why the promoted model cannot be compared with, if it cannot."""


@dataclass(frozen=True)
class Decision:
    """What the gate decided; every reason is a sentence with its figures."""

    accepted: bool
    reasons: tuple[str, ...]
    contest: dict[str, Any] = field(default_factory=dict)
    """`Contest.to_dict`, for the model's record."""
    report: str = ""
    """All of it in Markdown, with names only where they may be shown."""

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without any name."""
        return {"accepted": self.accepted, "reasons": self.reasons} | self.contest


def judge(findings: Findings, config: GateConfig) -> Decision:
    """Refuse what fails in any respect, and say in which; accept the rest, and say why."""
    contest = findings.contest
    failures = [
        *_below_floors(findings, config),
        *_loses_to_baseline(findings),
        *_slower(contest.race, config),
        *(objections(contest.duel, config) if contest.duel else ()),
    ]
    reasons = failures or [*_merits(findings), "every floor is met"]
    notes = _notes(contest.duel) if contest.duel else ()
    return Decision(not failures, (*reasons, *notes), contest.to_dict())


def objections(duel: Duel, config: GateConfig) -> list[str]:
    """What in a duel speaks against serving the challenger; empty where nothing does.

    A figure does where the better end of its 95 % interval is still worse than the champion's by
    more than the tolerance; a language does where the same is true of its recall, at a chance of
    2.5 % over all languages together, and where only the champion knows it.
    """
    found = []
    gone = [code for code in duel.gone if not {code, "*"} & set(config.may_disappear)]
    if gone:
        found.append(
            f"{_languages(len(gone))} of the promoted model would disappear: {', '.join(gone)} "
            "(allow it by may_disappear in [gate])"
        )
    for name, difference in duel.figures.items():
        tolerance = getattr(config, f"{name}_tolerance")
        best = -difference.low if name in _BETTER_BELOW else difference.high
        if best < -tolerance:
            found.append(
                f"{TITLES[name]} {difference.challenger:.3f} is worse than the promoted model's "
                f"{difference.champion:.3f} on the same {duel.rows:,} rows by more than chance and "
                f"the tolerance of {tolerance:g}: {_spread(duel, name)}"
            )
    return found + _lost_languages(duel, config)


def _lost_languages(duel: Duel, config: GateConfig) -> list[str]:
    judged = {code: r for code, r in duel.languages.items() if r.rows >= config.floor_rows}
    return [
        f"{code}: {recall.challenger:.0%} of its {recall.rows} rows are found, the promoted model "
        f"finds {recall.champion:.0%}: worse by more than chance and the tolerance of "
        f"{config.recall_tolerance:g}"
        for code, recall in judged.items()
        if recall.high(len(judged)) < -config.recall_tolerance
    ]


def _below_floors(findings: Findings, config: GateConfig) -> Iterator[str]:
    test = findings.test
    checks = (
        ("accuracy", test.accuracy, config.min_accuracy, False),
        ("macro-F1", test.macro_f1, config.min_macro_f1, False),
        ("calibration error", test.ece, config.max_ece, True),
    )
    for name, value, limit, upper in checks:
        if value > limit if upper else value < limit:
            yield f"{name} {value:.3f} is {'above' if upper else 'below'} the limit of {limit:g}"
    size = findings.contest.bytes.challenger
    if size > config.max_bytes:
        yield f"size {size:,} bytes is above the limit of {config.max_bytes:,}"


def _loses_to_baseline(findings: Findings) -> Iterator[str]:
    """Where it is less accurate by more than two standard errors."""
    test, baseline = findings.test, findings.baseline
    chance = 2 * sqrt(baseline.accuracy * (1 - baseline.accuracy) / baseline.n)
    if test.accuracy < baseline.accuracy - chance:
        yield (
            f"accuracy {test.accuracy:.3f} is below the n-gram baseline's "
            f"{baseline.accuracy:.3f} by more than chance on {baseline.n} rows"
        )


def _slower(race: Race, config: GateConfig) -> Iterator[str]:
    ratios = {"one name": race.one_name_ratio, "a batch": race.batch_ratio}
    for what, ratio in ratios.items():
        if ratio is not None and ratio > config.max_slowdown:
            yield (
                f"{what} takes {ratio:.1f} times as long as with the promoted model "
                f"(limit {config.max_slowdown:g})"
            )


def _merits(findings: Findings) -> Iterator[str]:
    """What an accepted model is accepted for."""
    duel = findings.contest.duel
    if duel is None:
        yield findings.unreadable or "no promoted model to compare with"
    elif not duel.figures:
        yield "no test row is left to compare with the promoted model on"
    else:
        accuracy = duel.figures["accuracy"]
        yield (
            f"accuracy {accuracy.challenger:.3f} against the promoted model's "
            f"{accuracy.champion:.3f} on the same {duel.rows:,} rows: {_spread(duel, 'accuracy')}"
        )
        others = (f"{TITLES[name]} {_spread(duel, name)}" for name in FIGURES[1:])
        yield f"no worse than chance and tolerance allow: {', '.join(others)}"


def _notes(duel: Duel) -> Iterator[str]:
    """What a reader must know of the comparison, however it came out."""
    if not duel.evidence:
        yield (
            "the promoted model carries no evidence, so it cannot be known whether it was trained "
            "on some of these names"
        )
    if duel.trained_on:
        yield f"{duel.trained_on:,} rows left out that a model was trained on"
    if duel.unknown:
        yield f"{duel.unknown:,} rows left out whose label not both models know"
    if duel.new:
        yield f"{_languages(len(duel.new))} new: {', '.join(duel.new)}"


def _languages(n: int) -> str:
    return f"{n} language{'s' * (n > 1)}"


def _spread(duel: Duel, name: str) -> str:
    d = duel.figures[name]
    return f"{d.value:+.3f} ({d.low:+.3f} to {d.high:+.3f})"
