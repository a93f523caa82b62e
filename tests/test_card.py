import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.artifact import load, load_record
from model.card import card
from pipeline.evaluate import evaluate


@pytest.fixture
def record(artifact: Path) -> dict[str, Any]:
    """The record of a model that was judged on four names and is wrong on the Polish one."""
    answers = np.eye(4, dtype=np.float32)[[0, 1, 3, 3]]
    quality = evaluate(list("abcd"), ["el", "ja", "pl", "ru"], answers, load(artifact).languages)
    counts = {"el": 600, "ja": 700, "pl": 40, "ru": 1340}
    return load_record(artifact) | {
        "data": {
            "sha256": "d1" * 32,
            "origins": [
                {"name": "Faker", "version": "40", "licence": "MIT", "note": "surnames"},
                {"name": "my|own.csv", "version": "", "licence": "", "note": "two\nlines"},
            ],
            "rows": {"train": 2144, "validation": 268, "test": 268},
            "languages": {code: {"names": n, "records": 2 * n} for code, n in counts.items()},
        },
        "metrics": {
            "test": quality.to_dict(),
            "baseline": dataclasses.replace(quality, accuracy=0.5).to_dict(),
            "gate": {"accepted": True, "reasons": ["every floor is met"]},
            "confused": [{"true": "pl", "answered": "ru", "n": 1, "share": 1.0}],
        },
    }


def test_the_card_says_what_the_record_knows(record: dict[str, Any]) -> None:
    text = card(record, "namelang:1")
    assert text.startswith("# Model card: namelang:1\n")
    assert "| gate | accepted: every floor is met |" in text
    assert "| Faker | 40 | MIT | surnames |" in text
    assert "| accuracy | 0.750 | 0.500 |" in text
    assert "| Polish | pl | 40 | 80 | 0.000 | 0.000 | 0.000 | 1 |" in text
    assert "(calibration.png)" in text
    assert "**Not for deciding about individuals.**" in text


def test_the_weaknesses_follow_from_the_record(record: dict[str, Any]) -> None:
    text = card(record, "namelang:1").partition("## Known weaknesses")[2]
    assert "knows 4 languages" in text
    assert "no census" in text
    assert "ru has 50% of the names" in text
    assert "Fewer than 500 names, training and test together: pl (40)." in text
    assert "Weakest languages: Polish (F1 0.00, finds 0%), Russian (F1 0.67, finds 100%)" in text
    assert "pl taken for ru (100%)" in text


def test_a_users_own_lists_are_not_said_to_be_the_embedded_ones(record: dict[str, Any]) -> None:
    del record["data"]["origins"][0]
    assert "no census" not in card(record, "namelang:1")


def test_what_a_user_wrote_cannot_break_a_table(record: dict[str, Any]) -> None:
    assert r"| my\|own.csv |  | not stated | two lines |" in card(record, "namelang:1")


def test_a_model_without_data_and_figures(artifact: Path) -> None:
    text = card(load_record(artifact) | {"data": {}}, "namelang:1")
    assert "does not say what the model was trained on" in text
    assert "never judged" in text
    assert "| Polish | pl |  |  |  |  |  | 0 |" in text


def test_every_table_is_whole(record: dict[str, Any]) -> None:
    for table in card(record, "namelang:1").split("\n\n"):
        rows = [line.replace(r"\|", "").count("|") for line in table.splitlines() if line[0] == "|"]
        assert len(set(rows)) <= 1
