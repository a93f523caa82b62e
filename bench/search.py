"""The peers' settings, chosen on validation rows: `python -m bench.accuracy --search`.

One setting after the other, each time from the best so far, by validation log-loss (macro-F1 for
the regression with balanced classes, which is there for that). On fold 0 of the article's names,
8,695 training and 954 validation rows, that gave the figures below. The learning rate of nn.RNN
was tried with dropout 0.5, the regressions' analyzer and C with sublinear tf.

| | nn.RNN | GRU | LSTM | GRU, 2 layers, bidirectional |
|---|---|---|---|---|
| as chosen (`bench.accuracy.PEERS`) | 0.680 | 0.658 | 0.650 | 0.663 |
| learning rate 0.001 | 0.788 | 0.723 | 0.734 | |
| dropout 0.2 (nn.RNN: 0.5) | 0.746 | 0.690 | 0.688 | |
| H = 128 (bidirectional: chosen) | 0.718 | 0.688 | 0.701 | |
| 30 epochs | 0.726 | 0.670 | 0.675 | |

| naive Bayes | | logistic regression | | with balanced classes | |
|---|---|---|---|---|---|
| as chosen | 0.716 | as chosen | 0.670 | as chosen | 0.504 |
| char | 0.871 | C = 10, char | 0.794 | C = 10, char | 0.407 |
| char_wb | 0.718 | C = 10, marked | 0.686 | C = 10, marked | 0.482 |
| alpha 0.01 | 0.760 | C = 10, char_wb | 0.685 | C = 10, char_wb | 0.486 |
| alpha 0.03 | 0.742 | C = 3 | 0.725 | C = 3 | 0.478 |
| alpha 0.3 | 0.769 | C = 30 | 0.678 | C = 30 | 0.488 |
| min_df 2 | 0.753 | C = 100 | 0.679 | C = 100 | 0.500 |
| min_df 3 | 0.784 | C = 30, linear tf | 0.675 | C = 300 | 0.495 |
| no prior | 0.732 | … and min_df 2 | 0.670 | linear tf, min_df 2 | 0.486 |
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bench.peers import Peer, Sides, measure

NETWORK: dict[str, Sequence[Any]] = {
    "dropout": (0.2, 0.5),
    "learning_rate": (1e-3, 3e-3),
    "hidden": (128, 256),
    "epochs": (15, 30),
}
LOGISTIC: dict[str, Sequence[Any]] = {
    "analyzer": ("char", "marked", "char_wb"),
    "C": (1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
    "sublinear_tf": (False, True),
    "min_df": (1, 2, 3),
}
GRIDS: dict[str, dict[str, Sequence[Any]]] = {
    "rnn": NETWORK,
    "gru": NETWORK,
    "lstm": NETWORK,
    "bigru": NETWORK,
    "naive_bayes": {
        "analyzer": ("char", "marked", "char_wb"),
        "alpha": (0.01, 0.03, 0.1, 0.3, 1.0),
        "min_df": (1, 2, 3),
        "fit_prior": (True, False),
    },
    "lr_tfidf": LOGISTIC,
    "lr_balanced": LOGISTIC,
}


def search(peers: Mapping[str, Peer], sides: Sides) -> None:
    """Print every setting tried with its figures on the validation rows, and the best ones."""
    judged = sides._replace(test=sides.validation)
    for name, grid in GRIDS.items():
        if name in peers:
            print(f"{name}: {climb(peers[name], grid, judged, by_f1=name == 'lr_balanced')}\n")


def climb(peer: Peer, grid: Mapping[str, Sequence[Any]], sides: Sides, *, by_f1: bool) -> Peer:
    """The best peer found by changing one setting after the other."""
    best = try_out(peer, sides, by_f1)
    for setting, values in grid.items():
        start = getattr(peer, setting)
        for value in values:
            if value == start:
                continue
            changed = dataclasses.replace(peer, **{setting: value})
            score = try_out(changed, sides, by_f1, f"{setting} {value}")
            if score > best:
                best, peer = score, changed
    return peer


def try_out(peer: Peer, sides: Sides, by_f1: bool, change: str = "as it is") -> float:
    """A score, the higher the better, after printing what was measured."""
    quality, _, seconds = measure(peer, sides)
    print(
        f"{change:22} log-loss {quality.log_loss:.3f}  accuracy {quality.accuracy:.3f}"
        f"  macro-F1 {quality.macro_f1:.3f}  {seconds:.0f} s",
        flush=True,
    )
    return quality.macro_f1 if by_f1 else -quality.log_loss
