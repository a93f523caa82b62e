"""Names from other hands than the training names': `python -m bench.outside [--article FILE]`.

Trained on Faker's lists and tested on those of mimesis' names that Faker doesn't know, and the
reverse; with `--article`, trained on all embedded names and tested on that file's. Only languages
that both sides have count. A test name that is a variant of a training name is left out; of the
article's those that are training names are asked about too, in a table of their own.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from bench.accuracy import EMBEDDED, FIGURES
from bench.peers import Sides, measure
from bench.report import Table
from pipeline.clean import clean
from pipeline.sources import open_sources
from pipeline.split import split
from pipeline.table import Record
from pipeline.workspace import workspace

PEERS = ("naive_bayes", "lr_tfidf", "lr_balanced", "ours")
VALIDATION = 0.1
FEWEST = 20  # names of a language to learn from


def main() -> None:
    """Print a table for each pair of sources."""
    parser = argparse.ArgumentParser(prog="python -m bench.outside")
    parser.add_argument("--article", metavar="FILE", help="the article's names")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        for title, sides in pairs(arguments.article):
            print(f"\n{compare(title, sides).text()}", flush=True)
    except (ValueError, OSError) as error:  # all our errors for the user are ValueErrors
        sys.exit(f"bench: {error}")


def pairs(article: str | None) -> Iterator[tuple[str, Sides]]:
    """What to learn from and what to be judged on."""
    embedded = read("builtin")
    faker, mimesis = (
        [record for record in embedded if package in record.source.casefold()]
        for package in ("faker", "mimesis")
    )
    yield "Trained on Faker's names, tested on mimesis'", part(faker, mimesis)
    yield "Trained on mimesis' names, tested on Faker's", part(mimesis, faker)
    if article:
        judged = read(article)
        yield "Trained on the embedded names, tested on the article's", part(embedded, judged)
        yield (
            "Trained on the embedded names, tested on those of them that the article has",
            part(embedded, judged, known=True),
        )


def read(spec: str) -> list[Record]:
    """The records of a source."""
    (source,) = open_sources([spec], cache=workspace() / "downloads")
    return list(source.records())


def part(learned: Sequence[Record], judged: Sequence[Record], *, known: bool = False) -> Sides:
    """Sides of which the third has no name of the others', nor a variant of one.

    Or, if it is to be `known`, training names alone, with the labels that they have there.
    """
    lists, _ = clean(learned, min_names=FEWEST)
    asked, _ = clean(judged, min_names=1)
    sides = split(lists, validation=VALIDATION, test=0.0)
    training, validation = lists.take(sides.train), lists.take(sides.validation)
    if known:
        wanted = set(training.name)
    else:
        together, _ = clean([*learned, *judged], min_names=1)
        group = dict(zip(together.name, together.group.tolist(), strict=True))
        taken = {group[name] for name in lists.name}
        wanted = {name for name in asked.name if group[name] not in taken}
    languages = set(lists.language)
    test = [
        name in wanted and language in languages
        for name, language in zip(asked.name, asked.language, strict=True)
    ]
    return Sides(training, validation, asked.take(np.flatnonzero(test)))


def compare(title: str, sides: Sides) -> Table:
    """A row a peer, as the embedded names' settings have it."""
    rows = []
    for name in PEERS:
        quality = measure(EMBEDDED[name], sides).evaluation
        figures = {heading: getattr(quality, field) for field, heading in FIGURES.items()}
        rows.append({"peer": name, **figures})
    return Table(
        f"{title}: {len(sides.training)} training rows, {len(sides.test)} test rows "
        f"of {len(set(sides.test.language))} languages",
        {"peer": ""} | dict.fromkeys(FIGURES.values(), ".3f"),
        rows,
    )


if __name__ == "__main__":
    main()
