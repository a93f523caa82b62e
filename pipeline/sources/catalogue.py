"""The catalogue of built-in names: which lists of Faker and mimesis are which language.

It is data, in builtin.toml; here it is checked, and a list that it names is read.
"""

import json
import tomllib
from functools import cache
from importlib import import_module
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

TABLE = files("pipeline") / "sources" / "builtin.toml"


class NameList(BaseModel):
    """One list of one package; the head of the table says what each field means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faker: str = ""
    mimesis: str = ""
    attributes: tuple[str, ...] = ("last_names",)
    only: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()
    drop_pattern: str = "(?!)"  # found nowhere
    without: tuple[str, ...] = ()
    forms: tuple[tuple[str, str], ...] = (("$", ""),)

    @property
    def source(self) -> str:
        """What the records of this list name as their source."""
        return f"Faker {self.faker}" if self.faker else f"mimesis {self.mimesis}"

    def read(self) -> dict[str, float]:
        """The distinct names as the package has them, with their weights (else 1 each)."""
        if self.faker:
            provider = import_module(f"faker.providers.person.{self.faker}").Provider
            parts = [getattr(provider, attribute) for attribute in self.attributes]
        else:
            person = files("mimesis") / "datasets" / self.mimesis / "person.json"
            surnames = json.loads(person.read_text("utf-8"))["surnames"]
            parts = list(surnames.values()) if isinstance(surnames, dict) else [surnames]
        weights: dict[str, float] = {}
        for part in parts:
            weights |= part if isinstance(part, dict) else dict.fromkeys(part, 1.0)
        return weights


class LanguageLists(BaseModel):
    """All that the table says of one language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lists: tuple[NameList, ...]
    feminine: tuple[tuple[str, str], ...] = ()


class Catalogue(BaseModel):
    """The whole table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_names: int
    minimum_names: int
    kept_anyway: frozenset[str]
    languages: dict[str, LanguageLists]
    sets: dict[str, frozenset[str]]
    excluded: dict[str, dict[str, str]]


@cache
def catalogue() -> Catalogue:
    """The table in builtin.toml, checked."""
    return Catalogue.model_validate(tomllib.loads(TABLE.read_text("utf-8")))
