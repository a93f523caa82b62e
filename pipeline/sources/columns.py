"""Which columns of a file hold the name, the language and the weight."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.sources.protocol import DataError

Cells = Sequence[str | None]  # None where a row lacks the column

# The title to prefer comes first.
_NAME = ("surname", "last name", "lastname", "family name", "familyname", "name")
_LANGUAGE = ("language", "lang", "language code", "locale", "label", "nationality", "country")
_WEIGHT = ("weight", "count", "frequency", "freq")


@dataclass(frozen=True)
class Columns:
    """The columns that the user asks for: a title, a number from 1, or None to have it found."""

    name: str | None = None
    language: str | None = None
    weight: str | None = None


@dataclass(frozen=True)
class Layout:
    """Where things stand in a row, numbered from 0."""

    name: int
    language: int
    weight: int | None
    header: bool
    """Whether the first row holds titles."""
    width: int

    def __str__(self) -> str:
        weight = "" if self.weight is None else f", weight in column {self.weight + 1}"
        header = "first row is a header" if self.header else "no header"
        return f"{header}; name in column {self.name + 1}, language in {self.language + 1}{weight}"


def locate(rows: Sequence[Cells], asked: Columns, *, titled: bool, where: str) -> Layout:
    """The layout of a file, from its first rows.

    The first row is a header where the format says so (`titled`), where a column is asked for by
    title, or where both a name and a language title stand in it (any case; one alone might be
    somebody's name). What is neither asked for nor titled is found in a file of two columns: the
    languages are where fewer distinct values are, else second. Raises DataError, naming `where`,
    where a column asked for is missing or one cannot be found.
    """
    titles = [_fold(cell or "") for cell in rows[0]]
    by_title = any(column and not column.isdecimal() for column in _wishes(asked))
    known = _first(titles, _NAME) is not None and _first(titles, _LANGUAGE) is not None
    header = titled or by_title or known
    if not header:
        titles = [""] * len(titles)

    name = _asked(asked.name, titles, where)
    language = _asked(asked.language, titles, where)
    weight = _asked(asked.weight, titles, where)
    name = _first(titles, _NAME, but=language) if name is None else name
    language = _first(titles, _LANGUAGE, but=name) if language is None else language
    weight = _first(titles, _WEIGHT) if weight is None else weight
    if len(titles) == 2:
        if name is None and language is None:
            language = _fewer_distinct(rows[header:])
        name = 1 - language if name is None and language is not None else name
        language = 1 - name if language is None and name is not None else language
    if name is None or language is None:
        missing = "name" if name is None else "language"
        raise DataError(
            f"{where}: cannot tell which of its {len(titles)} column(s) holds the {missing}; "
            f"expected two columns, a header with known titles, or --{missing}-column"
        )
    if name == language:
        raise DataError(f"{where}: name and language are both column {name + 1}; expected two")
    return Layout(name, language, weight, header, len(titles))


def _wishes(asked: Columns) -> tuple[str | None, ...]:
    return asked.name, asked.language, asked.weight


def _fold(title: str) -> str:
    return " ".join(title.casefold().replace("_", " ").replace("-", " ").split())


def _first(titles: Sequence[str], known: Sequence[str], but: int | None = None) -> int | None:
    found = (titles.index(title) for title in known if title in titles)
    return next((i for i in found if i != but), None)


def _asked(column: str | None, titles: Sequence[str], where: str) -> int | None:
    if column is None:
        return None
    if column.isdecimal() and 1 <= int(column) <= len(titles):
        return int(column) - 1
    if _fold(column) in titles:
        return titles.index(_fold(column))
    # The first row is not quoted: without a header it holds somebody's name.
    raise DataError(
        f"{where}: there is no column {column!r}; "
        f"expected a title in its first row or a number from 1 to {len(titles)}"
    )


def _fewer_distinct(rows: Sequence[Cells]) -> int:
    names, languages = ({row[i] for row in rows if len(row) == 2} for i in (0, 1))
    return 0 if len(names) < len(languages) else 1
