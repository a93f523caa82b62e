"""The commands `namelang schedule` and `namelang retrain`: new models without being asked."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_models import Json
from pipeline.terminal import print_json

NAME = "namelang"

NameOption = Annotated[str, typer.Option(help="Of the deployment in Prefect.")]


def schedule(
    cron: Annotated[str | None, typer.Option(help='When to retrain, like "0 3 * * 1".')] = None,
    timezone: Annotated[str, typer.Option(help="Of --cron, like Europe/Rome.")] = "UTC",
    every: Annotated[
        float | None,
        typer.Option(help="Seconds between two runs; beside --cron, or alone."),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="As `train` has it; else the configuration's.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file, as `train` has it.")] = None,
    name_column: Annotated[str | None, typer.Option(help="Title or number of the column.")] = None,
    language_column: Annotated[str | None, typer.Option(help="Title or number.")] = None,
    weight_column: Annotated[str | None, typer.Option(help="Title or number.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of text files, like utf-8.")] = None,
    name: NameOption = NAME,
) -> None:
    """Retrain on a schedule, as a deployment of a Prefect server; runs until it is told to end.

    A run that finds names, settings and code as they were trains nothing and says so.
    """
    from pipeline.process import settle

    settle()
    from pipeline import schedule as schedules
    from pipeline.config import Config
    from pipeline.ingredients import locate
    from pipeline.serving import serve

    reading = {
        "sources": source and [_absolute(spec) for spec in source],
        "name_column": name_column,
        "language_column": language_column,
        "weight_column": weight_column,
        "encoding": encoding,
    }
    given = {key: value for key, value in reading.items() if value is not None}
    settings = Config.read(config, {"ingest": given})
    locate(
        settings.ingest
    )  # here a mistake is told to who made it; at night it would be a log line
    deployed = schedules.deployment(settings, name=name, cron=cron, timezone=timezone, every=every)
    schedules.server()
    serve(deployed)


def retrain(
    reason: Annotated[str, typer.Option(help="What for; it stands in the run's log.")] = "by hand",
    force: Annotated[bool, typer.Option(help="Also where nothing has changed.")] = False,
    name: NameOption = NAME,
    as_json: Json = False,
) -> None:
    """Have the process that serves the schedule retrain now, if anything has changed."""
    from pipeline import schedule as schedules

    run = schedules.start(name, reason=reason, force=force)
    if as_json:
        print_json({"run": str(run.id), "name": run.name})
    else:
        print(f"run {run.name} is waiting for a process that serves {name}")


def _absolute(spec: str) -> str:
    """A source under a name that means the same wherever a run begins."""
    if spec == "builtin" or "://" in spec:
        return spec
    return str(Path(spec).expanduser().absolute())
