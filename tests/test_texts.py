"""Strings in Arrow's memory are the strings of a list."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
