import dataclasses
import json
from math import sqrt
from typing import Any

import pytest
from rivals import duel_of

from pipeline.config import GateConfig
from pipeline.contest import Contest, Sizes
from pipeline.duel import Duel, Recall
from pipeline.evaluate import Evaluation
from pipeline.gate import Decision, Findings, judge
from pipeline.gate_report import facts, markdown
from pipeline.race import Race, Speed

CONFIG = GateConfig()
GOOD = Evaluation(
    n=100,
    accuracy=0.85,
    any_valid_accuracy=0.86,
    top3_accuracy=0.95,
    macro_f1=0.6,
    log_loss=0.5,
    ece=0.02,
    per_language={},
    unknown_labels={},
)
BASELINE = dataclasses.replace(GOOD, accuracy=0.8)
SPEED = Speed(one_name_ms=0.1, names_per_second=100_000)
ALONE = Race(SPEED)


def decide(
    test: Evaluation = GOOD,
    baseline: Evaluation = BASELINE,
    duel: Duel | None = None,
    *,
    size: int = 10_000_000,
    race: Race = ALONE,
    config: GateConfig = CONFIG,
) -> Decision:
    return judge(Findings(test, baseline, Contest(Sizes(size), race, duel)), config)


def recall(n: int, challenger: float, champion: float) -> Recall:
    """Of n names that are independent, the worst case for the error of the difference."""
    error = sqrt((challenger * (1 - challenger) + champion * (1 - champion)) / n)
    return Recall(n, n, challenger, champion, error)


def test_the_first_good_model_is_accepted() -> None:
    decision = decide()
    assert decision.accepted
    assert "no promoted model" in decision.reason
    assert decision.contest["duel"] is None


def test_every_floor_that_is_missed_is_named() -> None:
    bad = dataclasses.replace(GOOD, accuracy=0.4, macro_f1=0.1, ece=0.2)
    decision = decide(bad, size=60_000_000)
    assert not decision.accepted
    assert decision.reasons[:4] == (
        "accuracy 0.400 is below the limit of 0.5",
        "macro-F1 0.100 is below the limit of 0.25",
        "calibration error 0.200 is above the limit of 0.1",
        "size 60,000,000 bytes is above the limit of 50,000,000",
    )


def test_a_model_that_loses_to_the_baseline_is_refused() -> None:
    better = dataclasses.replace(GOOD, accuracy=0.9)
    assert decide(baseline=better).accepted, "100 rows cannot tell 0.85 from 0.9"
    decision = decide(baseline=dataclasses.replace(better, n=1000))
    assert not decision.accepted
    assert "0.850 is below the n-gram baseline's 0.900 by more than chance" in decision.reason


@pytest.mark.parametrize(
    ("figure", "values"),
    [
        ("accuracy", (0.84, 0.85)),
        ("macro_f1", (0.58, 0.6)),
        ("log_loss", (0.53, 0.5)),
        ("ece", (0.05, 0.02)),
    ],
)
def test_a_model_worse_than_the_champion_is_refused(
    figure: str, values: tuple[float, float]
) -> None:
    given: dict[str, Any] = {figure: values}
    decision = decide(duel=duel_of(**given))
    assert not decision.accepted
    [reason] = decision.reasons
    assert f"{values[0]:.3f} is worse than the promoted model's {values[1]:.3f}" in reason
    assert "by more than chance and the tolerance of" in reason
    backwards: dict[str, Any] = {figure: values[::-1]}
    assert decide(duel=duel_of(**backwards)).accepted, "the same difference for the better"


def test_the_rule_to_the_point() -> None:
    """Worse by 0.010: refused as soon as chance and tolerance together explain less."""
    worse = (0.84, 0.85)
    assert not decide(duel=duel_of(accuracy=worse, chance=0.0049)).accepted
    assert decide(duel=duel_of(accuracy=worse, chance=0.0051)).accepted
    strict, lax = (GateConfig(accuracy_tolerance=t) for t in (0.004, 0.006))
    assert not decide(duel=duel_of(accuracy=worse, chance=0.0051), config=strict).accepted
    assert decide(duel=duel_of(accuracy=worse, chance=0.0049), config=lax).accepted


