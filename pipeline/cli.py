"""The command `namelang`: train, evaluate, classify, models.

Tables for people, `--json` for machines. Exit codes: 0 done; 1 what was given cannot be used, and
the message says why; 2 wrong usage; 3 the gate refused the model.

What a command does not need it does not import: `classify` starts without torch and Prefect.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from model.artifact import RECORD, ArtifactError, load_record
from model.classifier import Answer, Classifier, check_name
from model.pointer import PointerError

app = typer.Typer(
    name="namelang",
    help="Which language does a family name come from?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models = typer.Typer(help="The model store: what is there, what is served.", no_args_is_help=True)
app.add_typer(models, name="models")

Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of tables.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="A tag of the store or an artifact directory; else the promoted."),
]

REFUSED = 3


def main() -> None:
    """Run the command line; a user's mistake ends in one line on standard error and exit code 1."""
    try:
        app()
    except (ValueError, OSError) as error:  # all our errors for the user are ValueErrors
        print(f"namelang: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def train(
    source: Annotated[
        list[str], typer.Option(help="builtin, a file, folder, zip or URL; may be repeated.")
    ] = ["builtin"],  # noqa: B006
    config: Annotated[
        Path | None, typer.Option(help="A TOML file with [ingest], [split], [training], [gate].")
    ] = None,
    name_column: Annotated[str | None, typer.Option(help="Title or number of the column.")] = None,
    language_column: Annotated[str | None, typer.Option(help="Title or number.")] = None,
    weight_column: Annotated[str | None, typer.Option(help="Title or number.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many passes.")] = None,
    hidden: Annotated[int | None, typer.Option(help="H, the size of a name's embedding.")] = None,
    ngrams: Annotated[int | None, typer.Option(help="The longest n-gram that a step reads.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of initialisation and shuffling.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    as_json: Json = False,
) -> None:
    """Read names, train W, U and V, judge the model, store it, and promote it if it may be served."""
    from pipeline.config import Config
    from pipeline.flows import quiet_prefect, training

    columns = {
        "name_column": name_column,
        "language_column": language_column,
        "weight_column": weight_column,
    }
    recipe = {"epochs": epochs, "hidden": hidden, "ngrams": ngrams, "seed": seed}
    overrides: dict[str, Any] = {
        "ingest": _given(columns) | {"sources": source},
        "training": _given(recipe),
        **_given({"device": device}),
    }
    with quiet_prefect():
        outcome = training(Config.read(config, overrides))
    if as_json:
        _print_json(outcome.to_dict())
    else:
        _print_pairs(
            "promoted" if outcome.promoted else "refused",
            {
                "model": outcome.model,
                "reason": outcome.reason,
                **{k: v for k, v in outcome.metrics.items() if isinstance(v, int | float)},
            },
        )
    if not outcome.promoted:
        sys.exit(REFUSED)


@app.command()
def evaluate(
    file: Annotated[str, typer.Argument(help="Labelled names: a CSV with header name,language.")],
    model: ModelOption = None,
    as_json: Json = False,
) -> None:
    """Judge a model on labelled names; labels are names or codes of languages."""
    from pipeline.evaluate import evaluate as judge
    from pipeline.labelled import read_labelled

    _, classifier = _classifier(model)
    names, labels = read_labelled(file)
    quality = judge(names, labels, classifier.probabilities(names), classifier.languages)
    if as_json:
        _print_json(quality.to_dict())
        return
    figures = {k: v for k, v in quality.to_dict().items() if isinstance(v, int | float)}
    _print_pairs(file, figures)
    _print_table(
        ["language", "code", "rows", "precision", "recall", "F1"],
        [
            [q.name, code, str(q.n), f"{q.precision:.2f}", f"{q.recall:.2f}", f"{q.f1:.2f}"]
            for code, q in quality.per_language.items()
        ],
    )
    for label, rows in quality.unknown_labels.items():
        print(f"left out: {rows} rows labelled {label!r}, which the model does not know")


@app.command()
def classify(
    names: Annotated[list[str], typer.Argument(help="Family names.")],
    top_k: Annotated[int | None, typer.Option(min=1, help="Only so many languages.")] = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> None:
    """Print the languages of names, the most probable first."""
    for position, name in enumerate(names, start=1):
        try:
            check_name(name)
        except ValueError as error:
            raise ValueError(f"name {position}: {error}") from error
    tag, classifier = _classifier(model)
    if as_json:
        for answer in classifier.classify(names, top_k):
            print(json.dumps({"model": tag, **answer}, ensure_ascii=False))
        return
    for answer in classifier.classify(names, top_k or 3):
        _print_answer(answer)


@models.command("list")
def list_models(as_json: Json = False) -> None:
    """Every model in the store, the newest last."""
    from pipeline import store

    rows = [store.describe(model) for model in store.models()]
    if as_json:
        _print_json(rows)
        return
    columns = ["tag", "created", "status", "promoted", "accuracy", "macro_f1", "log_loss"]
    _print_table(columns, [[_cell(row.get(column)) for column in columns] for row in rows])


@models.command()
def show(
    tag: Annotated[str | None, typer.Argument(help="A tag; else the promoted model.")] = None,
    as_json: Json = False,
) -> None:
    """A model's record: data, licences, training, metrics. Exit code 1 where there is none."""
    tag, directory = _locate(tag)
    record = load_record(directory)
    del record["vocabulary"]
    if as_json:
        _print_json({"model": tag, **record})
        return
    data, test = record["data"], record["metrics"].get("test", {})
    _print_pairs(
        tag,
        {
            "directory": str(directory),
            "languages": ", ".join(language["name"] for language in record["languages"]),
            **{f"rows, {side}": rows for side, rows in data.get("rows", {}).items()},
            "data": "; ".join(f"{o['name']} {o['version']} ({o['licence']})" for o in data.get("origins", [])),
            **{k: v for k, v in test.items() if isinstance(v, int | float)},
            "gate": "; ".join(record["metrics"].get("gate", {}).get("reasons", [])),
        },
    )


@models.command()
def promote(
    tag: Annotated[str, typer.Argument(help="A tag, a version, or the start of one.")],
    force: Annotated[bool, typer.Option(help="Also where the gate refused the model.")] = False,
    as_json: Json = False,
) -> None:
    """Serve this model from now on."""
    from pipeline import store

    _print_pointer(store.promote(tag, force=force), as_json)


@models.command()
def rollback(as_json: Json = False) -> None:
    """Serve the model that was promoted before the present one."""
    from pipeline import store

    _print_pointer(store.rollback(), as_json)
