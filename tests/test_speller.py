"""Names normalised and flattened in compiled loops, against the way without them."""

import unicodedata
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.speller import TABLED, Speller
from model.symbols import flatten_lines
from model.text import normalise_lines

CHARACTERS = [chr(code) for code in range(TABLED + 1024)]
MARKS = [character for character in CHARACTERS if unicodedata.combining(character)]
CHANGED = [c for c in CHARACTERS if c != unicodedata.normalize("NFKD", c) or c != c.casefold()]
NAMES = st.lists(
    st.text(
        st.sampled_from([*"ab '-´\n\t\u00ad\u0345\u200b"])
        | st.sampled_from(MARKS)
        | st.sampled_from(CHANGED)
        | st.characters(exclude_categories=()),
        max_size=8,
    ),
    max_size=4,
)


def check(speller: Speller, names: Sequence[str], marks: bool = True) -> None:
    for ours, true in zip(
        speller.flatten(names), flatten_lines(normalise_lines(names), marks), strict=True
    ):
        np.testing.assert_array_equal(ours, true)


@pytest.mark.parametrize("around", ["", "a", "\u0301", " "])
def test_every_character(around: str) -> None:
    speller = Speller(marks=True)
    # Few at a time, since one that is odd takes all to the other way.
    for start in range(0, len(CHARACTERS), 256):
        check(speller, [around + c + around for c in CHARACTERS[start : start + 256]])


@settings(deadline=None, max_examples=300)
@given(NAMES, st.booleans())
@example([], False)
@example(["", " ", "\n"], True)
@example(["a\u0301\u0323b"], True)  # to be sorted
@example(["a\u0301\u200b\u0323b"], True)  # parted by what is left out
@example(["\u1f80\u0301"], True)  # a mark that becomes a letter, behind where it stood
def test_any_names(names: list[str], marks: bool) -> None:
    check(Speller(marks), names, marks)


def test_what_is_learned_stays_true() -> None:
    speller = Speller(marks=True)
    for names in (["Ab"], ["Żuk", "b"], ["A", "ź"], ["\U0001d400"], ["Ab", "Żuk"]):
        check(speller, names)
