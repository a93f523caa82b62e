"""The benches of inference and bulk: their sides compute one thing, their tables are whole."""

from pathlib import Path

import numpy as np
import pytest
from made_up import table_of

from bench import inference, report, sharing
from bench.contenders import contenders
from bench.crowd import crowd, random_strings
from bench.rounding import changed, promoted, rounding, to_bfloat16
from bench.scoring import HIDDEN, prefixes, products, random_classifier, states, steps, unshared
from model.classifier import Classifier
from model.compiled import multiplies_bfloat16, processor_has
from pipeline.table import NameTable

NAMED = inference.Plan(
    batches=(1, 16, 64), most_calls=3, most_names=64, records=60, single_calls=10
)
MANY = sharing.Plan(sizes=(50, 300), judged=80, compared=20, threaded=60, rounded=30)


@pytest.fixture(scope="module")
def table() -> NameTable:
    """90 names, each of one language."""
    return table_of({"el": "poulos", "pl": "czyk", "ru": "ов"}, "abdegiklmn", 90)


@pytest.fixture(scope="module")
def classifier(table: NameTable) -> Classifier:
    return random_classifier(table)


@pytest.fixture(scope="module")
def named(table: NameTable) -> list[report.Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "RUNS", 1)
        return list(inference.measure(table, NAMED))


@pytest.fixture(scope="module")
def many(table: NameTable, tmp_path_factory: pytest.TempPathFactory) -> list[report.Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "RUNS", 1)
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("empty")))
        return list(sharing.measure(table, MANY))


def in_order(row: report.Row) -> bool:
    return 0 < float(row["min"]) <= float(row["names/s"]) <= float(row["max"])


def test_a_crowd_is_distinct_and_begins_with_the_real_names(table: NameTable) -> None:
    names = crowd(table, 500)
    assert len(set(names)) == len(names) == 500
    assert set(names[:90]) == set(table.name)
    assert crowd(table, 40) == names[:40]


def test_random_strings_are_as_long_and_have_the_same_letters() -> None:
    names = ["o'neill", "li", "", "иванов"]
    strings = random_strings(names)
    assert list(map(len, strings)) == list(map(len, names))
    assert set("".join(strings)) <= set("oneillиванов")


def test_reading_without_a_tree_changes_no_answer(classifier: Classifier, table: NameTable) -> None:
    names = [*table.name, "", "x", "Unlearned 田"]
    np.testing.assert_allclose(
        classifier.probabilities(names), unshared(classifier.artifact, names), atol=1e-6
    )


def test_states_are_counted_as_the_classifier_computes_them(classifier: Classifier) -> None:
    assert steps(classifier, ["ab", "ac", "ab"]) == 6
    assert states(classifier, ["ab", "ac", "ab"]) == 3  # a, from which ab and ac follow
    assert products(classifier, ["ab", "ac", "ab"]) == prefixes(classifier, ["ab", "ac", "ab"]) == 1
    assert prefixes(classifier, []) == states(classifier, []) == steps(classifier, []) == 0


def test_every_contender_gives_probabilities(table: NameTable) -> None:
    for score in contenders(table, 60).values():
        p = score(["Ov", *table.name])
        assert p.shape == (91, 3)
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(score(["ov"])[0], p[0], atol=1e-5)


def test_every_side_has_a_row_for_each_batch(named: list[report.Table]) -> None:
    throughput, _ = named
    whos = ["ours", "ours, random strings", "ours, NumPy alone"]
    whos += ["encoding to a tree", "encoding to ids", "nn.RNN", "n-gram regression"]
    assert [(row["who"], row["batch"]) for row in throughput.rows] == [
        (who, batch) for batch in NAMED.batches for who in whos
    ]
    assert all(map(in_order, throughput.rows))


