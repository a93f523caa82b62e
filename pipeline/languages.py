"""Which language a label means: a name, an autonym, a code, or something only its user knows."""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

import langcodes

from model.artifact import Language

_TAG = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE)
_NOT_ONE_LANGUAGE = {"und", "mul", "mis", "zxx"}

# English names in common use that are not the library's own name for the language.
_ALIASES = {
    "azeri": "az",
    "bengali": "bn",
    "bokmal": "nb",
    "bokmål": "nb",
    "brazilian portuguese": "pt-BR",
    "cambodian": "km",
    "castilian": "es",
    "chinese (simplified)": "zh-Hans",
    "chinese (traditional)": "zh-Hant",
    "farsi": "fa",
    "flemish": "nl-BE",
    "laotian": "lo",
    "mandarin": "zh",
    "maori": "mi",
    "modern greek": "el",
    "nynorsk": "nn",
    "oriya": "or",
    "panjabi": "pa",
    "romani": "rom",
    "simplified chinese": "zh-Hans",
    "sinhalese": "si",
    "slovene": "sl",
    "tagalog": "fil",
    "traditional chinese": "zh-Hant",
    "uighur": "ug",
}


def fold(label: str) -> str:
    """The key under which labels that differ only by case or spaces are one.

    >>> fold("  Old  NORSE ")
    'old norse'
    """
    return " ".join(label.casefold().split())


@lru_cache(maxsize=1 << 16)
def resolve(label: str) -> Language:
    """The language that a label means.

    A BCP-47 or ISO 639 code ("pl", "pol", "zh-Hant"), an English name ("Polish") or an autonym
    ("polski") gives the shortest tag of that language. Anything else is kept as it stands,
    stripped: "Scottish" is not Scottish Gaelic, and a user's own labels are classes like others.
    """
    label = label.strip()
    found = _by_tag(label) or _by_name(label)
    if found is None:
        return Language(label, label)
    try:
        iso639_3 = found.to_alpha3()
    except LookupError:
        iso639_3 = None
    return Language(found.to_tag(), found.display_name(), iso639_3)


def _by_tag(label: str) -> langcodes.Language | None:
    if not _TAG.fullmatch(label) or not langcodes.tag_is_valid(label):
        return None
    found = langcodes.get(label).prefer_macrolanguage()
    nameless = found.display_name().startswith("Unknown language")
    return None if nameless or found.language in _NOT_ONE_LANGUAGE else found


def _by_name(label: str) -> langcodes.Language | None:
    wanted = fold(label)
    if wanted in _ALIASES:
        return langcodes.get(_ALIASES[wanted])
    # The look-up is fuzzy ("Scottish" finds gd, "Indian" finds hi): it must lead back.
    for tag in _tags_by_name(label):
        found = _by_tag(tag)
        if found and wanted in (fold(found.display_name()), fold(found.autonym())):
            return found
    return None


def _tags_by_name(label: str) -> Iterator[str]:
    """Tags that a name might mean.

    >>> list(_tags_by_name("Portuguese (Brazil)"))
    ['pt', 'pt-BR']
    """
    with suppress(LookupError):
        yield langcodes.find(label).to_tag()
    if qualified := re.fullmatch(r"(.+) \((.+)\)", label):
        for kind in ("territory", "script"):
            with suppress(LookupError):
                language = langcodes.find(qualified[1])
                qualifier = langcodes.Language.find_name(kind, qualified[2])
                yield language.update(qualifier).to_tag()
