"""From a trained model to a stored one: how good it is, whether it may be served, its record."""

import dataclasses
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from model import artifact as artifacts
from model import smoke, tally
from model.card import CALIBRATION, FIGURES
from model.classifier import Classifier
from model.evidence import Evidence
from pipeline import store
from pipeline.baseline import baseline_probabilities, fit_baseline
from pipeline.batches import examples
from pipeline.evaluate import Evaluation, confusion, most_confused
from pipeline.evaluate import evaluate as judge_rows
from pipeline.follow_up import promote
from pipeline.gate import Decision
from pipeline.ingredients import FINGERPRINT
from pipeline.pictures import draw_confusion, draw_learning_curve
from pipeline.reliability import draw_calibration
from pipeline.stages import read_json, write_json
from pipeline.table import NameTable
from pipeline.train import Epoch
from pipeline.workspace import stage

REPORT = "report"
"""The folder of a stored model that holds its pictures and tables, for people."""

GATE_REPORT = "gate.md"
"""The gate's decision in that folder."""


class Work(NamedTuple):
    """The directories that a run's stages left, and the fingerprint of what went in."""

    ingested: Path
    cleaned: Path
    sides: Path
    trained: Path
    evaluated: Path
    fingerprint: str


@stage
def evaluate(out: Path, sides: Path, trained: Path) -> None:
    """Test names → `quality.json` (the model's and the baseline's), `quality.md` and pictures."""
    classifier = Classifier.load(trained / "artifact")
    table = NameTable.read(sides / "test.parquet")
    probabilities = classifier.probabilities(table.name)
    quality = judge_rows(table.name, table.language, probabilities, classifier.languages)
    training = examples(
        NameTable.read(sides / "train.parquet"), [lang.code for lang in classifier.languages]
    )
    baseline = judge_rows(
        table.name,
        table.language,
        baseline_probabilities(fit_baseline(*training), table.name, len(classifier.languages)),
        classifier.languages,
    )
    counts = confusion(table.language, probabilities, classifier.languages)
    write_json(
        out / "quality.json",
        {
            "test": quality.to_dict(),
            "baseline": baseline.to_dict(),
            "confused": most_confused(counts, classifier.languages),
        },
    )
    (out / "quality.md").write_text(markdown(quality, baseline), "utf-8")
    curve = [Epoch(**epoch) for epoch in read_json(trained / "curve.json")]
    draw_learning_curve(curve, out / "learning-curve.png")
    names = [language.name for language in classifier.languages]
    draw_confusion(counts, names, out / "confusion.png")
    draw_calibration(quality.reliability, out / CALIBRATION)


def publish(work: Work, decision: Decision, *, with_evidence: bool, url: str | None = None) -> str:
    """Store the model with its full record, promote it if it may be served, return its tag.

    With evidence the training names travel along, so that answers can show what they rest on.

    Raises:
        NotServed: the service at `url` does not follow; the promotion is taken back.
    """
    evidence = _evidence(work.sides) if with_evidence else None
    quality = read_json(work.evaluated / "quality.json")
    trained = artifacts.load(work.trained / "artifact")
    classifier = Classifier(trained)
    artifact = dataclasses.replace(
        trained,
        smoke=smoke.answers(classifier),
        reference=tally.reference(classifier, _test_names(work.sides)),
        data=_describe_data(work),
        metrics={**quality, "gate": decision.to_dict()},
        evidence_sha256=evidence.sha256 if evidence else None,
    )
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "artifact"
        artifacts.save(artifact, directory)
        if evidence:
            evidence.save(directory)
        (directory / REPORT).mkdir()
        for path in (
            work.cleaned / "report.md",
            work.evaluated / "quality.md",
            *work.evaluated.glob("*.png"),
        ):
            shutil.copy(path, directory / REPORT)
        (directory / REPORT / GATE_REPORT).write_text(decision.report, "utf-8")
        summary = {k: v for k, v in quality["test"].items() if isinstance(v, int | float)}
        tag = store.publish(
            directory,
            labels={"languages": str(len(artifact.languages))},
            metadata={"test": summary, "reason": decision.reason},
            status="accepted" if decision.accepted else "refused",
        )
    if decision.accepted:
        promote(tag, url=url)
    return tag


def markdown(quality: Evaluation, baseline: Evaluation) -> str:
    """The evaluation as Markdown tables."""
    lines = ["| on test names | model | n-gram baseline |", "|---|---|---|"]
    lines += [
        f"| {label} | {getattr(quality, field):.3f} | {getattr(baseline, field):.3f} |"
        for field, label in FIGURES.items()
    ]
    lines += [
        "",
        "| language | code | precision | recall | F1 | rows |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {q.name} | {code} | {q.precision:.2f} | {q.recall:.2f} | {q.f1:.2f} | {q.n} |"
        for code, q in quality.per_language.items()
    ]
    return "\n".join(lines)


def _test_names(sides: Path) -> list[str]:
    """Each once. Not those of validation: on these the scale of familiarity was made."""
    return sorted(set(NameTable.read(sides / "test.parquet").name))


def _evidence(sides: Path) -> Evidence:
    table = NameTable.read(sides / "train.parquet")
    return Evidence.of(zip(table.name, table.language, table.count.tolist(), strict=True))


def _describe_data(work: Work) -> dict[str, Any]:
    """What a model's record says of its data: origins, licences, digest and counts."""
    return {
        "sha256": hashlib.sha256((work.cleaned / "table.parquet").read_bytes()).hexdigest(),
        "origins": [
            origin
            for source in read_json(work.ingested / "sources.json")
            for origin in source["origins"]
        ],
        "rows": {
            side: len(NameTable.read(work.sides / f"{side}.parquet"))
            for side in ("train", "validation", "test")
        },
        "languages": read_json(work.cleaned / "report.json")["languages"],
        FINGERPRINT: work.fingerprint,
    }
