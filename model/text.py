"""Normalisation: one spelling for what people type in many ways.

The same function serves training and inference. Its version is stored with every artifact, so a
model never meets text that was prepared differently from what it was trained on.
"""

import re
import unicodedata
from collections.abc import Sequence

NORMALISATION_VERSION = 2
"""Raise this whenever `normalise` answers differently for any name."""

# ` ´ ‘ ’ ‚ ‛ ʹ ʻ ʼ ʽ ʾ ʿ ˈ ′ ‵ ՚ ׳ ꞌ ＇
_APOSTROPHES = (
    "\u0060\u00b4\u2018\u2019\u201a\u201b\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u2032\u2035\u055a\u05f3"
    "\ua78c\uff07"
)
# Soft hyphen, the dashes from hyphen to horizontal bar, minus, maqaf, and wide or small ones.
_HYPHENS = "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be\u1806\ufe58\ufe63\uff0d"
_UNIFIED = dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_HYPHENS, "-")
# Controls, zero-width and bidirectional marks, variation selectors, lone surrogates.
_INVISIBLE = (
    "\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u061c\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff"
)
_SPACES = "\t\u000b\u000c\r\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACE = re.compile(f"[{_SPACES}]")
_ODD = re.compile(f"[{_SPACES}{_INVISIBLE}{_APOSTROPHES}{_HYPHENS}]")  # one set: it is fast


def normalise(name: str) -> str:
    """The spelling that the model reads; empty where nothing readable is left.

    NFKD and casefold, so that an accent becomes a combining mark beside its base letter and a
    Hangul syllable becomes its jamo; apostrophes, hyphens and spaces unified; control,
    zero-width, bidirectional and lone surrogate characters dropped.

    >>> normalise("  O’NEILL–Şahin ")
    "o'neill-s\u0327ahin"
    """
    return normalise_all([name])[0]


def normalise_all(names: Sequence[str]) -> list[str]:
    """`normalise` of each name, in a few calls for all of them."""
    return normalise_lines(names).split("\n")[:-1]


def normalise_lines(names: Sequence[str]) -> str:
    """The same as one text: each name, and a line break after it.

    >>> normalise_lines(["O´Neill", ""])
    "o'neill\\n\\n"
    """
    lines = spell(lines_of(names))
    while "  " in lines:
        lines = lines.replace("  ", " ")
    return lines.replace("\n ", "\n").replace(" \n", "\n").lstrip(" ")


def lines_of(names: Sequence[str]) -> str:
    """Names as one text: a line break after each, and a space for one within a name."""
    end = "\n" if len(names) else ""
    lines = "\n".join(names) + end
    if lines.count("\n") > len(names):
        lines = "\n".join(name.replace("\n", " ") for name in names) + end
    return lines


def spell(text: str) -> str:
    """All of `normalise` but for spaces, of which those that are too many stay."""
    return _ODD.sub(_tidy, text.casefold() if text.isascii() else _decompose(text))


def _decompose(text: str) -> str:
    # The one apostrophe of which NFKD would make something else: a space and a combining accent.
    text = text.replace("\u00b4", "'")
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def _tidy(match: re.Match[str]) -> str:
    """What an odd character becomes: a space, its usual variant, or nothing."""
    return _UNIFIED.get(match[0], " " if _SPACE.match(match[0]) else "")


def script(character: str) -> str:
    """The writing system of one character, as the first word of its Unicode name.

    That word is the script for letters (``LATIN``, ``CYRILLIC``, ``CJK`` …) and the kind for the
    rest (``COMBINING``, ``DIGIT`` …); an unnamed character is ``UNKNOWN``.

    >>> script("ж")
    'CYRILLIC'
    """
    return unicodedata.name(character, "UNKNOWN").partition(" ")[0]
