"""One word on an answer, and why: confident, ambiguous, or unknown."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.familiarity import Reading

LEAST_FAMILIARITY = 0.047
"""Below it a string is unknown, and so is about this share of real names: 5 % at most is wanted."""


class Verdict(StrEnum):
    """What an answer may be used as."""

    CONFIDENT = "confident"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why the verdict is what it is."""

    ONE_LANGUAGE = "one_language"
    """The conformal set holds one language."""
    SEVERAL_LANGUAGES = "several_languages"
    """It holds more."""
    UNFAMILIAR_SPELLING = "unfamiliar_spelling"
    """No training name looks like this."""
    MIXED_SCRIPTS = "mixed_scripts"
    """Letters of different scripts stand side by side, as in no training name."""
    UNREADABLE_SCRIPT = "unreadable_script"
    """No letter is of a script that the model was trained on."""


class Judgement(NamedTuple):
    """A verdict with its reason."""

    verdict: Verdict
    reason: Reason


# In order: the first that holds is the answer.
JUDGEMENTS = (
    Judgement(Verdict.UNKNOWN, Reason.UNREADABLE_SCRIPT),
    Judgement(Verdict.UNKNOWN, Reason.MIXED_SCRIPTS),
    Judgement(Verdict.UNKNOWN, Reason.UNFAMILIAR_SPELLING),
    Judgement(Verdict.AMBIGUOUS, Reason.SEVERAL_LANGUAGES),
    Judgement(Verdict.CONFIDENT, Reason.ONE_LANGUAGE),
)

KNOWN = np.array([judgement.verdict is not Verdict.UNKNOWN for judgement in JUDGEMENTS])
"""For each of `JUDGEMENTS`, whether something is known of such a name."""


def judge(
    reading: Reading, sets: NDArray[np.bool_], least_familiarity: float = LEAST_FAMILIARITY
) -> NDArray[np.intp]:
    """The judgements (N,) of names, as places in `JUDGEMENTS`, from looks and sets (N, C).

    A string that is no name is unknown, however sure the network is of it.
    """
    holds = np.stack(
        [
            ~reading.readable,
            reading.mixed,
            reading.familiarity < least_familiarity,
            sets.sum(axis=1) > 1,
            np.ones(len(sets), bool),
        ]
    )
    return np.asarray(holds.argmax(axis=0))
