"""Figures for alerts, as text files that Prometheus' node exporter collects.

What runs now and then has no address to be asked at, so it leaves its figures in a file. The
collector wants the name of the file to end in `.prom`.
"""

import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.parser import text_string_to_metric_families

from pipeline.drift import Report

TRAINING = "TRAINING_TEXTFILE"
"""The environment variable that names the file of `training_ended`; without it none is written."""

SUCCEEDED = "namelang_training_succeeded_timestamp_seconds"
FAILED = "namelang_training_failed_timestamp_seconds"


def write_drift(report: Report, path: Path) -> None:
    """The distance of each feature, the limit that makes it drift, and how many names there were.

    So `namelang_drift > namelang_drift_threshold` holds where the report says drift and nowhere
    else.
    """
    registry = CollectorRegistry()
    distance = Gauge(
        "namelang_drift",
        "Jensen-Shannon divergence (bits) of what is asked now from what it is compared with.",
        ("feature",),
        registry=registry,
    )
    limit = Gauge(
        "namelang_drift_threshold",
        "Above it is drift: the threshold or chance; 1, which is never exceeded, where none is.",
        ("feature",),
        registry=registry,
    )
    for comparison in report.comparisons:
        distance.labels(comparison.feature).set(comparison.distance)
        limit.labels(comparison.feature).set(comparison.limit)
    Gauge("namelang_drift_names", "Names in the window.", registry=registry).set(report.names)
    write_to_textfile(str(path), registry)


def training_succeeded(flow: object, flow_run: object, state: object) -> None:
    """A training run ended with a judged model: a hook of the flow, whose arguments are Prefect's.

    A model that the gate refused is a success too: all that ran did what it should.
    """
    _training_ended(SUCCEEDED)


def training_failed(flow: object, flow_run: object, state: object) -> None:
    """A training run ended without a model; a hook as well."""
    _training_ended(FAILED)


def _training_ended(series: str) -> None:
    """Write when, beside when the last one ended otherwise; nothing where no file is named."""
    if not (name := os.environ.get(TRAINING)):
        return
    path, when = Path(name), {series: time.time()}
    if path.exists():
        families = text_string_to_metric_families(path.read_text("utf-8"))
        before = {sample.name: sample.value for family in families for sample in family.samples}
        when = {key: before[key] for key in (SUCCEEDED, FAILED) if key in before} | when
    registry = CollectorRegistry()
    for key, seconds in when.items():
        Gauge(key, "When a training run last ended like this.", registry=registry).set(seconds)
    write_to_textfile(str(path), registry)
