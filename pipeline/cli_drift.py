"""The command `namelang drift`: has what the service is asked changed?"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_models import Json
from pipeline.drift import Against, Finding, Report
from pipeline.terminal import print_json, print_table

EXIT_CODES = {Finding.STEADY: 0, Finding.TOO_FEW: 1, Finding.DRIFT: 4}

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Url = Annotated[str, typer.Option(help="Of the running service.")]
WindowOption = Annotated[str, typer.Option("--window", help="Like 30m, 24h or 7d.")]
AgainstOption = Annotated[
    Against, typer.Option(help="The model's own test names, or the window before.")
]


def drift(
    url: Url = "http://127.0.0.1:3000",
    window: WindowOption = "24h",
    against: AgainstOption = Against.REFERENCE,
    draw: Annotated[Path | None, typer.Option(help="A PNG file to draw the shares in.")] = None,
    textfile: Annotated[
        Path | None, typer.Option(help="A .prom file for Prometheus' node exporter.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The served model's directory, if the store lacks it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare what the service counted lately with the training data, or with the time before.

    Exit codes: 0 no drift, 4 drift, 1 too few names to tell, or nothing to compare.
    """
    from pipeline.watch import look

    report = look(url, seconds(window), against, model)
    if draw:
        from pipeline.drift_picture import draw as draw_shares

        draw_shares(report, draw)
    if textfile:
        from pipeline.textfile import write_drift

        write_drift(report, textfile)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
    sys.exit(EXIT_CODES[report.finding])


def watch(
    url: Url = "http://127.0.0.1:3000",
    window: WindowOption = "24h",
    against: AgainstOption = Against.REFERENCE,
    every: Annotated[str, typer.Option(help="Time between two looks, like 1h.")] = "1h",
) -> None:
    """Look for drift on a schedule, as a deployment of a Prefect server, until told to end.

    Drift emits the event namelang.drift, to which the deployment of `namelang schedule` listens.
    """
    from pipeline.drift_flow import serve

    serve(url, seconds(window), against, seconds(every))


def seconds(length: str) -> float:
    """A length of time like 24h, in seconds.

    Raises:
        ValueError: it is no such length.
    """
    if not (found := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", length)):
        raise ValueError(f"{length!r} is no length of time; expected one like 30m, 24h or 7d")
    return float(found[1]) * UNITS[found[2]]


def _print(report: Report) -> None:
    other = "test names" if report.against is Against.REFERENCE else "names before"
    print(f"{report.model}, {report.since} to {report.until}: {report.finding}")
    print(f"{report.names:,} names against {report.other_names:,} {other}")
    print_table(
        ["feature", "distance", "threshold", "chance (99 %)", "finding"],
        [
            [c.feature, f"{c.distance:.4f}", str(c.threshold), f"{c.chance:.4f}", c.finding]
            for c in report.comparisons
        ],
    )
