"""The training run as a Prefect flow; `retrain` and `schedule` have it run by itself.

The work is done by plain functions elsewhere; here they get retries, logs and Prefect artifacts.
Parameters of flows and tasks are settings and paths, never rows.
"""

import base64
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact

from pipeline import ingredients, judgement, stages
from pipeline.config import Config, GateConfig, SplitConfig
from pipeline.decide import decide
from pipeline.gate import Decision
from pipeline.judgement import Work
from pipeline.locate import locate
from pipeline.recipe import Recipe
from pipeline.sources.protocol import Source
from pipeline.stages import read_json
from pipeline.textfile import training_failed, training_succeeded
from pipeline.train import Epoch, choose_device


@dataclass(frozen=True)
class Outcome:
    """What a training run came to."""

    model: str
    """The tag in the model store; a refused model has one too."""
    promoted: bool
    reason: str
    metrics: dict[str, Any]
    """The evaluation on the test names."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@flow(
    name="namelang-train",
    on_completion=[training_succeeded],
    on_failure=[training_failed],
    on_crashed=[training_failed],
)
def training(config: Config) -> Outcome:
    """Names and languages in, a judged and published model out."""
    return train_from(locate(config.ingest), config)


def train_from(sources: list[Source], config: Config) -> Outcome:
    """The tasks of a run, from sources that were located to a model that is published."""
    ingested = ingest(sources)
    cleaned = clean(ingested, config.ingest.min_names)
    sides = split(cleaned, config.split)
    vocabulary = build_vocabulary(sides, config.recipe)
    trained = train(sides, vocabulary, config.recipe, choose_device(config.device))
    evaluated = evaluate(sides, trained)
    decision = gate(sides, trained, evaluated, config.gate, config.evidence)
    made_of = ingredients.fingerprint(config, sources)
    work = Work(ingested, cleaned, sides, trained, evaluated, made_of)
    tag = publish(work, decision, config.evidence, config.url)
    metrics = read_json(evaluated / "quality.json")["test"]
    return Outcome(tag, decision.accepted, decision.reason, metrics)


@task
def ingest(sources: list[Source]) -> Path:
    """Read every source into one file of records."""
    return stages.ingest(sources)


@task
def clean(ingested: Path, min_names: int) -> Path:
    """Normalise, judge and merge the records; the data report becomes an artifact."""
    cleaned = stages.clean(ingested, min_names)
    report = read_json(cleaned / "report.json")
    get_run_logger().info(
        "%s names of %s languages from %s records",
        f"{report['names']:,}",
        len(report["languages"]),
        f"{report['rows']:,}",
    )
    create_markdown_artifact((cleaned / "report.md").read_text("utf-8"), key="data-report")
    return cleaned


@task
def split(cleaned: Path, config: SplitConfig) -> Path:
    """Part the table into training, validation and test names."""
    return stages.split(cleaned, config)


@task
def build_vocabulary(sides: Path, recipe: Recipe) -> Path:
    """Learn the characters and n-grams of the training names."""
    return stages.build_vocabulary(
        sides, recipe.ngrams, recipe.marks, recipe.min_count, recipe.features
    )


@task
def train(sides: Path, vocabulary: Path, recipe: Recipe, device: str) -> Path:
    """Train W, U and V, an epoch a line in the log."""
    return stages.train(sides, vocabulary, recipe, device, _log_epochs())


@task
def evaluate(sides: Path, trained: Path) -> Path:
    """Judge the model on the test names; tables and pictures become artifacts."""
    evaluated = judgement.evaluate(sides, trained)
    quality = read_json(evaluated / "quality.json")
    get_run_logger().info(
        "test: accuracy %.3f, macro-F1 %.3f, log-loss %.3f (n-gram baseline: %.3f, %.3f, %.3f)",
        *(
            quality[who][figure]
            for who in ("test", "baseline")
            for figure in ("accuracy", "macro_f1", "log_loss")
        ),
    )
    rows = [{"code": code, **row} for code, row in quality["test"]["per_language"].items()]
    create_table_artifact(rows, key="quality-per-language")
    for picture in ("learning-curve", "confusion", "calibration"):
        data = base64.b64encode((evaluated / f"{picture}.png").read_bytes()).decode()
        create_image_artifact(f"data:image/png;base64,{data}", key=picture)
    return evaluated


@task
def gate(
    sides: Path, trained: Path, evaluated: Path, config: GateConfig, show_names: bool
) -> Decision:
    """Decide whether the model may be served; the comparison becomes an artifact."""
    decision = decide(sides, trained, evaluated, config, show_names=show_names)
    create_markdown_artifact(decision.report, key="gate")
    verdict = "accepted" if decision.accepted else "REFUSED"
    get_run_logger().info("gate: %s: %s", verdict, decision.reason)
    return decision


@task
def publish(work: Work, decision: Decision, with_evidence: bool, url: str | None) -> str:
    """Put the model into the store, and promote it where the gate accepted it."""
    tag = judgement.publish(work, decision, with_evidence=with_evidence, url=url)
    get_run_logger().info("%s is in the store%s", tag, ", promoted" * decision.accepted)
    return tag


def _log_epochs() -> Callable[[Epoch], None]:
    """A call for each epoch that logs how it went and how long its network still takes."""
    logger, first_ends = get_run_logger(), dict[str, float]()

    def log(epoch: Epoch) -> None:
        now = time.monotonic()
        an_epoch = (now - first_ends.setdefault(epoch.network, now)) / max(epoch.epoch - 1, 1)
        logger.info(
            "%s, epoch %2d/%d  training loss %.3f  validation loss %.3f, %.1f %% right%s",
            epoch.network,
            epoch.epoch,
            epoch.epochs,
            epoch.training_loss,
            epoch.validation_loss,
            100 * epoch.validation_accuracy,
            f"  {an_epoch * (epoch.epochs - epoch.epoch):.0f} s left" if an_epoch else "",
        )

    return log
