import dataclasses

from pipeline.config import GateConfig
from pipeline.evaluate import Evaluation
from pipeline.gate import judge

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


def test_the_first_good_model_is_accepted() -> None:
    decision = judge(GOOD, None, BASELINE, CONFIG)
    assert decision.accepted
    assert "no promoted model" in decision.reason


def test_every_floor_that_is_missed_is_named() -> None:
    bad = dataclasses.replace(GOOD, accuracy=0.4, macro_f1=0.1, ece=0.2)
    decision = judge(bad, None, BASELINE, CONFIG)
    assert not decision.accepted
    assert decision.reasons[:3] == (
        "accuracy 0.400 is below the limit of 0.5",
        "macro-F1 0.100 is below the limit of 0.25",
        "calibration error 0.200 is above the limit of 0.1",
    )


def test_a_model_that_loses_to_the_baseline_is_refused() -> None:
    better = dataclasses.replace(GOOD, accuracy=0.9)
    assert judge(GOOD, None, better, CONFIG).accepted, "100 rows cannot tell 0.85 from 0.9"
    decision = judge(GOOD, None, dataclasses.replace(better, n=1000), CONFIG)
    assert not decision.accepted
    assert "0.850 is below the n-gram baseline's 0.900 by more than chance" in decision.reason


def test_a_model_worse_than_the_champion_is_refused() -> None:
    champion = dataclasses.replace(GOOD, accuracy=0.9, log_loss=0.4)
    decision = judge(GOOD, (GOOD, champion), BASELINE, CONFIG)
    assert not decision.accepted
    assert [reason.split()[0] for reason in decision.reasons] == ["accuracy", "log-loss"]
    assert "0.850 is worse than the promoted model's 0.900 on the same 100 rows" in decision.reason


def test_chance_is_tolerated() -> None:
    champion = dataclasses.replace(GOOD, accuracy=0.8549, macro_f1=0.6099, log_loss=0.4801)
    decision = judge(GOOD, (GOOD, champion), BASELINE, CONFIG)
    assert decision.accepted
    assert "0.850 against the promoted model's 0.855" in decision.reason
