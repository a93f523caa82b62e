"""Romanisation: the Latin spellings that people send for a name in another script, or with ö or ß.

What each language does is data, in sources/romanization.toml; the engines that read it are here.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import langcodes
from anyascii import anyascii
from pydantic import BaseModel, ConfigDict, field_validator

from model.text import script

TABLE = files("pipeline") / "sources" / "romanization.toml"
PACKAGES = ("anyascii", "sudachidict_core", "sudachipy", "uroman")
"""The distributions whose versions decide the spellings, beside the table."""

Rewrite = tuple[str, str]
"""A regular expression and its replacement."""


class Habit(BaseModel):
    """What one language does; the head of the table says what each field means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["latin", "listed", "uroman", "anyascii", "sudachi"]
    before: tuple[Rewrite, ...] = ()
    after: tuple[Rewrite, ...] = ()
    variants: tuple[tuple[Rewrite, ...], ...] = ((),)
    readings: dict[str, str] = {}
    spellings: dict[str, tuple[str, ...]] = {}

    @field_validator("spellings")
    @classmethod
    def _one_key_a_form(cls, spellings: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {form: latin for forms, latin in spellings.items() for form in forms.split()}


def romanize(name: str, language: str) -> list[str]:
    """The distinct Latin spellings in use for a name, the most usual first.

    `language` is a code such as "ru". Empty where the name has one spelling only, where its reading
    is not known for sure, and for languages that the table leaves out: an abjad tells too little
    (Arabic, Hebrew, Persian), or nobody writes what a program makes of it (Thai).

    >>> romanize("Семёнов", "ru"), romanize("Müller", "de"), romanize("Nowak", "pl")
    (['Semyonov', 'Semenov'], ['Mueller'], [])
    """
    habit = _habits().get(language)
    if habit is None or _is_latin(name) != (habit.engine == "latin"):
        return []
    if habit.engine == "latin":
        spelled = [_rewrite(name, variant) for variant in habit.variants]
    else:
        latin = habit.readings.get(name) or _engine(_rewrite(name, habit.before), language, habit)
        latin = _rewrite(latin.lower(), habit.after)
        spelled = [_title(_rewrite(latin, variant)) for variant in habit.variants]
        spelled += habit.spellings.get(name, ())
    # A single letter tells nothing, and a character that the engine does not know stays as it is.
    return [s for s in dict.fromkeys(spelled) if len(s) > 1 and s != name and _is_latin(s)]


@cache
def _habits() -> dict[str, Habit]:
    table = tomllib.loads(TABLE.read_text("utf-8"))
    return {language: Habit.model_validate(entry) for language, entry in table.items()}


def _engine(name: str, language: str, habit: Habit) -> str:
    """The name in Latin letters; empty where the engine does not know it."""
    if habit.engine == "listed":
        return ""
    if habit.engine == "anyascii":
        return anyascii(name)
    native = _surname_reading(name) if habit.engine == "sudachi" else name
    return str(_uroman().romanize_string(native, lcode=_alpha3(language)))


def _surname_reading(name: str) -> str:
    """The katakana of a Japanese surname; empty where the dictionary knows it as none.

    >>> _surname_reading("小林")
    'コバヤシ'
    """
    # Before さん (Mr, Mrs) the dictionary takes 内海 for Utsumi, not for the inland sea.
    first = _sudachi().tokenize(name + "さん")[0]
    known = first.surface() == name and first.part_of_speech()[3] == "姓"
    return str(first.reading_form()) if known else ""


def prepare() -> None:
    """Build the engines, which takes seconds; else the first name has them built."""
    _uroman()
    _sudachi()


# Each is built once a process: uroman reads its tables for 2 to 5 seconds.


@cache
def _uroman() -> Any:
    from uroman import Uroman

    return Uroman()


@cache
def _sudachi() -> Any:
    from sudachipy import Dictionary

    return Dictionary().tokenizer()


@cache
def _alpha3(language: str) -> str:
    return langcodes.Language.get(language).to_alpha3()


def _rewrite(text: str, rewrites: Iterable[Rewrite]) -> str:
    for pattern, replacement in rewrites:
        text = re.sub(pattern, replacement, text)
    return text


def _title(text: str) -> str:
    """A capital at the start and after each space or hyphen: "au-yeung" → "Au-Yeung"."""
    return re.sub(r"(?:^|[\s-])\w", lambda start: start[0].upper(), text)


def _is_latin(name: str) -> bool:
    return name.isascii() or all(script(c) == "LATIN" for c in name if c.isalpha())
