"""Names that no spelling explains: what has to be remembered of them.

Kafka is on a Czech list and spelt as if it were Greek. What is learned of other names misleads
there, so the network that is kept gets columns of U for n-grams that hardly any other name has.
"""

from collections.abc import Sequence

import numpy as np

from model.vocabulary import Vocabulary
from pipeline.batches import Examples
from pipeline.spelling import occurrences

EACH = 2
"""N-grams by which an exception is told apart."""


def telling_grams(
    exceptions: Sequence[str], training: Examples, vocabulary: Vocabulary, most: int
) -> list[str]:
    """The n-grams of each exception that are the rarest among training names.

    At most so many that the vocabulary lacks, those of the first exceptions first. Of n-grams that
    are as rare the longest are taken.
    """
    candidates = Vocabulary.fit(
        exceptions, order=vocabulary.order, marks=vocabulary.marks, min_count=1
    )
    often = occurrences(candidates, training).sum(axis=1)
    new: dict[str, None] = {}
    for ids in candidates.encode(exceptions).ids:
        own = [
            (often[i], -len(gram), gram)
            for i in np.unique(ids[ids >= candidates.first_gram]).tolist()
            if len(gram := candidates.features[i]) > 1 and not gram.translate(vocabulary.learned)
        ]
        new |= dict.fromkeys(gram for *_, gram in sorted(own)[:EACH])
    known = set(vocabulary.grams)
    return [gram for gram in new if gram not in known][:most]
