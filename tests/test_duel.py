"""Two models on the same names: every figure by hand, who is left out, what changed, how fast."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from rivals import TEST, duel_of, languages, spoilt, table, without

from model.classifier import Classifier
from model.evidence import Evidence
from pipeline.changes import PAIRS, SHOWN, Side, changes
from pipeline.duel import FIGURES, Duel, Recall, duel
from pipeline.evaluate import evaluate
from pipeline.race import race
from pipeline.table import NameTable


@pytest.fixture(scope="module")
def model(artifact: Path) -> Classifier:
    """The small model without its evidence, which holds the names of the test table."""
    return Classifier(Classifier.load(artifact).artifact)


@pytest.fixture(scope="module")
def other(model: Classifier) -> Classifier:
    """A model that answers otherwise."""
    return spoilt(model, 6)


@pytest.fixture(scope="module")
def compared(model: Classifier, other: Classifier) -> Duel:
    return duel(other, model, table(), "the champion")


def test_figures_are_those_of_an_evaluation(
    compared: Duel, model: Classifier, other: Classifier
) -> None:
    rows = table()
    mine, theirs = (
        evaluate(rows.name, rows.language, each.probabilities(rows.name), each.languages)
        for each in (other, model)
    )
    assert compared.rows == mine.n == len(rows)
    assert mine.accuracy != theirs.accuracy
    for name in FIGURES:
        figure = compared.figures[name]
        assert figure.challenger == pytest.approx(getattr(mine, name), abs=1e-6)
        assert figure.champion == pytest.approx(getattr(theirs, name), abs=1e-6)
        assert figure.low <= figure.high
    for code, quality in mine.per_language.items():
        assert compared.languages[code].rows == quality.n
        assert compared.languages[code].challenger == pytest.approx(quality.recall)
        assert compared.languages[code].champion == theirs.per_language[code].recall


def test_a_model_against_itself_differs_by_nothing(model: Classifier) -> None:
    same = duel(model, model, table())
    assert {(d.value, d.low, d.high) for d in same.figures.values()} == {(0, 0, 0)}
    assert same.changes
    assert same.changes.changed == 0


def test_groups_with_a_name_that_a_model_was_trained_on_are_left_out(
    model: Classifier, other: Classifier
) -> None:
    rows = dataclasses.replace(table(), group=np.arange(len(table())) // 2)
    champion = Classifier(model.artifact, Evidence.of([(rows.name[5], "pl", 1)]))
    found = duel(other, champion, rows)
    assert found.evidence
    assert (found.trained_on, found.rows) == (2, len(rows) - 2), "the name and its variant"
    rest = rows.take(np.array([i for i in range(len(rows)) if i not in (4, 5)]))
    assert found.figures == duel(other, model, rest).figures

    mine = Classifier(other.artifact, Evidence.of([(name, "pl", 1) for name in rows.name]))
    nothing = duel(mine, model, rows)
    assert not nothing.evidence
    assert (nothing.rows, nothing.figures, nothing.changes) == (0, {}, None)


def test_labels_that_not_both_know_are_left_out(model: Classifier) -> None:
    fewer = without(model, "ru")
    found = duel(fewer, model, table())
    assert found.gone == ("ru",)
    assert found.unknown == table().language.count("ru")
    assert set(found.languages) == {"el", "ja", "pl"}
    assert duel(model, fewer, table()).new == ("ru",)


def test_the_record_of_a_duel_is_small_and_holds_no_name(compared: Duel) -> None:
    assert compared.changes
    assert compared.changes.examples
    text = json.dumps(compared.to_dict(), ensure_ascii=False)
    assert json.loads(text)["figures"]["accuracy"]["low"] == compared.figures["accuracy"].low
    assert not any(name in text for name in table().name)
    assert len(text) < 5000


def test_chance_on_few_names_is_larger() -> None:
    few, many = (
        Recall(rows=n, names=n, challenger=0.5, champion=0.7, error=0.05) for n in (5, 500)
    )
    assert many.high(1) == pytest.approx(-0.2 + 1.965 * 0.05, abs=1e-3), "t of 499 at 97.5 %"
    assert few.high(1) == pytest.approx(-0.2 + 2.776 * 0.05, abs=1e-3), "t of 4"
    assert many.high(36) > many.high(1)
    assert dataclasses.replace(few, names=1, error=0).high(1) == np.inf


def sides(*rows: tuple[Sequence[float], Sequence[float]]) -> tuple[Side, Side]:
    """The challenger's and the champion's probabilities of some rows."""
    mine, theirs = zip(*rows, strict=True)
    return (
        Side(np.array(mine, np.float32), languages("de", "fr", "pl")),
        Side(np.array(theirs, np.float32), languages("de", "fr", "pl")),
    )


def test_what_became_of_each_name() -> None:
    names = ["abt", "abt", "roy", "nowak", "same", "orban"]
    labels = ["de", "fr", "fr", "pl", "de", "fr"]
    abt = (0.3, 0.6, 0.1), (0.5, 0.4, 0.1)  # another answer, and as right as the one before
    rows = (
        abt,
        abt,
        ((0.8, 0.1, 0.1), (0.2, 0.7, 0.1)),  # lost
        ((0.1, 0.1, 0.8), (0.6, 0.1, 0.3)),  # won
        ((0.7, 0.2, 0.1), (0.9, 0.1, 0.0)),  # the same answer
        ((0.5, 0.3, 0.2), (0.3, 0.3, 0.4)),  # wrong before and now
    )
    found = changes(names, labels, *sides(*rows))
    assert (found.names, found.changed, found.lost, found.won) == (5, 4, 1, 1)
    assert found.pairs == (("de", "fr", 1), ("de", "pl", 1), ("fr", "de", 1), ("pl", "de", 1))
    assert [e.name for e in found.examples] == ["roy", "orban", "abt", "nowak"]
    roy, _, both, _ = found.examples
    assert (roy.before, roy.after, roy.labels) == ("fr", "de", ("fr",))
    assert roy.drop == pytest.approx(0.6)
    assert both.right_before == pytest.approx(0.9)


def test_lists_of_changes_are_bounded() -> None:
    n = 3 * SHOWN
    mine = Side(np.tile(np.array([0.1, 0.9], np.float32), (n, 1)), languages("de", "fr"))
    theirs = Side(1 - mine.probabilities, mine.languages)
    found = changes([str(i) for i in range(n)], ["de"] * n, mine, theirs)
    assert found.changed == found.lost == n
    assert len(found.examples) == SHOWN
    assert len(found.pairs) <= PAIRS


class Slow:
    """A model that takes its time: so many seconds for a name."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.batches: list[int] = []

    def probabilities(self, names: Sequence[str]) -> np.ndarray:
        self.batches.append(len(names))
        end = perf_counter() + self.seconds * len(names)
        while perf_counter() < end:
            pass
        return np.zeros((len(names), 1), np.float32)


