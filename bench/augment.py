"""As many names as one likes: those of a table, and others spliced and misspelt from them.

They are no names that anybody bears, but as long, in the same languages and the same scripts, and
their n-grams are about as many: what time and memory depend on.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pipeline.pseudo_names import misspell, splice
from pipeline.sources.protocol import Dropped, Provenance
from pipeline.table import NameTable, Record

DRAWN = 10_000
"""Names whose random numbers are drawn at once."""
MISSPELT = 0.2


@dataclass
class Augmented:
    """A source of `times` as many records as the table has rows, seeded."""

    table: NameTable
    times: int
    seed: int = 0
    dropped: Dropped = field(default_factory=Dropped)

    def records(self) -> Iterator[Record]:
        """The rows of the table, and then names made of two of one language."""
        names, languages = list(self.table.name), list(self.table.language)
        for name, language in zip(names, languages, strict=True):
            yield Record(name, language, source="augmented")
        rows: dict[str, list[int]] = {}
        for row, language in enumerate(languages):
            rows.setdefault(language, []).append(row)
        symbols = "".join(names)
        random = np.random.default_rng(self.seed)
        left = (self.times - 1) * len(names)
        while left > 0:
            # Numbers from 0 to 1, drawn at once: a draw each would take longer than all the rest.
            for first, second, cut, joint, wrong, place, change in random.random(
                (min(left, DRAWN), 7)
            ).tolist():
                row = int(first * len(names))
                kin = rows[languages[row]]
                name = splice(names[row], names[kin[int(second * len(kin))]], cut, joint)
                if wrong < MISSPELT:
                    name = misspell(name, place, change, symbols[int(joint * len(symbols))])
                yield Record(name, languages[row], source="augmented")
            left -= DRAWN

    def fingerprint(self) -> str:
        """Of the names, and of what is made of them."""
        content = "\n".join([*self.table.name, str(self.times), str(self.seed)])
        return hashlib.sha256(content.encode()).hexdigest()

    def provenance(self) -> list[Provenance]:
        """Made here."""
        return [Provenance("augmented")]
