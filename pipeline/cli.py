"""The command `namelang`: train, evaluate, classify, models.

Tables for people, `--json` for machines. Exit codes: 0 done; 1 what was given cannot be used, and
the message says why; 2 wrong usage; 3 the gate refused the model.

What a command does not need it does not import: `classify` starts without torch and Prefect.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from model.artifact import RECORD, load_record
from model.classifier import Answer, Classifier, check_name
from model.pointer import MODEL, Pointer, bentoml_home, read_pointer

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
    # Threads that wait must sleep. By default they spin, and where another program wants the same
    # core, training was measured 40 times slower. Read when torch is loaded, which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
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
    encoding: Annotated[str | None, typer.Option(help="Of text files, like utf-8.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many passes.")] = None,
    hidden: Annotated[int | None, typer.Option(help="H, the size of a name's embedding.")] = None,
    ngrams: Annotated[
        int | None, typer.Option(help="The longest n-gram that a step reads.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of initialisation and shuffling.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    as_json: Json = False,
) -> None:
    """Read names, train W, U and V, judge the model, store it, promote it if it may be served."""
    from pipeline.config import Config
    from pipeline.flows import quiet_prefect, training

    reading = {
        "name_column": name_column,
        "language_column": language_column,
        "weight_column": weight_column,
        "encoding": encoding,
    }
    recipe = {"epochs": epochs, "hidden": hidden, "ngrams": ngrams, "seed": seed}
    overrides: dict[str, Any] = {
        "ingest": _given(reading) | {"sources": source},
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
                **_figures(outcome.metrics),
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
    _print_pairs(file, _figures(quality.to_dict()))
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

    rows = [
        {
            "model": model.tag,
            "created": model.created.isoformat(timespec="seconds"),
            "status": model.status,
            "promoted": model.promoted,
            "size": model.size,
            "metrics": model.metadata.get("test", {}),
            "reason": model.metadata.get("reason", ""),
        }
        for model in store.models()
    ]
    if as_json:
        _print_json(rows)
        return
    figures = ("accuracy", "macro_f1", "log_loss", "ece")
    _print_table(
        ["model", "status", "MB", *figures],
        [
            [
                row["model"],
                "promoted" if row["promoted"] else row["status"],
                f"{row['size'] / 1e6:.1f}",
                *(_cell(row["metrics"].get(figure, "")) for figure in figures),
            ]
            for row in rows
        ],
    )


@models.command()
def show(
    tag: Annotated[str | None, typer.Argument(help="A tag; else the promoted model.")] = None,
    as_json: Json = False,
) -> None:
    """A model's record: data, licences, training, metrics. Exit code 1 where there is none."""
    tag, directory, sha256 = _find(tag)
    record = load_record(directory, sha256=sha256)
    del record["vocabulary"]
    if as_json:
        _print_json({"model": tag, **record})
        return
    data, metrics = record["data"], record["metrics"]
    _print_pairs(
        tag,
        {
            "directory": directory,
            "languages": ", ".join(language["name"] for language in record["languages"]),
            "data": "; ".join(
                f"{origin['name']} {origin['version']} ({origin['licence']})"
                for origin in data.get("origins", [])
            ),
            **{f"{side} rows": rows for side, rows in data.get("rows", {}).items()},
            **_figures(metrics.get("test", {})),
            "gate": "; ".join(metrics.get("gate", {}).get("reasons", [])),
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

    _print_promoted(store.promote(tag, force=force), as_json)


@models.command()
def rollback(as_json: Json = False) -> None:
    """Serve the model that was promoted before the present one."""
    from pipeline import store

    _print_promoted(store.rollback(), as_json)


def _find(model: str | None) -> tuple[str, Path, str | None]:
    """What to call a model, its directory and, of the promoted one (None), its digest."""
    if model is None:
        # The store would load BentoML, which takes a second: the pointer and the lay-out suffice.
        pointer = read_pointer(bentoml_home())
        if pointer is None:
            raise ValueError(
                f"no model is promoted in {bentoml_home()}; `namelang train` makes one"
            )
        directory = bentoml_home() / "models" / pointer.tag.replace(":", "/")
        return pointer.tag, directory, pointer.sha256
    if Path(model, RECORD).exists():
        return model, Path(model), None
    from pipeline import store

    directory = store.path(model)
    return f"{MODEL}:{directory.name}", directory, None


def _classifier(model: str | None) -> tuple[str, Classifier]:
    tag, directory, sha256 = _find(model)
    return tag, Classifier.load(directory, sha256=sha256)


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _print_promoted(pointer: Pointer, as_json: bool) -> None:
    if as_json:
        _print_json(asdict(pointer))
    else:
        print(f"{pointer.tag} is served from the next start on")


def _print_answer(answer: Answer) -> None:
    """One name with a bar for each language."""
    print(answer["name"])
    for language in answer["languages"]:
        share = language["probability"]
        print(f"  {language['language']:<16}{share:7.1%}  {'█' * round(share * 40)}")


def _figures(quality: dict[str, Any]) -> dict[str, Any]:
    """The single figures of an evaluation, without its tables."""
    return {key: value for key, value in quality.items() if isinstance(value, int | float)}


def _print_pairs(title: str, pairs: Mapping[str, object]) -> None:
    print(title)
    table = Table(show_header=False, box=None)
    for key, value in pairs.items():
        table.add_row(key, _cell(value))
    _console().print(table)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _console() -> Console:
    """A console that wraps long lines on a terminal, and never in a file or a pipe."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=200)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given on the command line."""
    return {key: value for key, value in options.items() if value is not None}


if __name__ == "__main__":
    main()
