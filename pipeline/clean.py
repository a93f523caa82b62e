"""Records as sources give them → the clean table, and a report of what was left out and why."""

import html
import math
import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import ftfy
import numpy as np

from model.text import normalise
from pipeline.clean_report import CleanReport, LanguageCount
from pipeline.languages import fold, resolve
from pipeline.sources.protocol import DataError, Dropped
from pipeline.spellings import Spellings, skeleton
from pipeline.table import NameTable, Record
from pipeline.texts import numbered

LONGEST_NAME = 64  # symbols, once normalised
MOST_WORDS = 3  # without a particle

_LINK = re.compile(r"@|://|\bwww\.", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_EDGES = " \t\r\n.,;:"
_PUNCTUATION_OF_NAMES = frozenset(" '-.·・")
_PARTICLE = re.compile(  # the little words of long family names
    r"\b(abu|af|al|ap|av|bar|ben|bin|bint|da|dal|das|de|degli|dei|del|della|den|der|des|di|do|dos"
    r"|du|e|el|fitz|ibn|la|las|le|les|lo|los|mac|mc|mhic|na|nic|op|ten|ter|und|van|vom|von|y|zu|zur)\b"
)


@dataclass
class _Kept:
    """What has passed so far: one entry a record in the arrays, one a key in the dictionaries."""

    numbers: defaultdict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """Language → name → number of the pair."""
    slots: dict[tuple[str, str], int] = field(default_factory=dict)  # (source, language) → number
    pair: "array[int]" = field(default_factory=lambda: array("q"))
    slot: "array[int]" = field(default_factory=lambda: array("q"))
    weight: "array[float]" = field(default_factory=lambda: array("d"))
    spellings: Spellings = field(default_factory=Spellings)
    pairs: int = 0

    def add(self, language: str, name: str, record: Record) -> None:
        number = self.numbers[language].setdefault(name, self.pairs)
        self.pairs += number == self.pairs
        self.pair.append(number)
        key = (record.source, language)
        self.slot.append(self.slots.setdefault(key, len(self.slots)))
        self.weight.append(record.weight)
        self.spellings.link(name, skeleton(name))
        if original := normalise(_repair(record.variant_of)):
            self.spellings.link(name, original)
            self.spellings.link(original, skeleton(original))


def clean(
    records: Iterable[Record],
    *,
    min_names: int,
    unreadable: Mapping[str, Dropped] | None = None,
    notes: Sequence[str] = (),
) -> tuple[NameTable, CleanReport]:
    """Judge, repair, normalise and merge records.

    Returns the table, sorted by language and name, and the report. A pair's count is the number
    of its records. Its weight is the sum of theirs, after the weights of each source have been
    scaled to add up to 1 within each language; so a long list does not drown a short one. A group
    holds the spellings that are linked by being the same name in several languages, by
    `variant_of`, or by being one name once romanized and without accents, spaces and punctuation.

    `unreadable` (by source) and `notes` are what the sources themselves have to say; they are
    passed on to the report. Raises DataError where fewer than two languages reach `min_names`
    distinct names.
    """
    kept = _Kept()
    rows: Counter[str] = Counter()
    dropped: defaultdict[str, Dropped] = defaultdict(Dropped)
    repaired: defaultdict[str, Dropped] = defaultdict(Dropped)
    codes: dict[str, str] = {}
    for record in records:
        rows[record.source] += 1
        raw = _repair(record.name)
        name = normalise(raw)
        language = resolve(record.language).code
        if reason := why_not(raw, name) or _why_not_row(language, record.weight):
            dropped[record.source].add(reason, rows[record.source])
            continue
        if raw != record.name.strip(_EDGES):
            repaired[record.source].add("encoding or HTML repaired", rows[record.source])
        kept.add(codes.setdefault(fold(language), language), name, record)
    table, languages, too_few = _table(kept, min_names)
    labels = np.bincount(numbered(table.name)[1])  # of each name
    report = CleanReport(
        rows=rows.total(),
        min_names=min_names,
        names=len(labels),
        multi_language=int((labels > 1).sum()),
        groups=len(np.unique(table.group)),
        largest_group=int(np.bincount(table.group).max(initial=0)),
        languages=languages,
        too_few=too_few,
        dropped=dict(dropped),
        repaired=dict(repaired),
        unreadable=dict(unreadable or {}),
        notes=list(notes),
    )
    if len(report.languages) < 2:
        raise DataError(report.why_nothing_is_left())
    return table, report


def why_not(raw: str, name: str) -> str | None:
    """Why this is no name that a model should learn from, or None.

    `raw` is the text as given and repaired, `name` its normalised form.

    >>> why_not("R2-D2", "r2-d2")
    'digits'
    """
    if any(unicodedata.category(c) == "Cc" for c in raw):
        return "control characters"
    if not name:
        return "empty"
    if "\ufffd" in name:
        return "undecodable characters"
    if _LINK.search(name):
        return "web or e-mail address"
    if _DIGIT.search(name):
        return "digits"
    if len(name) > LONGEST_NAME:
        return f"longer than {LONGEST_NAME} symbols"
    if not any(c.isalpha() for c in name):
        return "no letter"
    if any(unicodedata.category(c)[0] not in "LM" and c not in _PUNCTUATION_OF_NAMES for c in name):
        return "symbols that no name has"
    if len(name.split()) > MOST_WORDS and not _PARTICLE.search(name):
        return "a phrase, not a name"
    return None


def _why_not_row(language: str, weight: float) -> str | None:
    if not language:
        return "no language"
    if not (math.isfinite(weight) and weight > 0):
        return "weight not above 0"
    return None


def _repair(text: str) -> str:
    """Undo a wrong decoding and HTML escapes, and strip what lists leave at a name's ends.

    >>> _repair("JÃ¸rgensen, ")
    'Jørgensen'
    """
    if not text.isascii():
        text = ftfy.fix_encoding(text)
    return html.unescape(text).strip(_EDGES)


def _table(
    kept: _Kept, min_names: int
) -> tuple[NameTable, dict[str, LanguageCount], dict[str, LanguageCount]]:
    """The table of languages with enough names, their counts, and the counts of those without."""
    pair, slot, weight = map(np.asarray, (kept.pair, kept.slot, kept.weight))
    share = weight / np.bincount(slot, weight)[slot]
    count = np.bincount(pair, minlength=kept.pairs)
    summed = np.asarray(np.bincount(pair, share, minlength=kept.pairs), np.float64)

    names, languages, taken = list[str](), list[str](), array("q")
    counts, too_few = dict[str, LanguageCount](), dict[str, LanguageCount]()
    for language in sorted(kept.numbers):
        numbers = kept.numbers[language]
        mine = LanguageCount(len(numbers), int(count[[*numbers.values()]].sum()))
        if mine.names < min_names:
            too_few[language] = mine
            continue
        counts[language] = mine
        names += sorted(numbers)
        languages += [language] * len(numbers)
        taken.extend(map(numbers.__getitem__, names[-len(numbers) :]))
    groups: dict[str, int] = {}
    group = (groups.setdefault(kept.spellings.root(name), len(groups)) for name in names)
    table = NameTable(
        names, languages, count[taken], summed[taken], np.fromiter(group, np.int64, len(names))
    )
    return table, counts, too_few
