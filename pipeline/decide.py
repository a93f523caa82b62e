"""A freshly trained model before the gate: both models are read, compete and are judged."""

import dataclasses
from pathlib import Path

from model.artifact import ArtifactError
from pipeline import store
from pipeline.config import GateConfig
from pipeline.contest import Contestant, compete
from pipeline.evaluate import Evaluation
from pipeline.gate import Decision, Findings, judge
from pipeline.gate_report import markdown
from pipeline.stages import read_json
from pipeline.store import StoreError
from pipeline.table import NameTable


def decide(
    sides: Path, trained: Path, evaluated: Path, config: GateConfig, *, show_names: bool
) -> Decision:
    """Whether the model may be served, given its floors and the promoted model.

    `show_names` lets the report list test names whose answer changed.
    """
    quality = read_json(evaluated / "quality.json")
    test, baseline = (Evaluation.from_dict(quality[key]) for key in ("test", "baseline"))
    table = NameTable.read(sides / "test.parquet")
    challenger = Contestant.load("challenger", trained / "artifact")
    champion, unreadable = _champion()
    contest = compete(challenger, champion, table)
    decision = judge(Findings(test, baseline, contest, unreadable), config)
    changed = contest.duel and contest.duel.changes
    examples = changed.examples if changed and show_names else ()
    return dataclasses.replace(decision, report=markdown(decision.to_dict(), examples))


def _champion() -> tuple[Contestant | None, str | None]:
    """The promoted model, or why it cannot be compared with.

    A model that this version cannot read could not be served either; were it an error, no
    training could ever follow an upgrade that changes what artifacts hold.
    """
    pointer = store.promoted()
    if pointer is None:
        return None, None
    try:
        directory = store.path(pointer.tag)
        return Contestant.load(pointer.tag, directory, pointer.sha256), None
    except (ArtifactError, StoreError):  # its message tells paths, which a record must not
        return None, f"{pointer.tag} is promoted but cannot be read, nor compared with"
