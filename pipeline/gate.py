"""May a freshly trained model be served? The decision and its reasons."""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from pipeline.config import GateConfig
from pipeline.evaluate import Evaluation


@dataclass(frozen=True)
class Decision:
    """What the gate decided; every reason is a sentence with its figures."""

    accepted: bool
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def judge(
    challenger: Evaluation,
    champion: tuple[Evaluation, Evaluation] | None,
    baseline: Evaluation,
    config: GateConfig,
) -> Decision:
    """Refuse what is below a floor, loses to the baseline, or is worse than the champion.

    It loses to the baseline when it is less accurate by more than two standard errors.

    `champion` is (the challenger, the champion) on the same test names, those whose labels both
    models know; None where nothing is promoted yet, or no label is shared.
    """
    failures = _below_floors(challenger, config)
    chance = 2 * sqrt(baseline.accuracy * (1 - baseline.accuracy) / baseline.n)
    if challenger.accuracy < baseline.accuracy - chance:
        failures.append(
            f"accuracy {challenger.accuracy:.3f} is below the n-gram baseline's "
            f"{baseline.accuracy:.3f} by more than chance on {baseline.n} rows"
        )
    if champion is not None:
        failures += _worse_than(*champion, config)
    if failures:
        return Decision(False, tuple(failures))
    if champion is None:
        return Decision(True, ("no promoted model to compare with", "every floor is met"))
    mine, theirs = champion
    return Decision(
        True,
        (
            f"accuracy {mine.accuracy:.3f} against the promoted model's {theirs.accuracy:.3f} "
            f"on the same {mine.n} rows",
            "every floor is met",
        ),
    )


def _below_floors(challenger: Evaluation, config: GateConfig) -> list[str]:
    checks = (
        ("accuracy", challenger.accuracy, config.min_accuracy, False),
        ("macro-F1", challenger.macro_f1, config.min_macro_f1, False),
        ("calibration error", challenger.ece, config.max_ece, True),
    )
    return [
        f"{name} {value:.3f} is {'above' if upper else 'below'} the limit of {limit:g}"
        for name, value, limit, upper in checks
        if (value > limit if upper else value < limit)
    ]


def _worse_than(challenger: Evaluation, champion: Evaluation, config: GateConfig) -> list[str]:
    drops = (
        ("accuracy", challenger.accuracy, champion.accuracy, config.accuracy_tolerance),
        ("macro-F1", challenger.macro_f1, champion.macro_f1, config.macro_f1_tolerance),
        ("log-loss", -challenger.log_loss, -champion.log_loss, config.log_loss_tolerance),
    )
    return [
        f"{name} {abs(mine):.3f} is worse than the promoted model's {abs(theirs):.3f} on the same "
        f"{challenger.n} rows (tolerance {tolerance:g})"
        for name, mine, theirs, tolerance in drops
        if mine < theirs - tolerance
    ]
