"""The bench of bulk scoring: its columns are what they say, and its tables are whole."""

from collections import Counter
from pathlib import Path

import pytest
from made_up import table_of

from bench import bulk, surnames
from bench.bulk_parts import PARTS
from model.compiled import multiplies_bfloat16
from pipeline.table import NameTable

ROWS = 3000


@pytest.fixture(scope="module")
def table() -> NameTable:
    return table_of({"de": "mann", "pl": "ski", "it": "ini"}, "abcdeimno", 200)


def test_a_natural_column_has_its_names_as_often_as_they_are_borne(table: NameTable) -> None:
    names = Counter(surnames.natural(table, ROWS))
    known = {name.title() for name in table.name}
    assert names.total() == ROWS
    typos = sum(n for name, n in names.items() if name not in known)
    assert 0.5 * surnames.TYPOS * ROWS < typos < 1.5 * surnames.TYPOS * ROWS
    assert surnames.natural(table, 50) == surnames.natural(table, 50)


def test_a_distinct_column_has_no_name_twice(table: NameTable) -> None:
    assert len(set(surnames.distinct(table, ROWS))) == ROWS


def test_every_side_is_measured(table: NameTable, home: Path) -> None:
    plan = bulk.Plan(rows=ROWS, parted=1000, runs=1)
    ours, parts, others = bulk.measure(table, plan)
    told = [(row["names"], row["--device"]) for row in ours.rows]
    assert told[:4] == [
        ("natural", "cpu"),
        ("natural", "cpu"),
        ("distinct", "cpu"),
        ("distinct", "cpu-compiled"),
    ]
    assert told[4:] == [("distinct", "cpu-bfloat16")] * multiplies_bfloat16()
    assert all(float(row["rows/s"]) > 0 and float(row["peak MB"]) > 50 for row in ours.rows)
    for row in parts.rows:
        shares = [float(row[part]) for part in PARTS]
        assert sum(shares) == pytest.approx(1)
    assert [row["of rows"] for row in others.rows] == [ROWS] * 3
