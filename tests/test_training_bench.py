"""The bench of training: its programs compute what our network does, its tables are whole."""

import pytest
import torch
from made_up import table_of
from torch.nn import functional as F

from bench import profile, report
from bench.article import Loop, Vectorized, Weights, labels, one_hots
from bench.child import Task, in_child
from bench.layer import Layer
from bench.programs import Ours, Program, characters, follow
from bench.records import few, part, repeat
from bench.repeated import Cost
from bench.training import Plan, measure, programs
from model.rnn import RNN
from pipeline.batches import Examples
from pipeline.recipe import Recipe
from pipeline.table import NameTable

ENDINGS = {"el": "poulos", "pl": "czyk", "ru": "ov"}
TINY = Plan(
    hidden=(8,),
    batches=(32, 40),
    patience=0.5,
    epochs=2,
    records=150,
    looped=8,
    sample=40,
    times=(1,),
)


@pytest.fixture(scope="module")
def table() -> NameTable:
    """180 names, each of one language that its ending gives away."""
    return table_of(ENDINGS, "abdegiklmnoprstuvz", 180)


@pytest.fixture(scope="module")
def records(table: NameTable) -> Examples:
    return part(table, 40).training


def test_a_fifth_of_the_rows_is_held_out_and_the_rest_is_learned(table: NameTable) -> None:
    sides = part(table, 1000)

    names = [*sides.training.names, *sides.validation.names]
    assert sorted(names) == sorted(table.name)
    assert len(sides.validation.names) == 36
    for examples in (sides.training, sides.validation):
        assert (examples.targets.sum(axis=1) == 1).all()
        own = [table.language[table.name.index(name)] for name in examples.names]
        assert [sorted(ENDINGS)[c] for c in labels(examples)] == own


def test_repeated_records_keep_their_labels(records: Examples) -> None:
    thrice = repeat(records, 3)

    assert thrice.names == [*records.names] * 3
    assert torch.equal(labels(thrice), labels(records).repeat(3))


def test_the_programs_and_our_network_have_one_loss_and_one_gradient(records: Examples) -> None:
    vocabulary = characters(records.names)
    ours = RNN(len(vocabulary), 10, len(ENDINGS), seed=1)
    with torch.no_grad():
        ours.W.add_(torch.randn(10, 10, generator=torch.Generator().manual_seed(0)) * 0.1)
    ids = torch.from_numpy(vocabulary.encode(records.names).ids)
    loss = F.cross_entropy(ours(ours.embed(ids)), torch.from_numpy(records.targets))
    W, U, V = torch.autograd.grad(loss, [ours.W, ours.U, ours.V])
    theirs = Weights(*(p.detach().double().requires_grad_() for p in (ours.W, ours.U.t(), ours.V)))
    X, y = one_hots(records.names, vocabulary), labels(records)

    vectorized = theirs.loss(theirs.embed(X), y)
    one_by_one = torch.stack(
        [theirs.loss(theirs.embed_one(x)[:, None], c[None]) for x, c in zip(X, y, strict=True)]
    )

    for other in (vectorized, one_by_one.mean()):
        torch.testing.assert_close(loss.double(), other, rtol=1e-5, atol=1e-6)
        expected = torch.autograd.grad(other, theirs)
        for mine, its in zip((W, U.t(), V), expected, strict=True):
            torch.testing.assert_close(mine.double(), its, rtol=1e-4, atol=1e-6)


def test_the_loss_stays_finite_where_exponentials_would_not(records: Examples) -> None:
    weights = Weights(
        torch.eye(2).double(), torch.ones(2, 3).double(), torch.full((3, 2), 1e4).double()
    )

    assert weights.loss(torch.ones(2, 4).double(), torch.arange(4) % 3).isfinite()


@pytest.mark.parametrize(
    "program",
    [Loop(8, 1), Loop(8, 16), Vectorized(8, 16), Layer(8, 16), Ours.plain(8, 16)],
    ids=["SGD", "loop", "vectorized", "layer", "ours"],
)
def test_every_program_learns_what_endings_tell(program: Program, table: NameTable) -> None:
    sides = part(table, 120)

    run = follow(program, sides.training, sides.validation, 12)

    assert len(run.epochs) == 12
    assert 0 < sum(run.epochs) <= run.seconds
    assert run.accuracy > 0.6


