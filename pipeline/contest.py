"""Two models that compete, or one alone: how good, how large, how fast."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from model.artifact import RECORD, WEIGHTS
from model.classifier import Classifier
from pipeline.duel import Duel, duel
from pipeline.race import Race, race
from pipeline.table import NameTable


class Contestant(NamedTuple):
    """A model that competes."""

    called: str
    classifier: Classifier
    bytes: int
    """Of what inference reads: evidence and report do not count."""

    @classmethod
    def load(cls, called: str, directory: Path, sha256: str | None = None) -> Self:
        """The model in a directory.

        Raises:
            ArtifactError: it is not whole, or not the one that `sha256` names.
        """
        classifier = Classifier.load(directory, sha256=sha256)
        size = sum((directory / file).stat().st_size for file in (WEIGHTS, RECORD))
        return cls(called, classifier, size)


@dataclass(frozen=True)
class Sizes:
    """Bytes on disk of what inference reads: weights and record, not evidence and report."""

    challenger: int
    champion: int | None = None


@dataclass(frozen=True)
class Contest:
    """What was measured of the challenger, beside the champion where there is one."""

    bytes: Sizes
    race: Race
    duel: Duel | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without any name."""
        fields = {"bytes": asdict(self.bytes), "race": asdict(self.race)}
        return fields | {"duel": self.duel and self.duel.to_dict()}


def compete(challenger: Contestant, champion: Contestant | None, table: NameTable) -> Contest:
    """Measure both on a table's rows; the challenger's size and speed where it is alone."""
    if champion is None:
        return Contest(Sizes(challenger.bytes), race(challenger.classifier, None, table.name))
    both = challenger.classifier, champion.classifier
    return Contest(
        Sizes(challenger.bytes, champion.bytes),
        race(*both, table.name),
        duel(*both, table, champion.called),
    )
