"""The embedded default: surnames read from the installed packages Faker and mimesis.

Their data is read, not their random generators. Which lists are used, for what language, and what
is left out of them and why, is data, in builtin.toml.
"""

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from math import floor, log2
from typing import NamedTuple

from model.text import normalise
from pipeline.romanize import PACKAGES, romanize
from pipeline.sources.catalogue import NameList, catalogue
from pipeline.sources.protocol import DataError, Dropped, Provenance
from pipeline.table import Record

DECISIVE = (
    "sources/builtin.py",
    "sources/builtin.toml",
    "sources/catalogue.py",
    "sources/romanization.toml",
    "romanize.py",
)
"""The files of this package that decide, with the versions of others, what the records are."""


class Entry(NamedTuple):
    """One name of one list."""

    name: str
    weight: float
    source: str


@dataclass
class BuiltinSource:
    """Surnames of the catalogue's languages, labelled by their codes.

    `languages` are the codes wanted (empty: all). `max_names` caps the distinct names of each
    language, the most common first, romanized variants not counted (None: the catalogue's cap).
    DataError where a code is not in the catalogue or the cap is below 1.
    """

    languages: tuple[str, ...] = ()
    max_names: int | None = None
    dropped: Dropped = field(default_factory=Dropped, compare=False)

    def __post_init__(self) -> None:
        offered = catalogue().languages
        if unknown := [code for code in self.languages if code not in offered]:
            raise DataError(f"no built-in names for {unknown}; expected some of {list(offered)}")
        if self.max_names is not None and self.max_names < 1:
            raise DataError(f"max_names is {self.max_names}; expected 1 or more, or None")

    def records(self) -> Iterator[Record]:
        """Stream one language after the other, each name followed by its romanized variants.

        The weights of a list add up to 1; the variants of a name weigh together as much as the
        name again. A feminine form is a variant of its masculine form, if the lists hold that.
        """
        self.dropped = Dropped()
        for language in self.languages or catalogue().languages:
            yield from self._records(language)

    def fingerprint(self) -> str:
        """A SHA-256 (hex) of tables, code, package versions and parameters; no name is read."""
        package = files("pipeline")
        decisive = {
            "files": [(package / path).read_text("utf-8") for path in DECISIVE],
            "normalisation": files("model").joinpath("text.py").read_text("utf-8"),
            "versions": {name: version(name) for name in ("Faker", "mimesis", *PACKAGES)},
            "unicode": unicodedata.unidata_version,
            "parameters": [self.languages, self.max_names],
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def provenance(self) -> list[Provenance]:
        """The two packages that hold the names, and those that romanize them."""
        acknowledged = (
            'This project uses the universal romanizer software "uroman" written by Ulf Hermjakob, '
            "USC Information Sciences Institute (2015-2020)."
        )
        origins = (
            ("Faker", "MIT", "surnames"),
            ("mimesis", "MIT", "surnames"),
            ("uroman", "MIT with acknowledgement", acknowledged),
            ("anyascii", "ISC", "romanized spellings"),
            ("sudachipy", "Apache-2.0", "reads Japanese"),
            ("sudachidict_core", "Apache-2.0", "dictionary of Japanese readings"),
        )
        return [Provenance(name, version(name), licence, note) for name, licence, note in origins]

    def _records(self, language: str) -> Iterator[Record]:
        lists = catalogue().languages[language]
        entries = [entry for names in lists.lists for entry in _entries(names, self.dropped)]
        kept = _most_common(entries, self.max_names or catalogue().max_names)
        masculine = _masculine_forms([entry.name for entry in entries], lists.feminine)
        for name, weight, source in entries:
            if normalise(name) not in kept:
                continue
            yield Record(name, language, weight, masculine.get(name, ""), source)
            variants = romanize(name, language)
            for variant in variants:
                yield Record(variant, language, weight / len(variants), name, source)


def _entries(names: NameList, dropped: Dropped) -> list[Entry]:
    """A list's usable names in all their forms, with weights that add up to 1."""
    foreign = frozenset[str]().union(*(catalogue().sets[key] for key in names.without))
    weights: dict[str, float] = defaultdict(float)
    for row, (name, weight) in enumerate(names.read().items(), start=1):
        if names.only and name not in names.only:
            continue  # the list stands in the table twice; the other entry judges this name
        if name in names.drop or re.search(names.drop_pattern, name):
            dropped.add("not a surname of the language", row)
        elif name in foreign:
            dropped.add("a surname of another language", row)
        else:
            forms = {re.sub(pattern, form, name) for pattern, form in names.forms}
            for form in sorted(forms):
                weights[form] += weight / len(forms)
    total = sum(weights.values())
    return [Entry(name, weight / total, names.source) for name, weight in weights.items()]


def _most_common(entries: Iterable[Entry], limit: int) -> set[str]:
    """The normalised names to keep, those that weigh more first.

    Names within a power of two tie; a hash decides among them, not the alphabet or a list's length.
    """
    weights: dict[str, float] = defaultdict(float)
    for entry in entries:
        weights[normalise(entry.name)] += entry.weight
    rank = {name: (-floor(log2(weight)), _digest(name)) for name, weight in weights.items()}
    return set(sorted(rank, key=rank.__getitem__)[:limit])


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _masculine_forms(names: Sequence[str], endings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each feminine form whose masculine form is among the names → that form.

    >>> _masculine_forms(["Παπαδόπουλος", "Παπαδοπούλου"], [("ου", "ος")])
    {'Παπαδοπούλου': 'Παπαδόπουλος'}
    """
    by_skeleton = {_skeleton(name): name for name in reversed(names)}  # the first one stays
    rules = [(_skeleton(feminine), _skeleton(masculine)) for feminine, masculine in endings]
    found: dict[str, str] = {}
    for name in names:
        skeleton = _skeleton(name)
        for feminine, masculine in rules:
            partner = by_skeleton.get(skeleton.removesuffix(feminine) + masculine)
            if skeleton.endswith(feminine) and partner:
                found.setdefault(name, partner)
    return found


def _skeleton(name: str) -> str:
    """Without accents, which the two genders of a name may put differently."""
    return "".join(c for c in normalise(name) if not unicodedata.combining(c))
