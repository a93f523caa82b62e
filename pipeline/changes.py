"""Which names two models answer differently, what that costs, and where it is most surprising."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.artifact import Language

SHOWN, PAIRS = 50, 20
"""Names that are listed, and pairs of languages that are counted, at most."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Changed:
    """A name whose most probable language is another one now."""

    name: str
    labels: tuple[str, ...]
    """The languages that the data says the name is of."""
    before: str
    after: str
    right_before: float
    """What the champion gave to the labels together; `right_after` is what the challenger gives."""
    right_after: float

    @property
    def drop(self) -> float:
        """How much less probable the right answer has become: the measure of surprise."""
        return self.right_before - self.right_after


@dataclass(frozen=True)
class Changes:
    """What became of the names that both models answered."""

    names: int
    changed: int
    lost: int
    """Names answered with one of their labels by the champion, and no longer."""
    won: int
    """Names answered with one of their labels by the challenger only."""
    pairs: tuple[tuple[str, str, int], ...]
    """The champion's answer, the challenger's, and how many names moved so; the most first."""
    examples: tuple[Changed, ...]
    """Those whose right answer lost most probability, the worst first."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without any name: a record is told to whoever asks the service."""
        counts = {k: v for k, v in asdict(self).items() if k not in ("pairs", "examples")}
        moves = [{"before": before, "after": after, "n": n} for before, after, n in self.pairs]
        return counts | {"pairs": moves}


class Side(NamedTuple):
    """One model's probabilities (N, C) of N rows, and what its columns stand for."""

    probabilities: Floats
    languages: Sequence[Language]


def changes(
    names: Sequence[str], labels: Sequence[str], challenger: Side, champion: Side
) -> Changes:
    """Compare the models' first answers to names (N) with labels (N) that both models know.

    A name with several labels has a row for each, counts once, and any of its labels is right.
    """
    found = _by_name(names, labels, challenger, champion)
    moved = [name for name in found if name.before != name.after]
    was, now = ([n for n in moved if getattr(n, a) in n.labels] for a in ("before", "after"))
    both = sum(name.after in name.labels for name in was)
    pairs = Counter((name.before, name.after) for name in moved)
    ranked = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return Changes(
        names=len(found),
        changed=len(moved),
        lost=len(was) - both,
        won=len(now) - both,
        pairs=tuple((before, after, n) for (before, after), n in ranked[:PAIRS]),
        examples=tuple(sorted(moved, key=lambda name: (-name.drop, name.name))[:SHOWN]),
    )


def _by_name(
    names: Sequence[str], labels: Sequence[str], challenger: Side, champion: Side
) -> list[Changed]:
    rows = defaultdict[str, list[int]](list)
    for row, name in enumerate(names):
        rows[name].append(row)
    after, right_after = _answers(labels, challenger)
    before, right_before = _answers(labels, champion)
    return [
        Changed(
            name=name,
            labels=tuple(labels[i] for i in mine),
            before=before[mine[0]],
            after=after[mine[0]],
            right_before=float(right_before[mine].sum()),
            right_after=float(right_after[mine].sum()),
        )
        for name, mine in rows.items()
    ]


def _answers(labels: Sequence[str], side: Side) -> tuple[list[str], Floats]:
    """The most probable language of each row, and the probability (N,) of its label."""
    codes = [language.code for language in side.languages]
    column = {code: c for c, code in enumerate(codes)}
    truth = np.array([column[label] for label in labels])
    best = [codes[c] for c in side.probabilities.argmax(axis=1).tolist()]
    return best, side.probabilities[np.arange(len(truth)), truth]
