"""The bench of HTTP: it runs, it reads wrk right, and it judges by what was asked."""

from pathlib import Path

import orjson
import pytest
from made_up import table_of

from bench import http
from bench.http_load import Own, Shot, bodies, lists, middle, ratios
from bench.http_plan import Case, Plan
from bench.http_verdicts import OURS, PLAIN, Verdict, beside, flat, inside_out, table
from bench.report import Table
from bench.wrk import Load, parse, program
from pipeline.table import NameTable

GOOD = """\
Running 1440m test @ http://127.0.0.1:36653/v1/classify
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     7.42ms    4.89ms  27.23ms   71.76%
    Req/Sec   565.40    106.23   727.00     60.00%
  282 requests in 502.08ms, 141.27KB read
Requests/sec:    561.67
Transfer/sec:    281.37KB

load: {"seconds": 0.502076, "requests": 282, "p50": 6.533, "p99": 26.920, "p999": 27.233, \
"refused": 0, "broken": 0}
"""
BAD = """\
  253 requests in 606.58ms, 38.79KB read
  Socket errors: connect 0, read 253, write 0, timeout 0
  Non-2xx or 3xx responses: 253
Requests/sec:    417.09
Transfer/sec:     63.95KB

load: {"seconds": 0.606582, "requests": 253, "p50": 3.932, "p99": 19.152, "p999": 27.211, \
"refused": 253, "broken": 253}
"""
TINY = Plan(
    seconds=0.25,
    minutes=0.01,
    rounds=1,
    crowd=60,
    cases=(Case(1, 1), Case(1, 2), Case(5, 1)),
    loads=(Case(1, 2), Case(5, 2)),
    workers=(1,),
    threads=(1,),
    slices=(8,),
    intervals=(0.001,),
    longest=20,
)


@pytest.fixture(scope="module")
def names() -> NameTable:
    """60 names, each of one language."""
    return table_of({"el": "poulos", "pl": "czyk"}, "abdegiklmn", 60)


def shot(rate: float, p50: float = 1, p99: float = 2, size: int = 1) -> Shot:
    return Shot(Load(2.0, int(2 * rate), p50, p99, p99, 0, 0), size, cpu=1.0)


def test_what_wrk_says() -> None:
    said = parse(GOOD)
    assert said == Load(0.502076, 282, 6.533, 26.920, 27.233, 0, 0)
    assert said.rate == pytest.approx(561.67, abs=0.01)


def test_refusals_are_no_answers_and_are_shown() -> None:
    said = parse(BAD)
    assert said.rate == 0
    assert middle([Shot(said, 1, 0.5)])["refused"] == 506


def test_a_wrk_that_did_not_get_to_its_end_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="did not say"):
        parse("unable to connect to 127.0.0.1:9 Connection refused\n")


def test_without_wrk_it_says_where_to_get_it(
    home: Path, names: NameTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="apt-get install wrk"):
        program()
    with pytest.raises(ValueError, match="apt-get install wrk"):
        http.measure(names)


def test_without_a_promoted_model_it_says_so(
    names: NameTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="no model is promoted"):
        http.measure(names)


def test_bodies_hold_all_names_in_order() -> None:
    names = ["a", "b", "c", "d", "e"]
    assert lists(names, 2) == [["a", "b"], ["c", "d"]]
    assert lists(names, 7) == [["a", "b", "c", "d", "e", "a", "b"]]
    assert orjson.loads(bodies(names, 1)[1]) == {"name": "b", "top_k": 3}
    assert orjson.loads(bodies(names, 2)[0]) == {"names": ["a", "b"], "top_k": 3}
    assert orjson.loads(bodies(names, 1, batched=True)[0]) == {"names": ["a"]}


def test_ratios_are_of_one_round() -> None:
    assert ratios([90, 10], [100, 20]) == [0.9, 0.5]
    assert ratios([1], [0]) == [float("inf")]


def test_a_verdict_is_of_the_middle_round() -> None:
    least = Verdict("requests", 0.9, [0.5, 0.9, 1.1], least=True)
    most = Verdict("p99", 1.5, [1.0, 1.51, 9.0], least=False)
    assert least.met
    assert not most.met
    rows = table([least, most]).rows
    assert [row["bound"] for row in rows] == ["at least 0.90", "at most 1.50"]
    assert [row["met"] for row in rows] == ["yes", "NO"]
    assert rows[1]["measured"] == 1.51
    assert flat(0.05).met
    assert not flat(0.051).met


def test_single_names_are_held_against_the_same_handler_elsewhere() -> None:
    one, many, long = Case(1, 1), Case(1, 16), Case(100, 1)
    shots = {
        (OURS, one): [shot(1000, p50=1.1)],
        (PLAIN, one): [shot(1000, p50=1)],
        (OURS, many): [shot(900, p99=4)],
        (PLAIN, many): [shot(1000, p99=2)],
        (OURS, long): [shot(10, size=100)],
        (PLAIN, long): [shot(10, size=100)],
    }
    found = {verdict.asked: verdict for verdict in beside(shots, PLAIN)}
    assert {asked: (v.measured, v.met) for asked, v in found.items()} == {
        "one name, 1 connection: p50 / Starlette": ([1.1], True),
        "one name, 16 connections: requests/s / Starlette": ([0.9], True),
        "one name, 16 connections: p99 / Starlette": ([2.0], False),
    }
    [share] = inside_out(shots, {long: [Own(1250, 0.08)]}, OURS, "one core each")
    assert share.asked == "100 names, 1 connection: names/s / in process, one core each"
    assert (share.measured, share.met) == ([0.8], True)


def test_it_runs(home: Path, names: NameTable) -> None:
    versus, workers, mixed, memory, verdicts = http.measure(names, TINY)
    _versus(versus)
    assert any(float(row["names/s"]) for row in workers.rows)
    for told in (workers, mixed):
        assert all(row["refused"] == 0 for row in told.rows if "refused" in row)
    assert [row.get("slice") for row in mixed.rows] == [8, None]
    assert all(float(row["MB"]) > 10 for row in memory.rows[:3])
    assert len(verdicts.rows) == 8
    assert all(row["met"] in ("yes", "NO") for row in verdicts.rows)


def _versus(told: Table) -> None:
    """Every side answered, and what counts nothing was asked for single names only.

    Not in every case: a busy machine may leave a side no turn in so short a time.
    """
    rows = {(row["who"], row["names"], row.get("connections")): row for row in told.rows}
    assert len(rows) == 6 + 6 + 5 + 1
    assert {who for (who, _, _), row in rows.items() if float(row["names/s"])} == {
        *http.SIDES, http.INSIDE
    }  # fmt: skip
    for (who, size, _), row in rows.items():
        if who != http.INSIDE:
            assert row["refused"] == 0
            assert row["names/s"] == pytest.approx(float(row["requests/s"]) * float(size))
            p = [float(row[f"p{n} ms"]) for n in (50, 99, 99.9) if row["requests/s"]]
            assert p == sorted(p)
            assert ("/ in process" in row) == (size == 5)
