"""The command `namelang models`: what is in the store, what is served, how to change it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from model.artifact import RECORD, load_record
from model.card import card
from model.pointer import MODEL, Pointer, bentoml_home, model_directory, read_pointer
from pipeline.terminal import (
    cell,
    figures,
    print_contest,
    print_json,
    print_list,
    print_pairs,
    print_table,
)

models = typer.Typer(help="The model store: what is there, what is served.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of tables.")]


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
        print_json(rows)
        return
    columns = ("accuracy", "macro_f1", "log_loss", "ece")
    print_table(
        ["model", "status", "MB", *columns],
        [
            [
                row["model"],
                "promoted" if row["promoted"] else row["status"],
                f"{row['size'] / 1e6:.1f}",
                *(cell(row["metrics"].get(column, "")) for column in columns),
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
    tag, directory, sha256 = find(tag)
    record = load_record(directory, sha256=sha256)
    del record["vocabulary"]
    if as_json:
        print_json({"model": tag, **record})
        return
    data, metrics = record["data"], record["metrics"]
    print_pairs(
        tag,
        {
            "directory": directory,
            "languages": ", ".join(language["name"] for language in record["languages"]),
            "data": "; ".join(
                f"{origin['name']} {origin['version']} ({origin['licence']})"
                for origin in data.get("origins", [])
            ),
            **{f"{side} rows": rows for side, rows in data.get("rows", {}).items()},
            **figures(metrics.get("test", {})),
        },
    )
    if gate := metrics.get("gate"):
        print_list(f"gate: {'accepted' if gate['accepted'] else 'refused'}", gate["reasons"])
        print_contest(gate)


@models.command("card")
def show_card(
    tag: Annotated[str | None, typer.Argument(help="A tag; else the promoted model.")] = None,
) -> None:
    """The model card in Markdown: what it was trained on, how good it is, what it is not for."""
    tag, directory, sha256 = find(tag)
    print(card(load_record(directory, sha256=sha256), tag), end="")


@models.command()
def compare(
    challenger: Annotated[str, typer.Argument(help="A tag or an artifact directory.")],
    champion: Annotated[
        str | None, typer.Argument(help="What to compare it with; else the promoted model.")
    ] = None,
    *,
    data: Annotated[str, typer.Option(help="Labelled names: a CSV with header name,language.")],
    names: Annotated[int, typer.Option(min=0, max=50, help="Names whose answer changed.")] = 10,
    as_json: Json = False,
) -> None:
    """Two models on the same labelled names, less those that stand in either's evidence."""
    from pipeline.config import GateConfig
    from pipeline.contest import Contestant, compete
    from pipeline.gate import objections
    from pipeline.labelled import labelled_table

    mine, theirs = (Contestant.load(*find(model)) for model in (challenger, champion))
    contest = compete(mine, theirs, labelled_table(data))
    duel = contest.duel
    assert duel, "there are two"
    if duel.changes is None:
        raise ValueError(
            f"{data} holds no row to compare on: {duel.unknown} have a label that not both models "
            f"know, {duel.trained_on} have a name that a model was trained on"
        )
    examples = duel.changes.examples[:names]
    against = objections(duel, GateConfig())
    if as_json:
        changed = [asdict(name) | {"drop": name.drop} for name in examples]
        outcome = {"challenger": mine.called, "objections": against, **contest.to_dict()}
        print_json(outcome | {"names": changed})
    else:
        print(f"challenger {mine.called}")
        print_contest(contest.to_dict(), examples)
        print_list("what the gate would object to:", against or ["nothing"])


@models.command()
def promote(
    tag: Annotated[str, typer.Argument(help="A tag, a version, or the start of one.")],
    force: Annotated[bool, typer.Option(help="Also where the gate refused the model.")] = False,
    url: Annotated[
        str | None, typer.Option(help="A running service: roll back if it does not follow.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve this model from now on."""
    from pipeline import follow_up

    _print_promoted(follow_up.promote(tag, url=url, force=force), as_json)


@models.command()
def rollback(as_json: Json = False) -> None:
    """Serve the model that was promoted before the present one."""
    from pipeline import store

    _print_promoted(store.rollback(), as_json)


@models.command()
def shadow(
    tag: Annotated[str | None, typer.Argument(help="The challenger; --off for none.")] = None,
    off: Annotated[bool, typer.Option("--off", help="No challenger any more.")] = False,
    as_json: Json = False,
) -> None:
    """Have a challenger read along; only how often its answers differ is counted."""
    from pipeline import store

    if (tag is None) != off:
        raise ValueError("expected the tag of a challenger, or --off")
    pointer = store.shadow(tag)
    if as_json:
        print_json(asdict(pointer))
    else:
        print(f"{pointer.shadow.tag if pointer.shadow else 'no model'} reads along")


@models.command()
def prune(
    keep: Annotated[int, typer.Option(help="How many of the newest versions stay.", min=0)],
    as_json: Json = False,
) -> None:
    """Delete old versions; never the promoted one, the one before it, or the shadow."""
    from pipeline import store

    deleted = store.prune(keep)
    if as_json:
        print_json(deleted)
    else:
        print("\n".join(f"{tag} is deleted" for tag in deleted) or "nothing to delete")


def find(model: str | None) -> tuple[str, Path, str | None]:
    """What to call a model, its directory and, of the promoted one (None), its digest."""
    if model is None:
        # The store would load BentoML, which takes a second: the pointer and the lay-out suffice.
        pointer = read_pointer(bentoml_home())
        if pointer is None:
            raise ValueError(
                f"no model is promoted in {bentoml_home()}; `namelang train` makes one"
            )
        return pointer.tag, model_directory(bentoml_home(), pointer.tag), pointer.sha256
    if Path(model, RECORD).exists():
        return model, Path(model), None
    from pipeline import store

    directory = store.path(model)
    return f"{MODEL}:{directory.name}", directory, None


def _print_promoted(pointer: Pointer, as_json: bool) -> None:
    if as_json:
        print_json(asdict(pointer))
    else:
        print(f"{pointer.tag} is promoted: running services follow within a second")
