"""Challenger against champion: two models on the same names, which neither was trained on.

What both answered is compared as it would be served: a language that only one of them knows may be
its answer, though never a label. Shapes: N rows, L languages among their labels.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from model.classifier import Classifier
from pipeline.bootstrap import Answers, Drawn, Floats, Integers, Rows, bootstrap, interval
from pipeline.changes import Changes, Side, changes
from pipeline.table import NameTable

FIGURES = ("accuracy", "macro_f1", "log_loss", "ece")
"""What is compared with an interval, as `Evaluation` calls it."""


@dataclass(frozen=True)
class Difference:
    """A figure of both models, and between what their difference lies in 95 % of the draws."""

    challenger: float
    champion: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The challenger's minus the champion's."""
        return self.challenger - self.champion


@dataclass(frozen=True)
class Recall:
    """What share of one language's rows both models find."""

    rows: int
    names: int
    """Groups: a name with its spellings counts once, as it is right or wrong as one."""
    challenger: float
    champion: float
    error: float
    """The bootstrap's standard error of the difference."""

    @property
    def value(self) -> float:
        """The challenger's minus the champion's."""
        return self.challenger - self.champion

    def high(self, tests: int) -> float:
        """The most that the difference may be, with a chance of 2.5 % over `tests` such questions.

        Student's t for so many names, and Bonferroni's share of the chance. Infinite for a single
        name, which tells nothing of chance.
        """
        if self.names < 2:
            return np.inf
        return self.value + float(stdtrit(self.names - 1, 1 - 0.025 / tests)) * self.error


@dataclass(frozen=True)
class Duel:
    """What the same names say of both models."""

    champion: str
    """What the champion is called."""
    rows: int
    names: int
    """Groups: a name with its spellings counts once. It is what the bootstrap draws."""
    trained_on: int
    """Rows left out as a name of their group is among either model's training names."""
    unknown: int
    """Rows left out as not both models know their label."""
    evidence: bool
    """Whether the champion's training names are known at all."""
    gone: tuple[str, ...]
    """Languages that only the champion knows; `new` are those that only the challenger knows."""
    new: tuple[str, ...]
    figures: Mapping[str, Difference]
    """Of `FIGURES`; empty where no row is left."""
    languages: Mapping[str, Recall]
    changes: Changes | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without any name."""
        return asdict(self) | {"changes": self.changes and self.changes.to_dict()}


def duel(challenger: Classifier, champion: Classifier, table: NameTable, called: str = "") -> Duel:
    """Compare both on the rows of a table that both can be asked fairly.

    A row is left out where not both know its label, and where a name of its group stands in the
    evidence of either; `called` names the champion.
    """
    mine, theirs = (
        {language.code for language in model.languages} for model in (challenger, champion)
    )
    known = np.array([language in mine & theirs for language in table.language], bool)
    seen = _trained_on(table, challenger, champion)
    rows = table.take(np.flatnonzero(known & ~seen))
    compared = _compare(challenger, champion, rows) if len(rows) else ({}, {}, None)
    figures, languages, changed = compared
    return Duel(
        champion=called,
        rows=len(rows),
        names=len(np.unique(rows.group)),
        trained_on=int((known & seen).sum()),
        unknown=int((~known).sum()),
        evidence=champion.evidence is not None,
        gone=tuple(sorted(theirs - mine)),
        new=tuple(sorted(mine - theirs)),
        figures=figures,
        languages=languages,
        changes=changed,
    )


def _trained_on(table: NameTable, *models: Classifier) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(N,) whether a name of the row's group is a training name of a model that carries them."""
    known = [model.evidence.known for model in models if model.evidence is not None]
    seen = np.array([any(name in names for names in known) for name in table.name], bool)
    return np.isin(table.group, table.group[seen])


def _compare(
    challenger: Classifier, champion: Classifier, table: NameTable
) -> tuple[dict[str, Difference], dict[str, Recall], Changes]:
    codes, truth = np.unique(np.array(table.language, np.str_), return_inverse=True)
    rows = Rows(truth, np.unique(table.group, return_inverse=True)[1], len(codes))
    sides = [
        Side(model.probabilities(table.name), model.languages) for model in (challenger, champion)
    ]
    drawn = bootstrap(rows, *(_answers(side, codes.tolist(), truth) for side in sides))
    return (
        {name: _difference(drawn, name) for name in FIGURES},
        _recalls(drawn, rows, codes.tolist()),
        changes(table.name, table.language, *sides),
    )


def _answers(side: Side, codes: list[str], truth: Integers) -> Answers:
    place = {code: k for k, code in enumerate(codes)}
    of_column = np.array([place.get(lang.code, len(codes)) for lang in side.languages])
    column = {lang.code: c for c, lang in enumerate(side.languages)}
    of_label = np.array([column[code] for code in codes])
    p: Floats = side.probabilities
    return Answers(
        best=of_column[p.argmax(axis=1)],
        confidence=p.max(axis=1),
        probability=p[np.arange(len(truth)), of_label[truth]],
    )


def _difference(drawn: Drawn, figure: str) -> Difference:
    mine, theirs = (float(getattr(model, figure)) for model in drawn.observed)
    draws = getattr(drawn.draws[0], figure) - getattr(drawn.draws[1], figure)
    return Difference(mine, theirs, *interval(draws))


def _recalls(drawn: Drawn, rows: Rows, codes: list[str]) -> dict[str, Recall]:
    mine, theirs = (model.recall for model in drawn.observed)
    draws = drawn.draws[0].recall - drawn.draws[1].recall  # (B, L)
    found = {}
    for k, code in enumerate(codes):
        of = rows.truth == k
        here = draws[~np.isnan(draws[:, k]), k]
        error = float(here.std()) if here.size else 0.0
        names = len(np.unique(rows.group[of]))
        found[code] = Recall(int(of.sum()), names, float(mine[k]), float(theirs[k]), error)
    return found
