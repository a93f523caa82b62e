"""Strings in Arrow's memory are the strings of a list."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import table_of

from pipeline.table import NameTable, known_rows
from pipeline.texts import Texts, numbered, taken

LISTS = st.lists(st.text(max_size=4, alphabet="abπ田𝔸\u0301"), max_size=40)


def columns(strings: list[str]) -> list[Texts]:
    """The same strings in each of the ways that Arrow has."""
    plain = pa.array(strings, pa.string())
    half = len(strings) // 2
    chunked = pa.chunked_array([plain.slice(0, half), plain.slice(half)])
    return [Texts(each) for each in (plain, chunked, plain.dictionary_encode())]


@settings(deadline=None)
@given(LISTS, st.slices(40))
def test_a_column_is_a_sequence(strings: list[str], part: slice) -> None:
    for column in columns(strings):
        assert list(column) == strings
        assert len(column) == len(strings)
        assert column[part] == strings[part]
        assert [column[i] for i in range(len(strings))] == strings


@settings(deadline=None)
@given(LISTS, st.data())
def test_numbers_and_parts_are_those_of_a_list(strings: list[str], data: st.DataObject) -> None:
    places = st.lists(st.integers(0, max(len(strings) - 1, 0)), max_size=20)
    rows = np.array(data.draw(places) if strings else [], np.int64)
    for column in columns(strings):
        part, expected = taken(column, rows), [strings[row] for row in rows]
        assert list(part) == expected == list(taken(strings, rows))
        distinct, number = numbered(part)
        plainly, plain_number = numbered(expected)
        assert list(distinct) == plainly
        assert number.tolist() == plain_number.tolist()


def test_no_place_beyond_the_end() -> None:
    for column in columns(["a", "b"]):
        with pytest.raises(IndexError):
            column[2]
        assert column[-1] == "b"


def test_a_table_comes_back_from_its_file_and_can_be_parted(tmp_path: Path) -> None:
    table = table_of({"el": "poulos", "田": "ов"}, "abπ", 20)
    table.write(tmp_path / "table.parquet")
    read = NameTable.read(tmp_path / "table.parquet")
    rows = np.array([3, 19, 0, 3])
    read.take(rows).write(tmp_path / "part.parquet")
    for one, other in (
        (read, table),
        (read.take(rows), table.take(rows)),
        (NameTable.read(tmp_path / "part.parquet"), table.take(rows)),
    ):
        assert list(one.name) == list(other.name)
        assert list(one.language) == list(other.language)
        for column in ("count", "weight", "group"):
            np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
    kept, classes = known_rows(read.take(rows), ["田"])
    assert kept.tolist() == [0, 1, 3], "rows of a language that is not asked for are left out"
    assert classes.tolist() == [0, 0, 0]
