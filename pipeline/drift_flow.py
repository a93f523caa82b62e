"""Looking for drift as a Prefect flow, which asks for a retraining where it finds some.

It emits an event and trains nothing itself: what trains listens, and decides whether the names,
settings and code are new enough to make another model.
"""

import base64
import tempfile
from datetime import timedelta
from pathlib import Path

from prefect import flow, get_run_logger, settings
from prefect.artifacts import create_image_artifact, create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed

from pipeline.drift import Against, Finding, Report
from pipeline.drift_picture import draw
from pipeline.watch import look, to_ask

EVENT = "namelang.drift"


@flow(name="watch-drift")
def watch_drift(
    url: str, window: float, against: Against = Against.REFERENCE, model: str | None = None
) -> State[None]:
    """Look at the service at `url`, as `pipeline.watch.look` does; `window` is in seconds.

    The state that the run ends in is named Drift, Steady or TooFewNames, all of them completed;
    where nothing can be compared it fails. Of drift an event tells, once for a model and a window.
    """
    report = look(url, window, against, model)
    _show(report)
    if report.finding is Finding.DRIFT and to_ask(url, report.model, window):
        get_run_logger().warning("%s: a retraining is asked for", report.model)
        emit_event(
            EVENT,
            resource={
                "prefect.resource.id": f"namelang.model.{report.model.partition(':')[2]}",
                "prefect.resource.name": report.model,
            },
            payload={
                "against": report.against.value,
                "names": report.names,
                "distances": {c.feature: c.distance for c in report.comparisons},
            },
        )
    names = {Finding.DRIFT: "Drift", Finding.STEADY: "Steady", Finding.TOO_FEW: "TooFewNames"}
    return Completed(name=names[report.finding], message=_summary(report))


def serve(url: str, window: float, against: Against, every: float) -> None:
    """Have this flow run every so many seconds, by a deployment that this process serves.

    Raises:
        ValueError: no Prefect server is named, or the time between two looks is below a second.
    """
    if every < 1:
        raise ValueError(f"every is {every:g} seconds; expected at least 1")
    if not settings.PREFECT_API_URL.value():
        raise ValueError(
            "no Prefect server is named; `prefect server start` starts one, "
            "and PREFECT_API_URL=http://127.0.0.1:4200/api names it"
        )
    watch_drift.serve(
        name="namelang",
        interval=timedelta(seconds=every),
        limit=1,
        parameters={"url": url, "window": window, "against": against.value},
    )


def markdown(report: Report) -> str:
    """The report as a Markdown table."""
    lines = [
        f"**{report.finding}**: {_summary(report)}",
        "",
        "| feature | distance (bits) | threshold | chance (99 %) | finding |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {c.feature} | {c.distance:.4f} | {c.threshold} | {c.chance:.4f} | {c.finding} |"
        for c in report.comparisons
    ]
    return "\n".join(lines)


def _show(report: Report) -> None:
    """Leave a table and a picture for people, as Prefect artifacts."""
    create_markdown_artifact(markdown(report), key="drift")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "drift.png"
        draw(report, picture)
        data = base64.b64encode(picture.read_bytes()).decode()
    create_image_artifact(f"data:image/png;base64,{data}", key="drift-shares")


def _summary(report: Report) -> str:
    return (
        f"{report.names:,} names from {report.since} to {report.until} against "
        f"{report.other_names:,} ({report.against})"
    )
