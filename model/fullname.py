"""The family name within a full name, by rules that are few enough to be told to a user."""

import re
import unicodedata
from itertools import takewhile

from model.text import normalise


def _listed(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


TITLES = _listed("dr prof mr mrs ms miss mx sir rev jr sr phd md esq")
NUMERALS = _listed("II III IV")
"""In capitals only: Ii is a Japanese family name."""

PARTICLES = _listed(
    "van von vom der den des zu zum zur ter ten te de del della dello degli dei di da das do dos",
    "du le la las lo los les al el bin ibn ben bint abu af av mac mc ó ní nic ua o' d' l' 't",
)
LEADING_PAIRS = frozenset(
    {"van der", "van den", "van de", "von der", "de la", "de las", "de los", "de le"}
)
"""Particles that open a family name even where nothing stands before them."""

VIETNAMESE = _listed("nguyễn trần lê phạm huỳnh hoàng vũ võ đặng bùi đỗ hồ ngô dương lý")
KOREAN = _listed("남궁 황보 제갈 사공 선우 서문 독고 동방")
CHINESE = _listed(
    "欧阳 歐陽 司马 司馬 诸葛 諸葛 上官 夏侯 东方 東方 皇甫 尉迟 尉遲 公孙 公孫 慕容 令狐",
    "司徒 司空 宇文 长孙 長孫 端木 轩辕 軒轅 独孤 獨孤 南宫 南宮 西门 西門 东郭 東郭 百里",
    "呼延 澹台 澹臺 濮阳 濮陽 闻人 聞人 赫连 赫連 钟离 鍾離 拓跋 太史 申屠 淳于 单于 單于",
)
"""Family names of two characters."""
JAPANESE = _listed(
    "佐々木 長谷川 五十嵐 小野寺 佐久間 久保田 大久保 小笠原 長谷部 宇都宮 波多野 阿久津"
)
"""Family names of three characters, the common ones."""

_COMMA = re.compile("[,،，、]")
_MIDDLE_DOT = re.compile("[·・･‧•]")
_INITIALS = re.compile(r"(?:[^\W\d_]\.-?)+")
# McDONALD and d'ARC are in capitals.
_SMALL_HEAD = re.compile("^(?:Mc|Mac|[dlo]['’])(?=..)", re.IGNORECASE)
_MARK = "\u0300-\u036f\u200b-\u200f\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"
_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f"
_HANGUL = "\uac00-\ud7a3\u1100-\u11ff"
_EASTERN = re.compile(f"[{_HAN}{_KANA}{_HANGUL}]")
# A syllable may have been sent as its jamo, a kana as itself and its voicing mark.
_CHARACTER = re.compile(f"(?:[\u1100-\u115f]+[\u1160-\u11a7]*[\u11a8-\u11ff]*|.)[{_MARK}]*", re.S)
_JAPANESE = re.compile(f"[{_KANA}]+(?=[{_HAN}])|[{_HAN}][ノヶケツ][{_HAN}]|[{_HAN}]{{1,2}}")


def family_name(full_name: str) -> str:
    """The part of a full name that is the family name, in the letters that were sent.

    The first rule that applies decides:

    1. Titles and suffixes (Dr, Prof., Mr, Jr., III, PhD …) are dropped wherever they stand.
    2. "Kowalska, Anna": what is before the comma.
    3. "KIM Min-jun", "Anna DE LA CRUZ": where some words but not all are in capitals, those, and
       the particles before them.
    4. In Han, Kana or Hangul the family name is first, and a space ends it: "山田 太郎". Without
       a space it is a guess by length: of Hangul up to four syllables the first; of two or three
       Han characters the first; of more, and of Han with kana, up to two Han characters. Some
       longer family names are known (남궁, 欧阳, 佐々木). A middle dot writes a foreign name, whose
       last part it is; kana alone, and longer Hangul, stay whole.
    5. "Nguyễn Văn An": the first of several words that is one of the commonest Vietnamese family
       names with its accents.
    6. Otherwise the last word and the particles before it, the first word excepted unless it is
       small among capitals: "Ludwig van Beethoven", "van Gogh", but of "Van Morrison" the second.

    So of two family names, as in Spanish and Portuguese, only the last is found; and where the
    family name is first in Latin letters (Chinese, Japanese, Hungarian), only capitals or a comma
    tell.

    >>> [family_name(name) for name in ("Dr. Ana de la Cruz", "KIM Min-jun", "欧阳娜娜")]
    ['de la Cruz', 'KIM', '欧阳']

    Raises:
        ValueError: no character of it can be read.
    """
    if not normalise(full_name):
        raise ValueError("a name without a readable character; expected at least one letter")
    parts = [words for part in _COMMA.split(full_name) if (words := _words(part))]
    if not parts:
        return _trim(full_name.strip())
    named = [words for words in parts if not all(map(_is_title, words))] or parts[:1]
    family = [word for word in named[0] if not _is_title(word)] or named[0]
    return " ".join(family if len(named) > 1 else _pick(family))


def _pick(words: list[str]) -> list[str]:
    """The family name of a full name without titles and commas."""
    while len(words) > 1 and _INITIALS.fullmatch(words[-1]):
        words = words[:-1]
    in_capitals = [_is_capital(word) for word in words if not _INITIALS.fullmatch(word)]
    if any(in_capitals) and not all(in_capitals):
        first = next(i for i, word in enumerate(words) if _is_capital(word))
        family = list(takewhile(_is_capital, words[first:]))
        return words[_with_particles(words, first) : first] + family
    if _EASTERN.match(words[0]):
        return words[:1] if len(words) > 1 else [_eastern(words[0])]
    if _key(words[0]) in VIETNAMESE:
        return words[:1]
    return words[_with_particles(words, len(words) - 1) :]


def _with_particles(words: list[str], first: int) -> int:
    """Where the family name begins that has its main word at `first`."""
    while first > 1 and _is_particle(words[first - 1]):
        first -= 1
    if first == 1 and _is_particle(words[0]):
        small = words[0][0].islower() and any(word[0].isupper() for word in words)
        if small or f"{_key(words[0])} {_key(words[1])}" in LEADING_PAIRS:
            return 0
    return first


def _eastern(word: str) -> str:
    """The family name of a name in Han, Kana or Hangul without a space."""
    if _MIDDLE_DOT.search(word):
        return next((part for part in reversed(_MIDDLE_DOT.split(word)) if part), word)
    characters: list[str] = _CHARACTER.findall(word)
    plain = [unicodedata.normalize("NFC", character)[0] for character in characters]
    spelling = "".join(plain)
    for length, known in ((3, JAPANESE), (2, CHINESE | KOREAN)):
        if spelling[:length] in known:
            return "".join(characters[:length])
    length = len(plain)
    if re.fullmatch(f"[{_HANGUL}]{{2,4}}|[{_HAN}]{{2,3}}", spelling):
        length = 1
    elif re.fullmatch(f"[{_HAN}{_KANA}]+", spelling) and (found := _JAPANESE.match(spelling)):
        length = found.end()
    return "".join(characters[:length])


def _words(text: str) -> list[str]:
    """The words that hold a letter or digit, without invisible characters at their edges."""
    return [_trim(word) for word in text.split() if any(map(str.isalnum, word))]


def _trim(word: str) -> str:
    """Without the characters at its edges that normalisation drops."""
    start, end = 0, len(word)
    while start < end and not word[start].isalnum() and not normalise(word[start]):
        start += 1
    while start < end and not word[end - 1].isalnum() and not normalise(word[end - 1]):
        end -= 1
    return word[start:end]


def _key(word: str) -> str:
    """A word as the lists have it."""
    return unicodedata.normalize("NFC", word).casefold().replace("’", "'").strip("-")


def _is_title(word: str) -> bool:
    bare = word.replace(".", "")
    return bare in NUMERALS or bare.casefold() in TITLES


def _is_particle(word: str) -> bool:
    return _key(word) in PARTICLES


def _is_capital(word: str) -> bool:
    """In capitals, and more than an initial."""
    several = sum(map(str.isalpha, word)) > 1
    return several and (word.isupper() or _SMALL_HEAD.sub("", word).isupper())