def test_a_loop_over_a_batch_updates_as_the_matrices_do(records: Examples) -> None:
    accuracies = [follow(p, records, records, 3).accuracy for p in (Loop(8, 16), Vectorized(8, 16))]

    assert accuracies[0] == accuracies[1]


def test_steps_are_characters_marks_and_readings() -> None:
    assert Layer(8, 2).steps(["ab", "abcd"]) == 3
    assert Ours.plain(8, 2).steps(["ab", "abcd"]) == 3


def test_a_child_reports_its_own_memory(records: Examples) -> None:
    done = in_child(Task(Vectorized(8, 16), records, few(records, 5), epochs=1, times=2))

    assert 1e7 < done.libraries <= done.peak
    assert len(done.run.epochs) == 1


def test_only_what_is_no_library_grows() -> None:
    assert Cost(2.0, 100, 150).grown(10) == Cost(20.0, 100, 600)


@pytest.fixture(scope="module")
def tables(table: NameTable) -> list[report.Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "RUNS", 1)
        return list(measure(table, TINY))


def test_all_programs_have_a_row(tables: list[report.Table]) -> None:
    own, _ = tables

    peers = ["vectorized", "nn.RNN", "ours"] * 2
    assert "vectorized, CUDA" in own.text() or "no CUDA device" in own.note
    on_cpu = [row["program"] for row in own.rows if row["program"] != "vectorized, CUDA"]
    assert on_cpu == ["SGD", "minibatch, a loop", *peers]
    for row in own.rows:
        assert 0 < float(row["min"]) <= float(row["names/s"]) <= float(row["max"])
        assert 0 < float(row["of ceiling"]) < 1
        assert float(row["peak MB"]) > 0
        assert ("accuracy" in row) == (row["run"] == "whole")
        assert 0 <= float(row.get("accuracy", 0)) <= 1


def test_our_own_hidden_size_shows_us_as_we_train_by_default() -> None:
    default = programs(Recipe.hidden, Plan())["ours, n-grams, dropout", Recipe.batch]
    assert isinstance(default, Ours)
    assert default.recipe == Recipe(teachers=0)


def test_ratios_are_to_the_same_batch_and_to_the_origins_own(tables: list[report.Table]) -> None:
    rate = {(row["program"], row["batch"]): float(row["names/s"]) for row in tables[0].rows}
    (ours,) = (row for row in tables[0].rows if (row["program"], row["batch"]) == ("ours", 40))

    assert ours["/ vectorized"] == rate["ours", 40] / rate["vectorized", 40]
    assert ours["/ at 32"] == rate["ours", 40] / rate["vectorized", 32]
    assert ours["/ nn.RNN"] == rate["ours", 40] / rate["nn.RNN", 40]


def test_growth_has_a_row_for_each_program_and_amount(tables: list[report.Table]) -> None:
    rows = tables[-1].rows

    assert [(row["program"], row["records"]) for row in rows] == [
        ("vectorized", 120),
        ("ours", 120),
    ]
    assert all(
        float(row["names/s"]) * float(row["epoch s"]) == pytest.approx(row["records"])
        for row in rows
    )


def test_what_would_take_too_long_is_extrapolated(table: NameTable) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "RUNS", 1)
        hasty = Plan(hidden=(4,), batches=(32,), records=40, looped=4, sample=40, patience=0.0)
        own, growth = measure(table, hasty)

    assert all(row["run"] == "extrapolated" for row in own.rows)
    rows = growth.rows[:3]
    assert [row["run"] for row in rows] == ["one epoch", "extrapolated", "extrapolated"]
    assert float(rows[2]["epoch s"]) == pytest.approx(100 * float(rows[0]["epoch s"]))


def test_the_parts_of_a_step_are_measured(
    table: NameTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RUNS", 1)
    monkeypatch.setattr(profile, "STEPS", 1)

    (parts,) = profile.measure(table)

    assert "a whole step, threads: 1" in [row["part"] for row in parts.rows]
    assert all(0 < float(row["min"]) <= float(row["ms"]) for row in parts.rows)
