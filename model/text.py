"""Normalisation: one spelling for what people type in many ways.

The same function serves training and inference. Its version is stored with every artifact, so a
model never meets text that was prepared differently from what it was trained on.
"""

import re
import unicodedata

NORMALISATION_VERSION = 1
"""Raise this whenever `normalise` answers differently for any name."""

# ` ´ ‘ ’ ‚ ‛ ʹ ʻ ʼ ʽ ʾ ʿ ˈ ′ ‵ ՚ ׳ ꞌ ＇
_APOSTROPHES = (
    "\u0060\u00b4\u2018\u2019\u201a\u201b\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u2032\u2035\u055a\u05f3"
    "\ua78c\uff07"
)
# Soft hyphen, the dashes from hyphen to horizontal bar, minus, maqaf, and wide or small ones.
_HYPHENS = "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be\u1806\ufe58\ufe63\uff0d"
_UNIFIED = str.maketrans(dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_HYPHENS, "-"))
# Controls, zero-width and bidirectional marks, variation selectors, lone surrogates.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u061c\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SPACES = re.compile(r"\s+")


def normalise(name: str) -> str:
    """The spelling that the model reads; empty where nothing readable is left.

    NFKD and casefold, so that an accent becomes a combining mark beside its base letter and a
    Hangul syllable becomes its jamo; apostrophes, hyphens and spaces unified; control,
    zero-width, bidirectional and lone surrogate characters dropped.

    >>> normalise("  O’NEILL–Şahin ")
    "o'neill-s\u0327ahin"
    """
    if name.isascii():
        text = name.casefold()
    else:
        # Mapped first: NFKD would turn ´ into a space and a combining accent.
        text = name.translate(_UNIFIED)
        text = unicodedata.normalize("NFKD", text).casefold()
        text = unicodedata.normalize("NFKD", text).translate(_UNIFIED)
    return _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()


def script(character: str) -> str:
    """The writing system of one character, as the first word of its Unicode name.

    That word is the script for letters (``LATIN``, ``CYRILLIC``, ``CJK`` …) and the kind for the
    rest (``COMBINING``, ``DIGIT`` …); an unnamed character is ``UNKNOWN``.

    >>> script("ж")
    'CYRILLIC'
    """
    return unicodedata.name(character, "UNKNOWN").partition(" ")[0]
