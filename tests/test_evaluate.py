import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artifact import Language
from pipeline.evaluate import (
    Evaluation,
    calibration_error,
    confusion,
    evaluate,
    mean_gap,
    most_confused,
    reliability,
    together,
)

LANGUAGES = tuple(Language(code, code.upper()) for code in ("de", "fr", "pl", "ru"))


def rows(*confidences: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(confidences, np.float32)


def test_every_figure_by_hand() -> None:
    p = rows((0.7, 0.1, 0.1, 0.1), (0.7, 0.1, 0.1, 0.1), (0.1, 0.2, 0.3, 0.4), (0.0, 0.1, 0.2, 0.7))
    quality = evaluate(["Abt", "abt", "Roy", "Orlov"], ["de", "fr", "fr", "ru"], p, LANGUAGES)
    assert quality.n == 4
    assert quality.accuracy == 0.5
    assert quality.any_valid_accuracy == 0.75, "abt is French too"
    assert quality.top3_accuracy == 1.0
    assert quality.log_loss == pytest.approx(-np.log([0.7, 0.1, 0.2, 0.7]).mean())
    f1 = {code: q.f1 for code, q in quality.per_language.items()}
    assert f1 == pytest.approx({"de": 2 / 3, "fr": 0.0, "ru": 2 / 3})
    assert quality.macro_f1 == pytest.approx(4 / 9)
    assert quality.per_language["de"].precision == 0.5
    assert quality.per_language["de"].recall == 1.0
    assert [b.n for b in quality.reliability] == [1, 3]
    assert [b.confidence for b in quality.reliability] == pytest.approx([0.4, 0.7])
    assert [b.accuracy for b in quality.reliability] == pytest.approx([0, 2 / 3])
    # One bin holds 0.7 three times, of which two are right; another 0.4, which is wrong.
    assert quality.ece == pytest.approx((abs(3 * 0.7 - 2) + 0.4) / 4, abs=1e-6)


def test_labels_that_the_model_does_not_know_are_counted_and_left_out() -> None:
    p = rows((0.7, 0.1, 0.1, 0.1), (0.7, 0.1, 0.1, 0.1), (0.7, 0.1, 0.1, 0.1))
    quality = evaluate(["a", "b", "c"], ["de", "Scottish", "Scottish"], p, LANGUAGES)
    assert quality.n == 1
    assert quality.accuracy == 1.0
    assert quality.unknown_labels == {"Scottish": 2}


def test_no_known_label_at_all() -> None:
    with pytest.raises(ValueError, match="found xx; expected some of de, fr, pl, ru"):
        evaluate(["a"], ["xx"], rows((1, 0, 0, 0)), LANGUAGES)


def test_a_sure_mistake_costs_much_but_not_everything() -> None:
    quality = evaluate(["a"], ["fr"], rows((1, 0, 0, 0)), LANGUAGES)
    assert quality.log_loss == pytest.approx(-np.log(1e-7))


def test_perfect_calibration_is_zero() -> None:
    right = np.arange(1000) % 4 > 0
    assert calibration_error(np.full(1000, 0.75, np.float32), right) == pytest.approx(0, abs=1e-6)
    assert calibration_error(np.ones(0, np.float32), np.ones(0, bool)) == 0.0


def test_the_bins_of_several_evaluations_together_are_those_of_all_their_rows() -> None:
    random = np.random.default_rng(0)
    confidence = random.random(300).astype(np.float32)
    right = random.random(300) < confidence**2
    folds = [slice(0, 90), slice(90, 300)]
    bins = [bin for fold in folds for bin in reliability(confidence[fold], right[fold])]
    assert mean_gap(together(bins)) == pytest.approx(calibration_error(confidence, right), abs=1e-6)
    assert [b.n for b in together(bins)] == [b.n for b in reliability(confidence, right)]
    assert together([]) == []


def test_confusion_counts_true_by_answered() -> None:
    p = rows((0.7, 0.1, 0.1, 0.1), (0.1, 0.7, 0.1, 0.1), (0.1, 0.7, 0.1, 0.1))
    table = confusion(["de", "de", "fr"], p, LANGUAGES)
    assert table[:2, :2].tolist() == [[1, 1], [0, 1]]
    assert table.sum() == 3


def test_the_most_confused_pairs() -> None:
    counts = np.array([[9, 1, 0, 0], [0, 5, 5, 0], [0, 0, 0, 0], [0, 30, 0, 70]])
    assert most_confused(counts, LANGUAGES, 2) == [
        {"true": "fr", "answered": "pl", "n": 5, "share": 0.5},
        {"true": "ru", "answered": "fr", "n": 30, "share": 0.3},
    ]
    assert len(most_confused(counts, LANGUAGES)) == 3, "right answers and pairs never seen aside"


def test_an_evaluation_survives_json() -> None:
    quality = evaluate(["a"], ["de"], rows((1, 0, 0, 0)), LANGUAGES)
    assert Evaluation.from_dict(json.loads(json.dumps(quality.to_dict()))) == quality
    assert quality.to_dict()["reliability"] == ({"n": 1, "confidence": 1.0, "accuracy": 1.0},)


def test_a_record_of_before_the_bins_were_kept() -> None:
    fields = evaluate(["a"], ["de"], rows((1, 0, 0, 0)), LANGUAGES).to_dict()
    del fields["reliability"]
    assert Evaluation.from_dict(fields).reliability == ()


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans())))
def test_the_bins_hold_every_answer_once(answers: list[tuple[float, bool]]) -> None:
    confidence = np.array([c for c, _ in answers], np.float32)
    right = np.array([r for _, r in answers], bool)
    bins = reliability(confidence, right)
    assert len(bins) <= 15
    assert sum(b.n for b in bins) == len(answers)
    assert all(b.n > 0 for b in bins)
    assert sum(b.n * b.accuracy for b in bins) == pytest.approx(right.sum())
    assert sum(b.n * b.confidence for b in bins) == pytest.approx(confidence.sum(), abs=1e-4)
    means = [b.confidence for b in bins]
    assert means == sorted(means)
