"""The bench of honesty, on the small model and the names that it was trained on."""

from pathlib import Path

import pytest
from test_calibrate import SEEN, table

from bench import honesty
from bench.report import Table


@pytest.fixture(scope="module")
def tables(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """By the first word of their titles."""
    split = tmp_path_factory.mktemp("split")
    for side in ("train", "validation", "test"):
        table(SEEN).write(split / f"{side}.parquet")
    with pytest.MonkeyPatch.context() as patch:
        for much in ("NOISE", "HALVES", "DRAWS"):
            patch.setattr(honesty, much, 20)
        measured = list(honesty.measure(artifact, split))
    return {table.title.split()[0]: table for table in measured}


def test_noise_is_called_unknown_more_often_than_names(tables: dict[str, Table]) -> None:
    (names, *_), (*_, noise) = tables["Familiarity"].rows, tables["Noise"].rows
    assert float(names["flagged"]) < 0.2 < float(noise["flagged"])


def test_every_share_is_one(tables: dict[str, Table]) -> None:
    counted = {"names", "strings", "size", "rows"}
    assert len(tables) == 8
    for measured in tables.values():
        for row in measured.rows:
            for heading, value in row.items():
                assert isinstance(value, str) or heading in counted or 0 <= value <= 1


def test_training_names_are_remembered(tables: dict[str, Table]) -> None:
    every, frequent = tables["Training"].rows
    assert every["names"] == frequent["names"] == sum(len(names.split()) for names in SEEN.values())
    assert float(every["own"]) > 0.8


def test_what_a_prior_finds(tables: dict[str, Table]) -> None:
    for row in tables["First"].rows:
        assert 0 < float(row["least"]) <= float(row["evenly"])
        assert row["of"] in SEEN
