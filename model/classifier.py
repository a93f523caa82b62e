"""Names in, honest answers out, with NumPy alone: what the service and the command line run.

Shapes: N names, n names of one tree, H hidden, C languages.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from model import smoke
from model.answer import Answer, descending, members, ranked
from model.artifact import Artifact, ArtifactError, Language, load
from model.context import Context
from model.evidence import Evidence, Neighbourhood
from model.explanation import Explanation, in_words
from model.familiarity import Reading
from model.limits import COVERAGE, MAX_NAME_LENGTH
from model.prefixes import Level, Places, by_beginning
from model.states import States
from model.text import normalise
from model.threads import parts, side_by_side
from model.trace import trace
from model.verdict import JUDGEMENTS, judge
from model.vocabulary import Vocabulary

MOST_PART = 8192
"""Names of one tree, which a thread reads: few enough for the cache."""

Floats = NDArray[np.float32]
MakeStates = Callable[[Floats, Floats, Vocabulary], States]


class Judged(NamedTuple):
    """What the model makes of N names."""

    probabilities: Floats  # (N, C), in the caller's context
    sets: NDArray[np.bool_]  # (N, C)
    familiarity: NDArray[np.float64]  # (N,)
    judgements: NDArray[np.intp]  # (N,) places in `JUDGEMENTS`


class Classifier:
    """A model ready to answer."""

    def __init__(
        self,
        artifact: Artifact,
        evidence: Evidence | None = None,
        states: MakeStates = States,
    ) -> None:
        """A verified artifact; `states` says how its recurrence is computed."""
        self.artifact = artifact
        self.evidence = evidence
        self.languages: tuple[Language, ...] = artifact.languages
        self.vocabulary = artifact.vocabulary
        self.states = states(artifact.W, artifact.U, artifact.vocabulary)
        self._V = np.ascontiguousarray(artifact.V.T / artifact.temperature, np.float32)  # (H, C)

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        sha256: str | None = None,
        evidence: bool = True,
        states: MakeStates = States,
    ) -> Self:
        """Read and verify an artifact, with its evidence where it has some and that is wanted.

        Raises:
            ArtifactError: it is not whole, not the one that `sha256` names, or does not answer as
                it did when it was stored.
        """
        artifact = load(directory, sha256=sha256)
        digest = artifact.evidence_sha256 if evidence else None
        known = Evidence.load(directory, sha256=digest) if digest else None
        classifier = cls(artifact, known, states)
        smoke.check(classifier, artifact.smoke)
        return classifier

    def embed(self, names: Sequence[str]) -> Floats:
        """h_T (N, H) of each name, in the order given."""
        h = np.empty((len(names), self.states.hidden), np.float32)

        def keep(rows: Places, tree: Sequence[Level], states: Floats) -> None:
            h[rows] = states

        self._read(names, keep)
        return h

    def probabilities(self, names: Sequence[str]) -> Floats:
        """(N, C) the probability of each language for each name; rows add up to 1."""
        probabilities = np.empty((len(names), len(self.languages)), np.float32)

        def keep(rows: Places, tree: Sequence[Level], states: Floats) -> None:
            probabilities[rows] = self._softmax(states)

        self._read(names, keep)
        return probabilities

    def judge(
        self, names: Sequence[str], *, coverage: float = COVERAGE, context: Context | None = None
    ) -> Judged:
        """Probabilities, sets and verdicts of names.

        In a `context` the sets hold no language that cannot be; their coverage is then as good as
        the caller's prior.

        Raises:
            ArtifactError: the model was never calibrated.
            ValueError: the coverage is out of range.
        """
        familiarity, conformal = self.artifact.familiarity, self.artifact.conformal
        if familiarity is None or conformal is None:
            raise ArtifactError("the model was never calibrated: it can give no verdict")
        probabilities = np.empty((len(names), len(self.languages)), np.float32)
        reading = Reading.empty(len(names))

        def keep(rows: Places, tree: Sequence[Level], states: Floats) -> None:
            probabilities[rows] = self._softmax(states)
            for whole, part in zip(reading, familiarity.read(tree, len(rows)), strict=True):
                whole[rows] = part

        self._read(names, keep)
        if context is not None:
            probabilities = context.adjust(probabilities)
        sets = conformal.sets(probabilities, coverage) & (probabilities > 0)
        return Judged(probabilities, sets, reading.familiarity, judge(reading, sets))

    def classify(
        self,
        names: Sequence[str],
        top_k: int | None = None,
        *,
        coverage: float = COVERAGE,
        context: Context | None = None,
    ) -> list[Answer]:
        """The answer for each name, with all languages, or only the `top_k` most probable.

        Raises:
            ArtifactError, ValueError: as `judge`.
        """
        return self.answers(names, self.judge(names, coverage=coverage, context=context), top_k)

    def answers(
        self,
        names: Sequence[str],
        judged: Judged,
        top_k: int | None = None,
        threshold: float = 0.0,
    ) -> list[Answer]:
        """What `judge` made of names, in words; no language below `threshold` is listed."""
        order = descending(judged.probabilities)
        return [
            {
                "name": name,
                "verdict": JUDGEMENTS[judgement].verdict.value,
                "reason": JUDGEMENTS[judgement].reason.value,
                "set": within,
                "languages": languages,
            }
            for name, judgement, within, languages in zip(
                names,
                judged.judgements.tolist(),
                members(judged.sets, order, self.languages),
                ranked(judged.probabilities, order, self.languages, top_k, threshold),
                strict=True,
            )
        ]

    def explain(
        self,
        names: Sequence[str],
        top_k: int | None = None,
        *,
        threshold: float = 0.0,
        coverage: float = COVERAGE,
        context: Context | None = None,
        neighbours: int = 5,
    ) -> list[Explanation]:
        """The answer for each name and what it rests on.

        The trace shows the model's own belief after each symbol, whatever the context.

        Raises:
            ArtifactError, ValueError: as `judge`; a name has nothing to read.
        """
        judged = self.judge(names, coverage=coverage, context=context)
        known = self.evidence
        nearest = (
            self.neighbourhood.nearest(names, self.embed(names), neighbours) if known else None
        )
        return [
            Explanation(
                **answer,
                familiarity=float(judged.familiarity[i]),
                on_lists=None if known is None else known.records(name),
                nearest=None if nearest is None else nearest[i],
                trace=in_words(trace(self.artifact, name), self.languages, top_k, threshold),
            )
            for i, (name, answer) in enumerate(
                zip(names, self.answers(names, judged, top_k, threshold), strict=True)
            )
        ]

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """The known names by their embeddings; made on first use, in about a second for 40,000."""
        evidence = self.evidence or Evidence({})
        return Neighbourhood(evidence, self.embed(evidence.names))

    def _softmax(self, h: Floats) -> Floats:
        logits = h @ self._V
        logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def _read(
        self, names: Sequence[str], visit: Callable[[Places, Sequence[Level], Floats], None]
    ) -> None:
        """Call `visit` with rows (n,) of names, their tree and their h_T (n, H), from threads."""
        text = self.states.text(names)
        order = by_beginning(text)

        def read(part: range) -> None:
            rows = order[part.start : part.stop]
            tree = self.states.tree(text, rows)
            visit(rows, tree, self.states.last(tree, len(rows)))

        side_by_side(read, parts(len(order), self.states.least_part, MOST_PART))


def check_name(name: str) -> None:
    """Refuse what no model can read.

    Raises:
        ValueError: the name is too long, or nothing is left of it after normalisation.
    """
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(
            f"a name of {len(name)} characters; expected at most {MAX_NAME_LENGTH} characters"
        )
    if not normalise(name):
        raise ValueError("a name without a readable character; expected at least one letter")
