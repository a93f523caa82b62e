"""Quality beside the peers, cross-validated: `OMP_WAIT_POLICY=passive python -m bench.accuracy`.

Folds are parted by group. Within a fold the test rows are the fold, the validation rows (early
stopping, temperature) a tenth of the rest, again by group, and the training rows what is left.
Each result is written as soon as it is there, and a later run with the same file goes on from it;
it knows changed data and settings, not changed code.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from bench.names import load
from bench.neural_peers import Article, Recurrent
from bench.peers import LogisticNgrams, LookUp, NaiveBayes, Ours, Peer, Prior, Sides, measure
from bench.report import Row, Table, machine
from bench.search import search
from pipeline.evaluate import Evaluation, mean_gap, together
from pipeline.split import folds, split
from pipeline.table import NameTable

VALIDATION = 0.1

PEERS: dict[str, Peer] = {
    "majority": Prior(),
    "lookup": LookUp(),
    "article": Article(),
    "rnn": Recurrent("RNN", dropout=0.2),
    "gru": Recurrent("GRU"),
    "lstm": Recurrent("LSTM"),
    "bigru": Recurrent("GRU", layers=2, bidirectional=True, hidden=128),
    "naive_bayes": NaiveBayes(),
    "lr_tfidf": LogisticNgrams(min_df=3),
    "lr_balanced": LogisticNgrams(class_weight="balanced", C=100.0),
    "ours": Ours(),
}
"""By the names that `--peers` takes; their settings were chosen in `bench.search` on the article's
names, which is where they are used for any data but the embedded."""

EMBEDDED: dict[str, Peer] = PEERS | {
    "gru": Recurrent("GRU", dropout=0.3),
    "lstm": Recurrent("LSTM", dropout=0.3),
    "bigru": Recurrent("GRU", layers=2, bidirectional=True, hidden=128, dropout=0.3),
    "naive_bayes": NaiveBayes(alpha=0.03),
    "lr_tfidf": LogisticNgrams(min_df=3, C=10.0),
    "lr_balanced": LogisticNgrams(class_weight="balanced", C=30.0, min_df=2),
}
"""The peers as chosen on the embedded names, which are four times as many."""

FIGURES = {
    "accuracy": "accuracy",
    "any_valid_accuracy": "any valid",
    "macro_f1": "macro-F1",
    "log_loss": "log-loss",
    "ece": "ECE",
    "top3_accuracy": "top 3",
}
"""Fields of an evaluation and their headings."""

TOGETHER = "ECE of all"
"""The calibration error of the folds' rows together: of few rows chance alone makes a large one."""

Result = dict[str, Any]
"""One peer on one fold, as JSON values."""


def main() -> None:
    """Measure the peers fold by fold, and print the table after each fold."""
    arguments = parse(sys.argv[1:])
    settings = EMBEDDED if arguments.data == "builtin" else PEERS
    peers = {name: settings[name] for name in arguments.peers}
    torch.set_num_threads(arguments.threads)
    try:
        table = load(arguments.data)
        if arguments.search:
            search(peers, part(table, arguments.folds, 0))
            return
        for fold in range(arguments.only_folds or arguments.folds):
            run(table, arguments.folds, fold, peers, arguments.json)
            for shown in (summary, by_language):
                print(shown(table, arguments.folds, settings, arguments.json).text(), flush=True)
    except (ValueError, OSError) as error:  # all our errors for the user are ValueErrors
        sys.exit(f"bench: {error}")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy")
    parser.add_argument("--data", default="builtin", metavar="FILE", help="names to measure on")
    parser.add_argument("--folds", type=int, default=5, metavar="K")
    parser.add_argument("--only-folds", type=int, metavar="N", help="the first N of them")
    parser.add_argument("--peers", type=chosen, default=list(PEERS), help=",".join(PEERS))
    parser.add_argument("--json", type=Path, default=Path("accuracy.json"), metavar="FILE")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--search", action="store_true", help="search the peers' settings instead")
    return parser.parse_args(words)


