import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import normalise, normalise_all, script


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("  O’NEILL–Şahin ", "o'neill-s\u0327ahin"),
        ("O´Neill", "o'neill"),
        ("Müller", "mu\u0308ller"),
        ("김", "\u1100\u1175\u11b7"),
        ("ΠΑΠΠΑΣ", "παππασ"),
        ("Παππάς", "παππα\u0301σ"),
        ("Ｔａｎａｋａ", "tanaka"),
        ("Groß", "gross"),
        ("de  la\tCruz", "de la cruz"),
        ("\u200bKim\u202e\ufeff", "kim"),
        ("\ud800", ""),
        ("", ""),
    ],
)
def test_normalise(typed: str, read: str) -> None:
    assert normalise(typed) == read


@given(st.text())
def test_normalise_is_idempotent_and_encodable(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    once.encode()


@given(st.lists(st.text()))
def test_many_are_normalised_as_each_alone(names: list[str]) -> None:
    assert normalise_all(names) == [normalise(name) for name in names]


@given(st.text(alphabet=st.characters(categories=["L"])))
def test_case_does_not_matter(text: str) -> None:
    assert normalise(text.casefold()) == normalise(text)


def test_script_is_the_writing_system() -> None:
    assert [script(c) for c in "aжλ田あ가\u0301\ue000"] == [
        "LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "HANGUL", "COMBINING", "UNKNOWN",
    ]  # fmt: skip
