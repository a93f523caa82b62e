"""The command `namelang`: train, evaluate, classify, models, key; schedule, retrain, drift, watch.

Tables for people, `--json` for machines. Exit codes: 0 done; 1 what was given cannot be used, and
the message says why; 2 wrong usage; 3 the gate refused the model; 4 what
the service is asked has drifted.

What a command does not need it does not import: `classify` starts without torch and Prefect.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from model.answer import Answer
from model.classifier import Classifier, check_name
from model.context import Context, training_prior
from model.limits import COVERAGE
from pipeline.cli_drift import drift, watch
from pipeline.cli_key import key
from pipeline.cli_models import Json, find, models
from pipeline.cli_schedule import retrain, schedule
from pipeline.cli_score import score
from pipeline.terminal import figures, print_answer, print_json, print_pairs, print_table

app = typer.Typer(
    name="namelang",
    help="Which language does a family name come from?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(models, name="models")
app.command()(score)
app.command()(key)
app.command()(drift)
app.command()(watch)
app.command()(schedule)
app.command()(retrain)

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
    encoding: Annotated[str | None, typer.Option(help="Of text files, like utf-8.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many passes.")] = None,
    hidden: Annotated[int | None, typer.Option(help="H, the size of a name's embedding.")] = None,
    ngrams: Annotated[
        int | None, typer.Option(help="The longest n-gram that a step reads.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of initialisation and shuffling.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    evidence: Annotated[
        bool | None, typer.Option(help="Whether the training names travel in the model.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read names, train W, U and V, judge the model, store it, promote it if it may be served.

    Started by torchrun, several processes or machines train together.
    """
    from pipeline.process import settle

    settle()
    from pipeline import ranks

    if ranks.launched().rank > 0:
        from pipeline.stages import follow

        follow()
        return
    from pipeline.config import Config
    from pipeline.quiet import quiet_prefect

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
        **_given({"device": device, "evidence": evidence}),
    }
    try:
        chosen = Config.read(config, overrides)
        with quiet_prefect(meanwhile=partial(_load_what_trains, chosen.ingest.sources)):
            from pipeline.flows import training

            outcome = training(chosen)
    finally:
        ranks.dismiss()
    if as_json:
        print_json(outcome.to_dict())
    else:
        print_pairs(
            "promoted" if outcome.promoted else "refused",
            {
                "model": outcome.model,
                "reason": outcome.reason,
                **figures(outcome.metrics),
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
        print_json(quality.to_dict())
        return
    print_pairs(file, figures(quality.to_dict()))
    print_table(
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
    explain: Annotated[bool, typer.Option(help="Also say what the answer rests on.")] = False,
    coverage: Annotated[
        float, typer.Option(help="How often the set of languages is to hold the true one.")
    ] = COVERAGE,
    only: Annotated[
        list[str] | None, typer.Option(help="A language or group that it can be; repeatable.")
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(help='What you expect, like "pl=3"; a language, a group, "*" or "each".'),
    ] = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> None:
    """Print the languages of names, the most probable first, and how far to rely on them."""
    for position, name in enumerate(names, start=1):
        try:
            check_name(name)
        except ValueError as error:
            raise ValueError(f"name {position}: {error}") from error
    tag, classifier = _classifier(model)
    context = _context(classifier, only, prior)
    shown = top_k if as_json else top_k or 3
    answers: Sequence[Answer] = (classifier.explain if explain else classifier.classify)(
        names, shown, coverage=coverage, context=context
    )
    for answer in answers:
        if as_json:
            print_json({"model": tag, **answer})
        else:
            print_answer(answer, classifier.languages)


def _classifier(model: str | None) -> tuple[str, Classifier]:
    tag, directory, sha256 = find(model)
    return tag, Classifier.load(directory, sha256=sha256)


def _context(
    classifier: Classifier, only: list[str] | None, prior: list[str] | None
) -> Context | None:
    """What the options `--only` and `--prior` say; None where neither is given."""
    if not only and not prior:
        return None
    weights = dict(_weight(entry) for entry in prior) if prior else None
    shares = training_prior(classifier.artifact)
    return Context.of(classifier.languages, shares, only=only or None, prior=weights)


def _weight(entry: str) -> tuple[str, float]:
    """A `--prior`, "pl=3", as the language or group and its weight."""
    name, _, weight = entry.rpartition("=")
    try:
        return name, float(weight)
    except ValueError:
        raise ValueError(f"prior {entry!r}; expected a name, = and a number, like pl=3") from None


def _load_what_trains(sources: Sequence[str]) -> None:
    """Load ahead of a training what takes seconds to load."""
    from pipeline import flows, romanize  # noqa: F401

    if "builtin" in sources:
        romanize.prepare()


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given on the command line."""
    return {key: value for key, value in options.items() if value is not None}


if __name__ == "__main__":
    main()