def test_a_race_in_turns() -> None:
    slow, fast = Slow(3e-5), Slow(1e-5)
    found = race(slow, fast, TEST * 3, rounds=5)
    assert found.champion
    for ratio in (found.one_name_ratio, found.batch_ratio):  # 3, where nothing else runs
        assert ratio
        assert ratio > 1.5
    assert found.challenger.one_name_ms >= 0.03
    assert found.challenger.names_per_second < found.champion.names_per_second
    assert slow.batches == fast.batches
    assert max(slow.batches) == len(set(TEST)), "no name twice: a repeated one costs nothing"


def test_a_race_alone_only_records() -> None:
    found = race(Slow(0), None, TEST)
    assert found.champion is None
    assert found.one_name_ratio is None
    assert found.batch_ratio is None
    assert found.challenger.names_per_second > 0


def test_rows_of_a_table_are_shared_out(compared: Duel) -> None:
    assert compared.champion == "the champion"
    assert sum(recall.rows for recall in compared.languages.values()) == compared.rows
    assert compared.names == len(set(table().name))
    assert duel_of(accuracy=(0.8, 0.8)).to_dict()["changes"] is None


def test_an_empty_side(model: Classifier) -> None:
    nothing = NameTable([], [], np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
    assert duel(model, model, nothing).figures == {}
