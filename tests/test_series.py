"""Columns in memory: pandas, polars, Arrow and DuckDB, each with its own."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from model.classifier import Classifier
from pipeline.bulk.series import classify_series

NAMES = ["Kowalski", None, "Tanaka", "Kowalski", "田中", ""]
FIRST = ["pl", None, "ja", "pl", "ja", None]


def test_a_pandas_series_keeps_its_index(artifact: Path) -> None:
    series = pd.Series(NAMES, index=list("abcdef"), name="surname")
    frame = classify_series(series, model=str(artifact))
    assert isinstance(frame, pd.DataFrame)
    assert frame.index.tolist() == list("abcdef")
    assert [None if pd.isna(code) else code for code in frame["language_1"]] == FIRST
    [answer] = Classifier.load(artifact).classify(["Kowalski"], top_k=1)
    assert frame.loc["a", "probability_1"] == pytest.approx(
        answer["languages"][0]["probability"], abs=2e-6
    )


@pytest.mark.parametrize("kind", ["object", "str", "category"])
def test_pandas_text_of_any_kind(kind: str, artifact: Path) -> None:
    series = pd.Series([*NAMES[:1], "Ivanov"]).astype(kind)
    assert classify_series(series, model=str(artifact))["language_1"].tolist() == ["pl", "ru"]


def test_a_polars_series(artifact: Path) -> None:
    frame = classify_series(pl.Series("surname", NAMES), model=str(artifact), top_k=1)
    assert isinstance(frame, pl.DataFrame)
    assert frame["language_1"].to_list() == FIRST
    assert frame.columns == ["language_1", "probability_1", "verdict", "reason", "set", "model"]


@pytest.mark.parametrize("column", [pa.array(NAMES), pa.chunked_array([NAMES[:2], NAMES[2:]])])
def test_an_arrow_column(column: pa.Array, artifact: Path) -> None:
    table = classify_series(column, model=str(artifact))
    assert table["language_1"].to_pylist() == FIRST
    assert table["reason"].to_pylist()[1] == "no_name"


def test_nothing_but_missing_names(artifact: Path) -> None:
    assert classify_series(pd.Series([None, None]), model=str(artifact))["verdict"].isna().all()
    assert len(classify_series(pd.Series([], dtype=str), model=str(artifact))) == 0


@pytest.mark.parametrize("values", [[1, 2], ["Nowak", 3], [b"Nowak"]])
def test_what_is_not_text_is_refused(values: list[object], artifact: Path) -> None:
    with pytest.raises(ValueError, match="expected text"):
        classify_series(pd.Series(values, dtype=object), model=str(artifact))


def test_duckdb_asks_as_a_function_of_a_column(artifact: Path) -> None:
    def language(names: pa.Array) -> pa.Array:
        return classify_series(names, model=str(artifact), top_k=1)["language_1"].cast(pa.string())

    connection: Any = duckdb.connect()
    with connection as database:
        database.create_function("language", language, ["VARCHAR"], "VARCHAR", type="arrow")
        database.execute("create table people as select unnest(['Kowalski', 'Tanaka', 'Nowak']) n")
        rows = database.execute("select language(n) l, count(*) from people group by l order by l")
        assert rows.fetchall() == [("ja", 1), ("pl", 2)]