def chosen(words: str) -> list[str]:
    """The peers of a comma-separated list."""
    peers = words.split(",")
    if unknown := [peer for peer in peers if peer not in PEERS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no peer, expected {', '.join(PEERS)}")
    return peers


def part(table: NameTable, k: int, fold: int) -> Sides:
    """The sides of one of k folds."""
    test = folds(table, k)[fold]
    rest = table.take(np.setdiff1d(np.arange(len(table)), test))
    sides = split(rest, validation=VALIDATION, test=0.0)
    return Sides(rest.take(sides.train), rest.take(sides.validation), table.take(test))


def run(table: NameTable, k: int, fold: int, peers: Mapping[str, Peer], path: Path) -> None:
    """Fit and judge the peers whose results on this fold `path` lacks, and add them to it."""
    sides, results = part(table, k, fold), read(path)
    for name, peer in peers.items():
        key = identity(table, k, name, peer) | {"fold": fold}
        if not any(key.items() <= result.items() for result in results):
            measured = measure(peer, sides)
            how = {"threads": torch.get_num_threads(), "machine": machine()}
            results.append(
                {**key, **how, **measured._asdict(), "evaluation": measured.evaluation.to_dict()}
            )
            write(path, results)
            print(f"fold {fold}: {name}, {measured.seconds:.0f} s", flush=True)


def summary(table: NameTable, k: int, peers: Mapping[str, Peer], path: Path) -> Table:
    """Mean and standard deviation over the folds that `path` has of this table, a row a peer."""
    results, rows = read(path), []
    for name, peer in peers.items():
        key = identity(table, k, name, peer)
        if mine := [result for result in results if key.items() <= result.items()]:
            rows.append({"peer": name, **cells(mine)})
    return Table(
        "Rows of test folds: mean ± standard deviation over folds",
        {"peer": "", "folds": "d"}
        | dict.fromkeys(FIGURES.values(), "")
        | {TOGETHER: ".3f", "parameters": ",.0f", "training s": ",.1f"},
        rows,
    )


def by_language(table: NameTable, k: int, peers: Mapping[str, Peer], path: Path) -> Table:
    """How many rows of each language a peer finds, over all folds that `path` has of it."""
    names = Counter(table.language)
    found: dict[str, dict[str, str | float]] = {
        code: {"language": code, "names": names[code]} for code in sorted(names)
    }
    results, columns = read(path), dict[str, str]()
    for name, peer in peers.items():
        key = identity(table, k, name, peer)
        if mine := [result for result in results if key.items() <= result.items()]:
            columns[name] = ".2f"
            judged = [Evaluation.from_dict(result["evaluation"]).per_language for result in mine]
            for code, row in found.items():
                of = [quality[code] for quality in judged if code in quality]
                hits = sum(quality.recall * quality.n for quality in of)
                row[name] = hits / max(sum(quality.n for quality in of), 1)
    return Table(
        "Recall by language, test rows of all folds together",
        {"language": "", "names": "d"} | columns,
        list(found.values()),
    )


def cells(results: Sequence[Result]) -> Row:
    """What the table says of one peer's results, a result a fold."""
    judged = [Evaluation.from_dict(result["evaluation"]) for result in results]
    figures: Row = {
        heading: spread([getattr(quality, field) for quality in judged])
        for field, heading in FIGURES.items()
    }
    return {
        "folds": len(results),
        **figures,
        TOGETHER: mean_gap(together([bin for quality in judged for bin in quality.reliability])),
        "parameters": mean(result["parameters"] for result in results),
        "training s": mean(result["seconds"] for result in results),
    }


def spread(values: Sequence[float]) -> str:
    """The mean and, of more than one value, the standard deviation.

    >>> spread([0.25, 0.75])
    '0.500 ± 0.354'
    """
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def identity(table: NameTable, k: int, name: str, peer: Peer) -> Result:
    """What must be equal for a result to count."""
    settings = dataclasses.asdict(peer)
    return {"data": digest(table), "folds": k, "peer": name, "settings": settings}


def digest(table: NameTable) -> str:
    """A hash of all that a result depends on in a table."""
    content = json.dumps([table.name, table.language, table.count.tolist(), table.group.tolist()])
    return hashlib.sha256(content.encode()).hexdigest()


def read(path: Path) -> list[Result]:
    """The results of earlier runs."""
    return list(json.loads(path.read_text("utf-8"))["results"]) if path.exists() else []


def write(path: Path, results: Sequence[Result]) -> None:
    """Replace the file in one step: it holds the results before or those after."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    partial.write_text(json.dumps({"results": results}, indent=1) + "\n", "utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main()
