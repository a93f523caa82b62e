"""The same job by other means: read a column, answer, write a language and a probability."""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from bench.neural_peers import Network, Recurrent
from bench.peers import LogisticNgrams
from model.classifier import Classifier
from model.text import normalise_all
from model.vocabulary import Vocabulary
from pipeline.batches import examples, rows
from pipeline.table import NameTable

TOGETHER = 1000
"""Rows of a batch."""
LEARNED = 5000
"""Names that the regression learns from; with more it has more n-grams, and is slower."""

Floats = NDArray[np.float32]
Answer = Callable[[Sequence[str]], tuple[Sequence[str], Sequence[float]]]
"""From names to codes and probabilities."""


def jobs(
    classifier: Classifier, table: NameTable, source: Path, most: int
) -> dict[str, tuple[Callable[[], None], int]]:
    """Each job and of how many rows it is, `most` at most."""
    answers: dict[str, tuple[Answer, int]] = {
        "classify_batch in a loop": (partial(classified, classifier), 100_000),
        "n-gram logistic regression": (regression(table), 50_000),
        "nn.RNN in a loop": (looped(table), 5_000),
    }
    sizes = {who: min(size, most) for who, (_, size) in answers.items()}
    return {who: (partial(job, source, n, answers[who][0]), n) for who, n in sizes.items()}


def job(source: Path, size: int, answer: Answer) -> None:
    """Read, answer and write so many rows."""
    for table in _batches(source, size):
        codes, probabilities = answer(table["surname"].to_pylist())
        table = table.append_column("language", pa.array(codes))
        table = table.append_column("probability", pa.array(probabilities, pa.float32()))
        pq.write_table(table, io.BytesIO())


def classified(
    classifier: Classifier, names: Sequence[str]
) -> tuple[Sequence[str], Sequence[float]]:
    """Ours, in batches, as the service answers them."""
    best = [answer["languages"][0] for answer in classifier.classify(names, top_k=3)]
    return [one["code"] for one in best], [one["probability"] for one in best]


def regression(table: NameTable) -> Answer:
    """Tf-idf of n-grams 1 to 5 and a logistic regression."""
    some = table.take(np.random.default_rng(0).permutation(len(table))[:LEARNED])
    codes = sorted(set(some.language))
    predictor = LogisticNgrams().fit(examples(some, codes), rows(some, codes))
    return lambda names: _best(predictor.probabilities(normalise_all(names)), codes)


def looped(table: NameTable) -> Answer:
    """A recurrent network of torch's, of our size, name after name; its weights say nothing."""
    vocabulary = Vocabulary.fit(sorted(set(table.name)), order=1)
    codes = sorted(set(table.language))
    network = Network(len(vocabulary), len(codes), Recurrent("RNN")).eval()

    @torch.inference_mode()
    def answer(names: Sequence[str]) -> tuple[Sequence[str], Sequence[float]]:
        logits = [
            network(torch.from_numpy(vocabulary.encode([name]).ids)).numpy()[0]
            for name in normalise_all(names)
        ]
        return _best(softmax(np.stack(logits), axis=1), codes)

    return answer


def _batches(source: Path, size: int) -> Iterator[pa.Table]:
    for batch in pq.ParquetFile(source).iter_batches(TOGETHER):
        if size <= 0:
            return
        yield pa.table(batch)
        size -= len(batch)


def _best(probabilities: Floats, codes: Sequence[str]) -> tuple[Sequence[str], Sequence[float]]:
    best = probabilities.argmax(axis=1)
    return [codes[c] for c in best.tolist()], probabilities.max(axis=1).tolist()
