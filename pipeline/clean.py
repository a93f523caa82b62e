"""Records as sources give them → the clean table, and a report of what was left out and why."""

import html
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import ftfy
import numpy as np
from numpy.typing import NDArray

from model.text import normalise
from pipeline.clean_report import CleanReport, LanguageCount
from pipeline.languages import fold, resolve
from pipeline.sources.protocol import DataError, Dropped
from pipeline.spellings import Spellings, skeleton
from pipeline.table import NameTable, Record

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
    """What has passed so far: one entry a record in the lists, one a key in the dictionaries."""

    pairs: dict[tuple[str, str], int] = field(default_factory=dict)  # (language, name) → number
    slots: dict[tuple[str, str], int] = field(default_factory=dict)  # (source, language) → number
    pair: list[int] = field(default_factory=list)
    slot: list[int] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    spellings: Spellings = field(default_factory=Spellings)

    def add(self, language: str, name: str, record: Record) -> None:
        self.pair.append(self.pairs.setdefault((language, name), len(self.pairs)))
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
    table, too_few = _table(kept, min_names)
    report = CleanReport(
        rows=rows.total(),
        min_names=min_names,
        names=len(set(table.name)),
        multi_language=sum(n > 1 for n in Counter(table.name).values()),
        groups=len(np.unique(table.group)),
        largest_group=int(np.bincount(table.group).max(initial=0)),
        languages=_language_counts(table.language, table.count),
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


def _table(kept: _Kept, min_names: int) -> tuple[NameTable, dict[str, LanguageCount]]:
    """The table of languages with enough names, and the counts of those without."""
    pairs = list(kept.pairs)
    pair, slot = np.array(kept.pair, np.int64), np.array(kept.slot, np.int64)
    weight = np.array(kept.weight, np.float64)
    share = weight / np.bincount(slot, weight)[slot]
    count = np.bincount(pair, minlength=len(pairs))
    summed = np.asarray(np.bincount(pair, share, minlength=len(pairs)), np.float64)

    counts = _language_counts([language for language, _ in pairs], count)
    too_few = {code: c for code, c in counts.items() if c.names < min_names}
    order = sorted(
        (i for i, (language, _) in enumerate(pairs) if language not in too_few),
        key=pairs.__getitem__,
    )
    names = [pairs[i][1] for i in order]
    numbers: dict[str, int] = {}
    group = [numbers.setdefault(kept.spellings.root(name), len(numbers)) for name in names]
    taken = np.array(order, np.int64)
    table = NameTable(
        names, [pairs[i][0] for i in order], count[taken], summed[taken], np.array(group, np.int64)
    )
    return table, too_few


def _language_counts(
    languages: Sequence[str], records: NDArray[np.int64]
) -> dict[str, LanguageCount]:
    names = Counter(languages)
    totals: Counter[str] = Counter()
    for language, n in zip(languages, records.tolist(), strict=True):
        totals[language] += n
    return {code: LanguageCount(names[code], totals[code]) for code in sorted(names)}