def test_what_is_computed_is_held_against_the_ceiling(
    named: list[report.Table], table: NameTable
) -> None:
    few = crowd(table, max(*NAMED.batches, NAMED.single_calls))[: NAMED.most_calls]
    alone = 1 - len(few) / sum(map(len, few))  # the last state of a name is not multiplied
    for row in named[0].rows:
        assert ("of ceiling" in row) == str(row["who"]).startswith("ours")
        if "of ceiling" in row:
            assert (row["computed"] == pytest.approx(alone)) == (row["batch"] == 1)
            assert 0 < float(row["net"]) <= float(row["of ceiling"])
            assert row["net"] == pytest.approx(float(row["of ceiling"]) * float(row["computed"]))


def test_a_share_of_the_ceiling_is_of_the_steps_that_the_names_have(classifier: Classifier) -> None:
    side = inference.Side("ours", 3, classifier.probabilities, ["ab", "ac", "ab"])
    a_step = 2 * HIDDEN**2
    rate, ceiling = report.Rate(30, 20, 40), report.Rate(240 * a_step, 1, 1e12)
    assert inference.of_ceiling(classifier, side, rate, ceiling) == pytest.approx(
        {"computed": 1 / 6, "of ceiling": 60 / 240, "net": 10 / 240}  # six steps, one a product
    )


def test_latency_of_every_side(named: list[report.Table]) -> None:
    rows = named[1].rows
    assert [row["who"] for row in rows] == [
        "ours", "ours, verdict included", "nn.RNN", "n-gram regression",
    ]  # fmt: skip
    assert all(0 < float(row["p50 µs"]) <= float(row["p99 µs"]) for row in rows)


def test_bulk_shares_states_and_changes_no_answer(many: list[report.Table]) -> None:
    *scored, judged = many[0].rows[:3]
    rough = many[0].rows[3:]
    assert len(rough) == multiplies_bfloat16()
    assert [row["names"] for row in scored] == [50, 300]
    assert judged["names"] == 80
    for row in many[0].rows:
        assert in_order(row)
        assert float(row["prefixes"]) <= float(row["products"]) < float(row["states"])
        assert row["computed"] == pytest.approx(float(row["products"]) / float(row["steps"]))
        assert 10 < float(row["MB"]) <= float(row["peak MB"])
    for row in scored:
        assert float(row["difference"]) < 1e-5
        assert row["other top-1"] == 0
    assert float(scored[1]["computed"]) < float(scored[0]["computed"])
    assert all(1e-6 < float(row["difference"]) < 0.1 for row in rough)


def test_threads_are_measured_four_ways(many: list[report.Table]) -> None:
    rows = many[1].rows
    assert len(rows) == 4
    assert all(map(in_order, rows))
    assert rows[0]["/ one thread"] == 1


def test_without_a_promoted_model_only_the_speed_of_bfloat16_is_told(
    many: list[report.Table],
) -> None:
    assert "no promoted model" in many[2].note
    assert len(many[2].rows) == 4 + processor_has("avx512f") + multiplies_bfloat16()
    assert all(float(row["median"]) > 0 for row in many[2].rows)
    assert not any("other top-1" in row for row in many[2].rows)


def test_a_promoted_model_tells_what_bfloat16_changes(
    home: Path, monkeypatch: pytest.MonkeyPatch, table: NameTable
) -> None:
    monkeypatch.setattr(report, "RUNS", 1)
    told = rounding(promoted(), table.name, 30)
    assert "30 names" in told.note
    rough = [row for row in told.rows if "bfloat16" in str(row["product"])]
    assert len(rough) == 2 + multiplies_bfloat16()
    assert all(0 <= float(row["other top-1"]) <= 1 for row in rough)


def test_rounding_is_to_eight_bits_and_changes_what_is_multiplied(
    classifier: Classifier, table: NameTable
) -> None:
    x = np.random.default_rng(0).normal(size=100)
    error = np.abs(to_bfloat16(x) / x - 1)
    assert 2**-10 < error.max() <= 2**-8
    names, model = table.name, classifier.artifact
    rounded = unshared(model, names, to_bfloat16)
    assert 1e-5 < np.abs(rounded - unshared(model, names)).max() < 0.1
    assert 0 <= changed(classifier, names, 50) <= 1
