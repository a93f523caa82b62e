"""What the committee knows, and what its pupil keeps of it: `python -m bench.distillation`.

On validation rows of fold 0 of `bench.accuracy`, which no table of peers reports; the temperatures
are fitted on the names of the same rows.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from scipy.special import softmax

from bench.accuracy import FIGURES, part
from bench.names import load
from bench.peers import Floats, Score
from bench.report import Row, Table
from model.artifact import Language
from pipeline.batches import examples, rows
from pipeline.committee import convene
from pipeline.distil import as_classifier, teach, teachers
from pipeline.evaluate import evaluate
from pipeline.recipe import Recipe
from pipeline.table import NameTable
from pipeline.train import train


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.distillation")
    parser.add_argument("--data", default="builtin", metavar="FILE", help="names to measure on")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        print(compare(load(arguments.data), Recipe()).text())
    except (ValueError, OSError) as error:  # all our errors for the user are ValueErrors
        sys.exit(f"bench: {error}")


def compare(table: NameTable, recipe: Recipe) -> Table:
    """A row for each way to answer."""
    sides = part(table, 5, 0)
    rows = sides.validation
    codes = sorted(set(sides.training.language))
    languages = [Language(code, code) for code in codes]
    figures: list[Row] = []
    for who, predict in models(sides.training, rows, codes, recipe):
        quality = evaluate(rows.name, rows.language, predict(rows.name), languages)
        cells = {heading: getattr(quality, field) for field, heading in FIGURES.items()}
        figures.append({"who": who, **cells})
    return Table(
        f"{len(rows)} validation rows",
        {"who": ""} | dict.fromkeys(FIGURES.values(), ".3f"),
        figures,
    )


def models(
    training: NameTable, validation: NameTable, codes: list[str], recipe: Recipe
) -> Iterator[tuple[str, Score]]:
    """The members, the committee, the pupil; each gives probabilities (N, C) of names (N)."""
    known, held_out = examples(training, codes), rows(validation, codes)
    words = recipe.vocabulary_of(known.names)
    teaching = recipe.teaching_of(len(known.names))
    learn = partial(train, device="cpu")
    taught_by = teachers(teaching, known, held_out, words, recipe, learn)
    committee = convene(taught_by, known, held_out)

    def spelling(names: Sequence[str]) -> Floats:
        logits = committee.spelling.logits(names)
        return np.asarray(softmax(logits / committee.spelling_temperature, axis=1))

    yield "one teacher", taught_by[0].probabilities
    yield "the teachers", lambda names: np.mean([n.probabilities(names) for n in taught_by], axis=0)
    yield "the spelling models", spelling
    yield "the committee", committee.believe
    pupil = teach(committee, known, held_out, words, recipe, learn)
    yield "the pupil", as_classifier(pupil).probabilities


if __name__ == "__main__":
    main()