def test_a_tie_is_accepted_and_the_reasons_say_what_was_compared() -> None:
    decision = decide(duel=duel_of())
    assert decision.accepted
    assert decision.reasons == (
        "accuracy 0.850 against the promoted model's 0.850 on the same 1,000 rows: "
        "+0.000 (-0.004 to +0.004)",
        "no worse than chance and tolerance allow: macro-F1 +0.000 (-0.004 to +0.004), "
        "log-loss +0.000 (-0.004 to +0.004), calibration error +0.000 (-0.004 to +0.004)",
        "every floor is met",
    )


def test_no_language_may_lose_more_than_chance_and_tolerance() -> None:
    def against(*languages: Recall, config: GateConfig = CONFIG) -> Decision:
        table = dict(zip(("cs", "da", "pt"), languages, strict=False))
        return decide(duel=duel_of(languages=table), config=config)

    same, lost = recall(200, 0.8, 0.8), recall(200, 0.3, 0.8)
    decision = against(same, lost)
    assert not decision.accepted
    assert decision.reasons == (
        "da: 30% of its 200 rows are found, the promoted model finds 80%: worse by more than "
        "chance and the tolerance of 0.05",
    )
    assert against(same, recall(200, 0.76, 0.8)).accepted
    assert against(same, recall(20, 0.6, 0.8)).accepted, "20 rows cannot tell"
    assert not against(same, recall(20, 0.0, 0.8)).accepted, "but this they can"
    assert against(same, recall(19, 0.0, 0.8)).accepted, "too few rows to judge"
    assert against(same, lost, config=GateConfig(recall_tolerance=0.5)).accepted


def test_a_language_that_disappears() -> None:
    duel = duel_of(gone=("cs", "da"))
    decision = decide(duel=duel)
    assert not decision.accepted
    assert "2 languages of the promoted model would disappear: cs, da" in decision.reason
    partly = decide(duel=duel, config=GateConfig(may_disappear=("da",)))
    assert "1 language of the promoted model would disappear: cs (" in partly.reason
    for allowed in (("cs", "da"), ("*",)):
        assert decide(duel=duel, config=GateConfig(may_disappear=allowed)).accepted


def test_a_slow_model_is_refused() -> None:
    slow = Race(SPEED, SPEED, one_name_ratio=1.9, batch_ratio=2.5)
    decision = decide(duel=duel_of(), race=slow)
    assert not decision.accepted
    assert decision.reasons == (
        "a batch takes 2.5 times as long as with the promoted model (limit 2)",
    )
    assert decide(duel=duel_of(), race=slow, config=GateConfig(max_slowdown=3)).accepted


def test_what_cannot_be_known_or_compared_is_said() -> None:
    unknown = decide(duel=duel_of(evidence=False))
    assert unknown.accepted
    assert "it cannot be known whether it was trained on some of these names" in unknown.reason
    left = dataclasses.replace(duel_of(), trained_on=12, unknown=3, new=("ca",))
    assert decide(duel=left).reasons[-3:] == (
        "12 rows left out that a model was trained on",
        "3 rows left out whose label not both models know",
        "1 language new: ca",
    )
    nothing = dataclasses.replace(left, rows=0, figures={})
    assert (
        "no test row is left to compare with the promoted model on" in decide(duel=nothing).reason
    )


def test_the_report_of_a_decision() -> None:
    languages = {"cs": recall(40, 0.5, 0.45), "da": recall(50, 0.4, 0.5), "el": recall(9, 1, 1)}
    both = Race(SPEED, SPEED, one_name_ratio=1.01, batch_ratio=0.97)
    decision = decide(duel=duel_of(accuracy=(0.86, 0.85), languages=languages), race=both)
    record = json.loads(json.dumps(decision.to_dict()))
    text = markdown(record)
    assert text.startswith("# Gate: accepted\n\n- accuracy 0.860 against")
    assert "| accuracy | 0.860 | 0.850 | +0.010 | +0.006 to +0.014 |" in text
    assert "| recall lost | da -0.10 (50 rows) |" in text
    assert "| recall won | cs +0.05 (40 rows) |" in text
    assert "| one name | 0.10 ms against 0.10 ms, 1.01 times the time |" in text
    assert "answer changed" not in text


def test_a_record_of_before_still_shows() -> None:
    old = {"accepted": True, "reasons": ["every floor is met"]}
    assert facts(old) == {}
    assert markdown(old).startswith("# Gate: accepted\n\n- every floor is met")


def test_the_first_models_report_has_its_size_and_speed() -> None:
    assert facts(decide().to_dict()) == {
        "size": "10.0 MB",
        "one name": "0.10 ms",
        "batch, one thread": "100,000 names/s",
    }
