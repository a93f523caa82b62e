"""A table of names in, the same table with what the model says of each row out."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from model.classifier import Classifier
from pipeline.bulk.answers import Answers
from pipeline.bulk.columns import Columns, ScoreOptions
from pipeline.bulk.known import Known
from pipeline.bulk.texts import Distinct, missing, texts

TOGETHER = 32_768
"""Names that are read by one call: so many, in order, share most of the states that can be."""


class Scorer:
    """A model and what is asked of it, for tables that fit into memory."""

    def __init__(self, classifier: Classifier, tag: str, options: ScoreOptions) -> None:
        self.new = Columns(classifier.languages, tag, options)
        self.classifier = classifier

    def known(self) -> Known:
        """Room for answers, so that names of one table are not read again for the next."""
        return Known(self.new.top_k)

    def score(self, table: pa.Table, known: Known | None = None) -> pa.Table:
        """The table with the new columns at its end; each distinct name is read once.

        Raises:
            ValueError: it lacks the column of names, that one holds no text, or a new one is there.
        """
        self.new.check(table.schema)
        column = self.new.options.column
        new = self.columns(texts(table[column], column), known)
        for title, values in zip(new.column_names, new.columns, strict=True):
            table = table.append_column(title, values)
        return table

    def columns(self, names: pa.Array, known: Known | None = None) -> pa.Table:
        """The new columns for an array of texts; a null gets nothing but a reason."""
        known = known or self.known()
        rows, fresh = known.enter(Distinct.of(names))
        return self.new.of(known.fill(map(self.read, portions(fresh))), rows, missing(names))

    def read(self, names: pa.LargeStringArray) -> Answers:
        """What the model says of texts that are read together."""
        top_k, coverage = self.new.top_k, self.new.options.coverage
        return Answers.of(self.classifier, names, top_k, coverage)


def portions(names: pa.LargeStringArray) -> Iterator[pa.LargeStringArray]:
    """Names in portions that are read together; the same for the same names on every machine."""
    for start in range(0, len(names), TOGETHER):
        # Not a slice: to send that to another process is to send the whole.
        yield names.take(np.arange(start, min(start + TOGETHER, len(names))))
