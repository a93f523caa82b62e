"""The command `namelang score`: a file or folder of names, with the answers beside each row."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from model.limits import COVERAGE
from pipeline.cli_models import Json
from pipeline.process import settle_arrow
from pipeline.terminal import print_json, print_pairs

if TYPE_CHECKING:  # pyarrow takes a while to load
    from pipeline.bulk.readers import Model
    from pipeline.bulk.score import OnPart, ScoreConfig
    from pipeline.bulk.tally import Tally

INTERRUPTED = 130  # as shells have it: 128 + SIGINT


def score(
    source: Annotated[str, typer.Argument(metavar="IN", help='File, folder, or "-".')],
    out: Annotated[str, typer.Argument(metavar="OUT", help='File, folder ending in "/", or "-".')],
    column: Annotated[str, typer.Option(help="Title of the column that holds the names.")],
    top_k: Annotated[int, typer.Option(min=1, help="So many languages beside each row.")] = 3,
    coverage: Annotated[
        float, typer.Option(help="How often the set of languages is to hold the true one.")
    ] = COVERAGE,
    prefix: Annotated[str, typer.Option(help="Before the title of each new column.")] = "",
    format: Annotated[
        str | None, typer.Option("--from", help="csv, tsv, jsonl or parquet; else by the name.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="The same of OUT; else by its name, or as IN.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of text that comes in.")] = "utf-8",
    device: Annotated[
        str, typer.Option(help="cpu, for millions of names cpu-compiled or cpu-bfloat16, or cuda.")
    ] = "cpu",
    processes: Annotated[
        int | None, typer.Option(min=1, help="That read; else one a core.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Of a part; else by their size.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on with what a stopped run has done.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace OUT, once all is done.")] = False,
    engine: Annotated[str, typer.Option(help="local, or ray for a cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="ray: of the cluster.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A tag of the store or an artifact directory; else the promoted."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a column of names: languages, verdict, set and model beside each row, all rows kept.

    OUT appears when all is done. Until then OUT.parts holds what is done, and --resume goes on.
    """
    if engine == "local":
        settle_arrow()
    from pipeline.bulk.columns import ScoreOptions
    from pipeline.bulk.parts import Format
    from pipeline.bulk.readers import Model
    from pipeline.bulk.score import ScoreConfig
    from pipeline.bulk.score import score as score_here

    scored = Model.found(model)
    options = ScoreOptions(column=column, top_k=top_k, coverage=coverage, prefix=prefix)
    config = ScoreConfig(
        source=source,
        out=out,
        options=options,
        format=format and Format.named(format),
        to=to and Format.named(to),
        encoding=encoding,
        device=device,
        processes=processes,
        rows=rows,
        resume=resume,
        overwrite=overwrite,
    )
    if engine == "ray":
        tally = _score_on_ray(config, scored, address)
    elif engine != "local" or address:
        raise ValueError(f"engine is {engine!r}; expected local, or ray with or without --address")
    else:
        try:
            with _progress() as on_part:
                tally = score_here(config, scored, on_part)
        except KeyboardInterrupt:
            print("namelang: stopped; --resume goes on", file=sys.stderr)
            sys.exit(INTERRUPTED)
    if out == "-":
        return
    if as_json:
        print_json({"model": scored.tag, **tally.to_dict()})
        return
    found = [f"{n:,} {what}" for what, n in {**tally.counts["verdict"], **tally.faults}.items()]
    print_pairs(out, {"model": scored.tag, "rows": f"{tally.rows:,}", "of these": ", ".join(found)})


def _score_on_ray(config: "ScoreConfig", model: "Model", address: str | None) -> "Tally":
    from pipeline.bulk.cluster import score_on_ray

    asked = {
        "--from": config.format,
        "--to": config.to,
        "--rows": config.rows,
        "--resume": config.resume,
        "--overwrite": config.overwrite,
        "--device": config.device != "cpu",
    }
    if given := [option for option, value in asked.items() if value]:
        raise ValueError(
            f"the engine ray has no {', '.join(given)}: it reads and writes Parquet, "
            "and goes on by itself when a node dies"
        )
    return score_on_ray(
        config.source,
        config.out,
        model,
        config.options,
        address=address,
        actors=config.processes,
    )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Rows so far, and how many come in a second."""
        return Text(f"{task.completed:,.0f} rows, {task.speed or 0:,.0f} a second")


@contextmanager
def _progress() -> "Iterator[OnPart]":
    """A bar with rate and time left, on standard error and only where a person sees it."""
    console = Console(stderr=True)
    columns = (BarColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", start=False, total=None)

        def show(tally: "Tally", expected: int | None) -> None:
            if bar.tasks[0].started:
                bar.update(task, completed=tally.rows)
            else:  # what a stopped run has done says nothing of this run's rate
                bar.reset(task, completed=tally.rows, total=expected)

        yield show
