"""The table of peers, on invented names of three languages that their endings give away."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.accuracy import FIGURES, PEERS, by_language, part, run, summary
from bench.neural_peers import Recurrent
from bench.peers import LogisticNgrams, LookUp, NaiveBayes, Ours, Peer, Prior
from bench.report import Row
from pipeline.batches import Examples, examples
from pipeline.recipe import Recipe
from pipeline.table import NameTable

ENDINGS = {"el": ("poulos", "idis"), "pl": ("ski", "czyk"), "ru": ("ov", "enko")}
CODES = sorted(ENDINGS)
SMALL = {
    name: replace(peer, hidden=16, batch=16, epochs=6) if isinstance(peer, Recurrent) else peer
    for name, peer in PEERS.items()
} | {"ours": Ours(Recipe(hidden=32, batch=16, epochs=6, teachers=2))}


def invent(names: int) -> NameTable:
    """So many names, each of one language."""
    random = np.random.default_rng(0)
    pairs: dict[str, str] = {}
    while len(pairs) < names:
        code = CODES[len(pairs) % len(CODES)]
        stem = "".join(random.choice(list("abdegiklmnoprstuvz"), random.integers(2, 6)))
        pairs.setdefault(stem + random.choice(ENDINGS[code]), code)
    ones = np.ones(names, np.int64)
    return NameTable(list(pairs), list(pairs.values()), ones, ones.astype(float), np.arange(names))


@pytest.fixture(scope="module")
def table() -> NameTable:
    return invent(200)


@pytest.fixture(scope="module")
def measured(table: NameTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of all peers on 2 folds."""
    path = tmp_path_factory.mktemp("bench") / "accuracy.json"
    for fold in range(2):
        run(table, 2, fold, SMALL, path)
    return path


def test_every_peer_has_a_row_with_finite_figures(table: NameTable, measured: Path) -> None:
    rows = summary(table, 2, SMALL, measured).rows

    assert [row["peer"] for row in rows] == list(PEERS)
    for row in rows:
        assert row["folds"] == 2
        assert float(row["parameters"]) > 0
        assert np.isfinite([mean_of(row, heading) for heading in FIGURES.values()]).all()
    majority, look_up, *learners = (mean_of(row, "accuracy") for row in rows)
    assert majority == look_up < min(learners) - 0.2


def test_recall_by_language_adds_up_to_accuracy(table: NameTable, measured: Path) -> None:
    rows = by_language(table, 2, SMALL, measured).rows

    assert [(row["language"], row["names"]) for row in rows] == [("el", 67), ("pl", 67), ("ru", 66)]
    recalled = sum(float(row["ours"]) * int(row["names"]) for row in rows) / len(table)
    ours = summary(table, 2, {"ours": SMALL["ours"]}, measured).rows[0]
    assert recalled == pytest.approx(mean_of(ours, "accuracy"), abs=1e-3)


def mean_of(row: Row, heading: str) -> float:
    """The number before the ±."""
    return float(str(row[heading]).split()[0])


def test_a_second_run_goes_on_from_the_first(table: NameTable, measured: Path) -> None:
    before = measured.read_bytes()

    run(table, 2, 0, SMALL, measured)
    assert measured.read_bytes() == before


def test_results_of_other_data_or_settings_do_not_count(table: NameTable, measured: Path) -> None:
    bayes = {"naive_bayes": NaiveBayes()}

    assert len(summary(table, 2, bayes, measured).rows) == 1
    assert not summary(invent(120), 2, bayes, measured).rows
    assert not summary(table, 3, bayes, measured).rows
    assert not summary(table, 2, {"naive_bayes": NaiveBayes(alpha=0.2)}, measured).rows


def test_no_test_name_can_be_looked_up(table: NameTable) -> None:
    training, validation, test = part(table, 4, 0)
    known, held_out = examples(training, CODES), examples(validation, CODES)
    look_up, prior = LookUp().fit(known, held_out), Prior().fit(known, held_out)

    np.testing.assert_array_equal(look_up.probabilities(test.name), prior.probabilities(test.name))
    answers = look_up.probabilities(known.names).argmax(axis=1)
    np.testing.assert_array_equal(answers, known.targets.argmax(axis=1))


@pytest.mark.parametrize("peer", [NaiveBayes(), LogisticNgrams()], ids=["bayes", "logistic"])
def test_a_name_of_two_languages_is_shared_between_them(peer: Peer) -> None:
    known = Examples(
        ["novak", "popov", "pappas"], np.array([[0, 0.5, 0.5], [0, 0, 1], [1, 0, 0]], np.float32)
    )
    p = peer.fit(known, known).probabilities(["novak"])[0]

    assert p[0] < 0.2 < min(p[1], p[2])


@pytest.mark.parametrize("layer", ["RNN", "LSTM", "GRU"])
def test_padding_changes_no_answer_of_a_network(table: NameTable, layer: str) -> None:
    known = examples(table, CODES)
    peer = Recurrent(layer, layers=2, bidirectional=True, hidden=8, epochs=1)  # type: ignore[arg-type]
    predictor = peer.fit(known, known)
    names = ["ab", "papadopoulos", "kowalski"]

    together = predictor.probabilities(names)
    alone = np.concatenate([predictor.probabilities([name]) for name in names])
    np.testing.assert_allclose(together, alone, atol=1e-6)
