"""Counts of what a model makes of many names: what drift is told by, and no name in it.

The service counts what it reads, and a model's record holds the counts of its test names
(`reference`), so that the two can be compared.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress

import numpy as np

from model.classifier import Classifier, Judged
from model.text import normalise_all
from model.verdict import JUDGEMENTS, KNOWN, LEAST_FAMILIARITY
from model.vocabulary import Vocabulary

BOUNDS = (0.01, 0.02, LEAST_FAMILIARITY, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of familiarity, from the least; a bin holds what is above one bound and up to the next."""
BINS = (*map(str, BOUNDS), "1")

FEATURES = ("languages", "verdicts", "familiarity", "symbols")

Tally = Mapping[str, Mapping[str, float]]
"""For each of `FEATURES` how many names (of symbols: characters) fall under each label."""


def tally(
    vocabulary: Vocabulary, names: Sequence[str], best: Sequence[str], judged: Judged
) -> dict[str, dict[str, int]]:
    """The counts of N names, from their most probable languages (N,) and what the model judged.

    Languages leave out the names whose verdict is unknown: the model answers nonsense too.
    """
    verdicts = (JUDGEMENTS[judgement].verdict for judgement in judged.judgements.tolist())
    told = compress(best, KNOWN[judged.judgements].tolist())
    bins = (BINS[i] for i in np.searchsorted(BOUNDS, judged.familiarity).tolist())
    symbols, unlearned = count_symbols(vocabulary, names)
    return {
        "languages": dict(Counter(told)),
        "verdicts": dict(Counter(verdict.value for verdict in verdicts)),
        "familiarity": dict(Counter(bins)),
        "symbols": {"learned": symbols - unlearned, "unlearned": unlearned},
    }


def reference(classifier: Classifier, names: Sequence[str]) -> dict[str, Tally]:
    """The counts of these names by the language they are answered with, unknown ones included.

    They are read without a context and at the usual coverage. By language, since how familiar
    names look depends on theirs: a sum would only fit a population of the same languages.

    Raises:
        ArtifactError: the model cannot give verdicts.
    """
    judged = classifier.judge(names)
    answered = judged.probabilities.argmax(axis=1).tolist()
    rows: dict[int, list[int]] = {}
    for i, c in enumerate(answered):
        rows.setdefault(c, []).append(i)
    found: dict[str, Tally] = {}
    for c, places in sorted(rows.items()):
        code = classifier.languages[c].code
        own = Judged(
            judged.probabilities[places],
            judged.sets[places],
            judged.familiarity[places],
            judged.judgements[places],
        )
        of = [names[i] for i in places]
        found[code] = tally(classifier.vocabulary, of, [code] * len(of), own)
    return found


def count_symbols(vocabulary: Vocabulary, names: Sequence[str]) -> tuple[int, int]:
    """How many characters names have, and how many of these no training name had."""
    text = "".join(normalise_all(names))
    return len(text), len(text.translate(vocabulary.learned))
