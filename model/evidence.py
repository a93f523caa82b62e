"""What an answer rests on: the training names themselves, and those that lie nearest.

Evidence is an optional part of an artifact: it holds names, which private data must not give away.
It is one JSON file, `{"smith": {"en": 3, "sco": 1}}`: normalised names, and how many records of
each language had them. Embeddings are not stored; the model makes them anew in a second.

Shapes: N names asked about, K known names, H hidden.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from model.artifact import ArtifactError, Language
from model.text import normalise

EVIDENCE = "evidence.json"

BLOCK = 64
"""Names compared with all known ones at a time, which bounds the memory of a large batch."""

Floats = NDArray[np.float32]


class Neighbour(TypedDict):
    """A known name near the one asked about."""

    name: str
    similarity: float
    """Cosine of the two embeddings, at most 1."""
    languages: dict[str, int]
    """Records of the name by language code, the most first."""


@dataclass(frozen=True)
class Evidence:
    """The training names: normalised name → language code → records."""

    known: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, int]]) -> Self:
        """Evidence from rows of a normalised name, a language's code and a count of records."""
        known: dict[str, dict[str, int]] = {}
        for name, code, count in rows:
            languages = known.setdefault(name, {})
            languages[code] = languages.get(code, 0) + count
        return cls(known)

    @classmethod
    def load(cls, directory: Path, *, sha256: str | None = None) -> Self:
        """The evidence in an artifact's directory.

        Raises:
            ArtifactError: it cannot be read, is damaged, or is not the one that `sha256` names.
        """
        path = directory / EVIDENCE
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
        found = hashlib.sha256(content).hexdigest()
        if sha256 not in (None, found):
            raise ArtifactError(f"{path} has SHA-256 {found}, expected {sha256}")
        try:
            rows = ((n, c, int(k)) for n, by in json.loads(content).items() for c, k in by.items())
            return cls.of(rows)
        except (ValueError, TypeError, AttributeError) as error:
            raise ArtifactError(f"{path} is not evidence of a model: {error!r}") from error

    def save(self, directory: Path) -> str:
        """Write `evidence.json` into the directory and return its SHA-256 (hex)."""
        (directory / EVIDENCE).write_bytes(self._content)
        return self.sha256

    @cached_property
    def sha256(self) -> str:
        """The digest (hex) of the file that `save` writes: the same for the same names."""
        return hashlib.sha256(self._content).hexdigest()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The K known names, normalised, sorted."""
        return tuple(sorted(self.known))

    def records(self, name: str) -> dict[str, int]:
        """How many training records had this spelling, by language code, the most first.

        Empty where none had. The name is normalised, so case and kinds of apostrophe do not count.
        """
        counts = self.known.get(normalise(name), {})
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

    @cached_property
    def _content(self) -> bytes:
        known = {name: self.records(name) for name in self.names}
        return json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode()


class Neighbourhood:
    """Known names by their embeddings, ready to be searched."""

    def __init__(self, evidence: Evidence, embeddings: Floats) -> None:
        """`embeddings` (K, H) are those of `evidence.names`, as `Classifier.embed` gives them."""
        self.evidence = evidence
        self._column = {name: k for k, name in enumerate(evidence.names)}
        # Transposed for the product, and not halved to float16, for which NumPy has no BLAS.
        self._directions = np.ascontiguousarray(_directions(embeddings).T)  # (H, K)

    def nearest(self, names: Sequence[str], h: Floats, k: int = 5) -> list[list[Neighbour]]:
        """For each of N names, with embeddings h (N, H), the k nearest known ones, nearest first.

        A name that is known itself leads them with similarity 1, also where the model cannot tell
        it from others: characters that it did not learn are all alike to it, script by script.
        """
        directions = _directions(h)
        return [
            neighbours
            for start in range(0, len(names), BLOCK)
            for neighbours in self._search(
                names[start : start + BLOCK], directions[start : start + BLOCK], k
            )
        ]

    def _search(
        self, names: Sequence[str], directions: Floats, k: int
    ) -> Iterator[list[Neighbour]]:
        similarity = directions @ self._directions  # (N, K)
        for row, name in zip(similarity, names, strict=True):
            if (itself := self._column.get(normalise(name))) is not None:
                row[itself] = np.inf
        k = min(k, similarity.shape[1])
        best = np.argpartition(similarity, -k, axis=1)[:, -k:] if k else similarity[:, :0].argsort()
        for row, columns in zip(similarity, best, strict=True):
            ranked = columns[np.lexsort((columns, -row[columns]))]
            yield [self._neighbour(int(i), float(row[i])) for i in ranked]

    def _neighbour(self, column: int, similarity: float) -> Neighbour:
        name = self.evidence.names[column]
        return Neighbour(
            name=display(name),
            similarity=min(similarity, 1.0),
            languages=self.evidence.records(name),
        )


def describe(records: Mapping[str, int], languages: Sequence[Language]) -> str:
    """Records of a name in words.

    >>> describe({"en": 3, "gd": 1}, [Language("gd", "Gaelic"), Language("en", "English")])
    'English ×3, Gaelic ×1'
    """
    names = {language.code: language.name for language in languages}
    return ", ".join(f"{names.get(code, code)} ×{count}" for code, count in records.items())


# An initial: of the name, of a word that is no particle, after O' and D', and after Mc.
_PARTICLES = "van|von|der|den|de|da|do|dos|di|del|della|la|le|y|i|bin|ibn|al|el"
_INITIAL = re.compile(
    rf"^\w|(?<= )(?!(?:{_PARTICLES})\b)\w|(?<=-)\w|(?<=\b\w')\w|(?<=\bmc)\w",
)
_FINAL_SIGMA = re.compile(r"(?<=\w)σ\b")


def display(name: str) -> str:
    """A normalised name as people write it, as far as normalisation lets it be known.

    >>> [display(name) for name in ("o'neill", "van der berg", "παπασ", "s\u0327ahin", "mcrae")]
    ["O'Neill", 'Van der Berg', 'Παπας', 'Şahin', 'McRae']
    """
    composed = _FINAL_SIGMA.sub("ς", unicodedata.normalize("NFC", name))
    # `title`, as Georgian has capitals that no name is written with; and i with a dot becomes İ.
    return unicodedata.normalize("NFC", _INITIAL.sub(lambda m: m[0].title(), composed))


def _directions(h: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays so."""
    lengths = np.linalg.norm(h, axis=1, keepdims=True)
    return np.asarray(h / np.maximum(lengths, np.finfo(np.float32).tiny))
