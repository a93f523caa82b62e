"""Tables in files: what is read, and what is written beside it."""

import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bulk import blocks, csv_rows
from pipeline.bulk.faults import Fault
from pipeline.bulk.formats import columns_of, join, open_input, read_parts, rows_of, write_part
from pipeline.bulk.parts import Compression, Format, Part, Reading, recut

TEXTS = [Format.CSV, Format.TSV, Format.JSONL]
NEW = ["language_1", "probability_1", "set"]


def answers(faults: pa.Array) -> pa.Table:
    """New columns as a model would give them."""
    fine = faults.is_null().to_pylist()
    language = pa.array([0 if ok else None for ok in fine], pa.int16())
    probability = pa.array([0.000001 if ok else None for ok in fine], pa.float32())
    columns = [
        pa.DictionaryArray.from_arrays(language, ["pl"]),
        probability,
        pa.array(["pl sv" if ok else None for ok in fine], pa.string()),
    ]
    return pa.table(columns, NEW)


def parts_of(
    source: Path | bytes, format: Format, first: int = 0, rows: int = 2, **how: Any
) -> list[Part]:
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    with open_input(stream, format, Reading(column="name", rows=rows, **how)) as table:
        return list(table.parts(first))


def rewritten(
    source: Path | bytes, format: Format, to: Format, tmp_path: Path, rows: int = 2, **how: Any
) -> bytes:
    """The whole way: read, scored, written in parts, joined."""
    paths = []
    for i, part in enumerate(parts_of(source, format, 0, rows, keep_lines=to == "jsonl", **how)):
        paths.append(tmp_path / f"part-{i}")
        with paths[-1].open("wb") as file:
            write_part(part.rest, answers(part.faults), file, to, header=i == 0)
    out = io.BytesIO()
    join(paths, out, to)
    return out.getvalue()


def told(parts: Sequence[Part]) -> list[tuple[str | None, str | None]]:
    """The name or the fault of each row."""
    names = [name for part in parts for name in part.names.to_pylist()]
    faults = [fault for part in parts for fault in part.faults.to_pylist()]
    return list(zip(names, faults, strict=True))


def table_of(content: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(content))


def cells_of(content: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter))


def parquet(path: Path, table: pa.Table, **how: Any) -> Path:
    pq.write_table(table, path, **how)
    return path


# Formats and suffixes


@pytest.mark.parametrize(
    ("name", "format", "compression"),
    [
        ("a.csv", Format.CSV, None),
        ("A.TAB", Format.TSV, None),
        ("a.tsv.gz", Format.TSV, Compression.GZIP),
        ("a.b.ndjson.zst", Format.JSONL, Compression.ZSTD),
        ("a.jsonl", Format.JSONL, None),
        ("a.pq", Format.PARQUET, None),
    ],
)
def test_the_suffix_tells(name: str, format: Format, compression: Compression | None) -> None:
    assert Format.of(Path(name)) is format
    assert Compression.of(Path(name)) is compression


@pytest.mark.parametrize("name", ["a.txt", "a", "csv", "a.gz", "a.xlsx", "a.parquet.gz"])
def test_a_suffix_that_tells_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=rf"'{name}'.*expected \.csv, \.tsv"):
        Format.of(Path(name))


@pytest.mark.parametrize("wrong", [{"delimiter": "::"}, {"delimiter": "é"}, {"encoding": "utf-9"}])
def test_what_a_text_cannot_be(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Reading(column="name", rows=1, **wrong)


# CSV


def test_every_cell_of_csv_comes_out_as_it_went_in(tmp_path: Path) -> None:
    content = (
        b"\xef\xbb\xbfid,name,when,id\r\n"
        b'007,Nowak,2020-01-02,"a, ""b"""\r\n'
        b'1.0,"O""Neil",,"two\r\nlines"\r\n'
        b"NULL, Lis ,nan,x\0y\r\n"
        b"\xef\xbb\xbf8,,true,\xff\xfe"
    )
    assert rewritten(content, Format.CSV, Format.CSV, tmp_path) == (
        b"id,name,when,id,language_1,probability_1,set\n"
        b'007,Nowak,2020-01-02,"a, ""b""",pl,0.000001,pl sv\n'
        b'1.0,"O""Neil",,"two\r\nlines",pl,0.000001,pl sv\n'
        b"NULL, Lis ,nan,x\0y,pl,0.000001,pl sv\n"
        b"\xef\xbb\xbf8,,true,\xff\xfe,,,\n"
    )


def test_faults_of_csv_are_kept_at_their_places(tmp_path: Path) -> None:
    content = (
        b'id,name,note\n1,Nowak,\n2\n3,Lis,a,"b,c",\xff\n4,,\n5,L\xffs,\n\n'
        b"6,Wojcik,\xff\n7,Sosna,x,\n"
    )
    parts = parts_of(content, Format.CSV)
    assert told(parts) == [
        ("Nowak", None),
        (None, Fault.WRONG_NUMBER_OF_FIELDS),
        (None, Fault.WRONG_NUMBER_OF_FIELDS),
        (None, Fault.NO_NAME),
        (None, Fault.NOT_UTF8),
        (None, Fault.NO_NAME),
        ("Wojcik", None),
        (None, Fault.WRONG_NUMBER_OF_FIELDS),
    ]
    written = rewritten(content, Format.CSV, Format.CSV, tmp_path)
    assert written.splitlines()[1:] == [
        b"1,Nowak,,pl,0.000001,pl sv",
        b"2,,,,,",
        b'3,Lis,"a,""b,c"",\xff",,,',
        b"4,,,,,",
        b"5,L\xffs,,,,",
        b",,,,,",
        b"6,Wojcik,\xff,pl,0.000001,pl sv",
        b'7,Sosna,"x,",,,',
    ]
    repaired = [
        json.loads(line)
        for line in rewritten(content, Format.CSV, Format.JSONL, tmp_path).splitlines()
    ]
    assert [row["name"] for row in repaired][4] == "L\ufffds"
    table = table_of(rewritten(content, Format.CSV, Format.PARQUET, tmp_path))
    assert table["note"].to_pylist()[6] == "\ufffd"
    table.validate(full=True)


CELL = st.text(st.sampled_from('ab",\t;\n\r \0é\ufeff') | st.characters(codec="utf-8"), max_size=6)
TABLE = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=9)
)


@settings(max_examples=30, deadline=None)
@given(TABLE, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(1, 4))
@pytest.mark.parametrize("format", [Format.CSV, Format.TSV])
def test_cells_survive_csv(
    tmp_path_factory: pytest.TempPathFactory,
    format: Format,
    cells: list[list[str]],
    end: str,
    quoted: bool,
    rows: int,
) -> None:
    delimiter = "," if format is Format.CSV else "\t"
    titles = ["name", *"bcd"][: len(cells[0]) if cells else 1]
    text = io.StringIO(newline="")
    # Python does not quote what ends no line of its own.
    minimal = end == "\r\n" and not quoted
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL if minimal else csv.QUOTE_ALL
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(
        [titles, *cells]
    )
    content = text.getvalue().encode()
    tmp_path = tmp_path_factory.mktemp("cells")
    written = cells_of(rewritten(content, format, format, tmp_path, rows), delimiter)
    assert written[0] == titles + NEW
    assert [row[: len(titles)] for row in written[1:]] == cells


@settings(deadline=None)
@given(st.text('",\n\rab', max_size=40), st.integers(1, 9))
def test_csv_is_the_same_wherever_blocks_end(text: str, size: int) -> None:
    """Quotes in strange places, too: the rows are those that Python's own reader finds."""
    content = ("name,b\n" + text).encode()
    expected = cells_of(content)[1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(csv_rows, "_NEAR", 3)
        parts = parts_of(content, Format.CSV, rows=3)
    found = [list(row.values()) for part in parts for row in part.rest.to_pylist()]
    wrong = [fault == Fault.WRONG_NUMBER_OF_FIELDS for _, fault in told(parts)]
    assert wrong == [len(row) not in (0, 2) for row in expected]
    for row, cells in zip(expected, found, strict=True):
        if len(row) in (0, 2):
            assert cells == (row or ["", ""])
        else:  # a line's end is off the last row even within a quote that nothing closes
            assert cells[0].rstrip("\r\n") == row[0].rstrip("\r\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1250", "cp932"])
@pytest.mark.parametrize("format", TEXTS)
def test_other_encodings(format: Format, encoding: str, tmp_path: Path) -> None:
    name = "ナカムラ" if encoding == "cp932" else "Dvořák"
    text = {
        Format.CSV: f"id,name\n1,{name}\n",
        Format.TSV: f"id\tname\n1\t{name}\n",
        Format.JSONL: json.dumps({"id": "1", "name": name}, ensure_ascii=False),
    }[format]
    content = text.encode(encoding)
    assert told(parts_of(content, format, encoding=encoding)) == [(name, None)]
    written = rewritten(content, format, Format.CSV, tmp_path, encoding=encoding).decode()
    assert f"\n1,{name}," in written


def test_bytes_that_are_not_of_the_encoding() -> None:
    content = b"name,b\nDvo\xf8\xe1k,\nNa\x81me,\nLis,\x81\n"
    parts = parts_of(content, Format.CSV, encoding="cp1250", rows=9)
    assert told(parts) == [("Dvořák", None), (None, Fault.NOT_UTF8), ("Lis", None)]


def test_another_delimiter(tmp_path: Path) -> None:
    content = b"id;name\n1;a,b\n"
    written = rewritten(content, Format.CSV, Format.CSV, tmp_path, delimiter=";")
    assert written.splitlines()[1] == b'1,"a,b",pl,0.000001,pl sv'


def test_rows_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1 << 10)
    monkeypatch.setattr(blocks, "LONGEST_ROW", 1 << 14)
    long = "x\n" * 4000
    for content, format in [
        (f'name,b\nLis,"{long}"\nSosna,\n'.encode(), Format.CSV),
        (json.dumps({"name": "Lis", "b": long}).encode() + b'\n{"name":"Sosna"}', Format.JSONL),
    ]:
        assert told(parts_of(content, format)) == [("Lis", None), ("Sosna", None)]
        assert (
            json.loads(rewritten(content, format, Format.JSONL, tmp_path).splitlines()[0])["b"]
            == long
        )
    unclosed = b'name,b\nLis,\nSosna,"' + long.encode() * 3
    with pytest.raises(ValueError, match=r"row at byte \d.* longer than .*quote"):
        parts_of(unclosed, Format.CSV)


def test_csv_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="empty; expected a row of titles"):
        parts_of(b"", Format.CSV)
    (part,) = parts_of(b"id,name", Format.CSV)
    assert (len(part.rest), part.rest.column_names) == (0, ["id", "name"])
    written = rewritten(b"id,name\r\n", Format.CSV, Format.CSV, tmp_path)
    assert written == b"id,name,language_1,probability_1,set\n"
    assert rewritten(b"id,name", Format.CSV, Format.JSONL, tmp_path) == b""
    table = table_of(rewritten(b"id,name", Format.CSV, Format.PARQUET, tmp_path))
    assert (len(table), table.column_names) == (0, ["id", "name", *NEW])


# JSON Lines


def test_json_lines_stay_as_they_are(tmp_path: Path) -> None:
    content = (
        b'{"id": 1.0, "name": "Nowak" }\r\n'
        b' {"name":"\\u00e9","x":{"y":[1,null]}}\n'
        b"\n"
        b'nope "\n'
        b'["name"]\r\n'
        b"{ }\n"
        b'{"name":3}\n'
        b'{"name":"a\xff"}\n'
        b'{"name":"Lis","b":"\xff","id":12345678901234567890123}\n'
        b'{"name":null}\n'
        b'{"name":""}'
    )
    fine = b'"language_1":"pl","probability_1":0.000001,"set":"pl sv"}'
    none = b'"language_1":null,"probability_1":null,"set":null}'
    assert rewritten(content, Format.JSONL, Format.JSONL, tmp_path).split(b"\n") == [
        b'{"id": 1.0, "name": "Nowak" ,' + fine,
        b' {"name":"\\u00e9","x":{"y":[1,null]},' + fine,
        b'{"line":"",' + none,
        b'{"line":"nope \\"",' + none,
        b'{"line":"[\\"name\\"]",' + none,
        b"{ " + none,
        b'{"name":3,' + none,
        '{"name":"a\ufffd",'.encode() + none,
        '{"name":"Lis","b":"\ufffd","id":12345678901234567890123,'.encode() + fine,
        b'{"name":null,' + none,
        b'{"name":"",' + none,
        b"",
    ]
    assert [fault for _, fault in told(parts_of(content, Format.JSONL))] == [
        None,
        None,
        Fault.NOT_JSON,
        Fault.NOT_JSON,
        Fault.NOT_JSON,
        Fault.NO_NAME,
        Fault.NOT_TEXT,
        Fault.NOT_UTF8,
        None,
        Fault.NO_NAME,
        Fault.NO_NAME,
    ]


def test_json_lines_as_columns() -> None:
    content = (
        b'{"id": 7, "name": "Nowak", "tags": ["a", 1.50]}\n'
        b'{"name": "Lis", "ok": true, "id": "007"}\n'
        b'{"late": {"x": 1}, "name": "Sosna", "other_fields": 1, "id": 12345678901234567890123}\n'
        b"nope\r\n"
        b'{"name": null, "late": "text", "id": null}\n'
    )
    parts = parts_of(content, Format.JSONL)
    assert parts[0].rest.column_names == ["id", "name", "tags", "ok", "other_fields"]
    rows = pa.concat_tables([part.rest for part in parts]).to_pylist()
    assert [list(row.values()) for row in rows] == [
        ["7", "Nowak", '["a",1.5]', None, None],
        ["007", "Lis", None, "true", None],
        ["12345678901234567890123", "Sosna", None, None, '{"late":{"x":1},"other_fields":1}'],
        [None, None, None, None, "nope"],
        [None, None, None, None, '{"late":"text"}'],
    ]


def test_a_key_named_as_the_column_of_all_others() -> None:
    (part,) = parts_of(b'{"name": "Lis", "other_fields": "x"}', Format.JSONL)
    assert part.rest.column_names == ["name", "other_fields", "other_fields_"]


def test_json_lines_of_nothing(tmp_path: Path) -> None:
    """A day on which nothing came is no error."""
    assert rewritten(b"", Format.JSONL, Format.JSONL, tmp_path) == b""
    written = rewritten(b"", Format.JSONL, Format.CSV, tmp_path)
    assert written == b"name,other_fields,language_1,probability_1,set\n"


def test_the_keys_of_the_first_part_are_known_before() -> None:
    content = b'{"name": "Lis"}\n{"verdict": 1}\n{"late": 1}\n'
    for keep in (True, False):
        reading = Reading(column="name", rows=2, keep_lines=keep)
        with open_input(io.BytesIO(content), Format.JSONL, reading) as table:
            assert table.schema.names[:2] == ["name", "verdict"]
            assert table.rows is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | CELL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELL, inner, max_size=3),
    max_leaves=5,
)
OBJECT = st.dictionaries(st.sampled_from(["a", "b", "é\n"]) | CELL, JSON, max_size=3).flatmap(
    lambda d: st.just({**d, "name": "Lis"})
)


@settings(max_examples=30, deadline=None)
@given(st.lists(OBJECT, min_size=1, max_size=6), st.integers(1, 4))
def test_objects_survive_json_lines(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, Any]], rows: int
) -> None:
    content = "\n".join(json.dumps(o, ensure_ascii=False) for o in objects).encode()
    tmp_path = tmp_path_factory.mktemp("objects")
    written = rewritten(content, Format.JSONL, Format.JSONL, tmp_path, rows).splitlines()
    added = {"language_1": "pl", "probability_1": 0.000001, "set": "pl sv"}
    assert [json.loads(line) for line in written] == [o | added for o in objects]
    table = table_of(rewritten(content, Format.JSONL, Format.PARQUET, tmp_path, rows))
    for row, expected in zip(table.to_pylist(), objects, strict=True):
        others = json.loads(row.pop([t for t in row if t.startswith("other_fields")][-1]) or "{}")
        cells = {key: row[key] for key in expected if key in row}
        for key, value in expected.items():
            if key in others:
                assert others[key] == value
            else:
                assert (
                    cells[key] == value
                    if isinstance(value, str | None)
                    else (json.loads(cells[key]) == value)
                )


# Parquet

NAMES = ["Nowak", None, "Lis", "", "Sosna"]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
    ids=str,
)
def test_parquet_is_kept_whatever_it_holds(kind: pa.DataType, tmp_path: Path) -> None:
    when = datetime(2020, 1, 2, 3, 4, 5, 678, UTC)
    table = pa.table(
        {
            "name": pa.array(NAMES).cast(kind),
            "n": pa.array([1, None, 3, 4, 5], pa.uint8()),
            "when": pa.array([when] * 5, pa.timestamp("ns", "Europe/Berlin")),
            "nested": [[{"a": 1, "b": [None, "x"]}], None, [], [], [{"a": None, "b": None}]],
            "bytes": [b"\xff", None, b"", b"a", b"b"],
        }
    ).replace_schema_metadata({"pandas": "{}"})
    path = parquet(tmp_path / "a.parquet", table, row_group_size=3)
    parts = parts_of(path, Format.PARQUET)
    assert [len(part.names) for part in parts] == [2, 2, 1]
    assert [fault for _, fault in told(parts)] == [None, "no_name", None, "no_name", None]
    written = table_of(rewritten(path, Format.PARQUET, Format.PARQUET, tmp_path))
    stored = pq.read_table(path)
    assert written.select(table.column_names).equals(stored, check_metadata=True)
    assert written.column_names == [*table.column_names, *NEW]
    assert written["language_1"].to_pylist() == ["pl", None, "pl", None, "pl"]
    assert written["probability_1"].type == pa.float32()


def test_what_is_known_of_a_file_before_it_is_read(tmp_path: Path) -> None:
    reading = Reading(column="name", rows=2)
    path = parquet(tmp_path / "a.parquet", pa.table({"name": NAMES, "n": range(5)}))
    text = tmp_path / "a.csv"
    text.write_bytes(b"name,n\n" + b"Lis,1\n" * 5)
    for file, format, rows in [(path, Format.PARQUET, 5), (text, Format.CSV, None)]:
        assert rows_of(file, format) == rows
        assert columns_of(file, format, reading).names == ["name", "n"]
        with open_input(file, format, reading) as table:
            assert (table.rows, table.schema.names) == (rows, ["name", "n"])
            again = list(read_parts(file, format, reading, first=1))
            assert told(again) == told(list(table.parts(1)))


def test_parquet_of_nothing(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", pa.table({"name": pa.array([], pa.string())}))
    empty = {to: rewritten(path, Format.PARQUET, to, tmp_path) for to in Format}
    assert empty[Format.CSV] == b"name,language_1,probability_1,set\n"
    assert empty[Format.JSONL] == b""
    assert table_of(empty[Format.PARQUET]).schema.names == ["name", *NEW]


@pytest.mark.parametrize("kind", [pa.int64(), pa.binary(), pa.bool_()], ids=str)
def test_a_column_that_holds_no_text(kind: pa.DataType, tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", pa.table({"name": pa.array([None], kind)}))
    with pytest.raises(ValueError, match=f"'name' is of type {kind}; expected text"):
        parts_of(path, Format.PARQUET)


def test_what_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"name\nNowak\n")
    with pytest.raises(ValueError, match=r"a\.parquet is no Parquet file") as error:
        parts_of(path, Format.PARQUET)
    assert "Nowak" not in str(error.value)
    with pytest.raises(ValueError, match="stream; expected a file"):
        parts_of(path.read_bytes(), Format.PARQUET)


def test_wide_rows_make_small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.bulk.parquet_format.MOST_BYTES", 10_000)
    table = pa.table({"name": NAMES * 4, "bio": ["x" * 1000] * 20})
    path = parquet(tmp_path / "a.parquet", table, row_group_size=7)
    parts = parts_of(path, Format.PARQUET, rows=100)
    assert {len(part.names) for part in parts[:-1]} == {9}
    assert pa.concat_tables(part.rest for part in parts).equals(table)
    again = parts_of(path, Format.PARQUET, first=1, rows=100)
    assert told(again) == told(parts[1:])


def test_wide_rows_of_text_make_small_parts() -> None:
    part = parts_of(b"name,b\n" + b"Lis,xxxx\n" * 8, Format.CSV, rows=8)[0]
    pieces = [part.slice(i, 1) for i in range(8)]
    assert [len(whole.names) for whole in recut(pieces, 8, part.rest.nbytes * 3 / 8)] == [3, 3, 2]
    assert [len(whole.names) for whole in recut(pieces, 5)] == [5, 3]


def test_ids_of_several_row_groups(tmp_path: Path) -> None:
    """Each has a dictionary of its own, and together they need more than 8 bits."""
    texts = [f"n{i}" for i in range(300)]
    kind = pa.dictionary(pa.int8(), pa.string())
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, pa.schema([("name", kind), ("b", kind)])) as writer:
        for start in range(0, 300, 100):
            ids = pa.array(texts[start : start + 100]).dictionary_encode().cast(kind)
            writer.write_table(pa.table({"name": ids, "b": ids}))
    (part,) = parts_of(path, Format.PARQUET, rows=1000)
    assert part.names.to_pylist() == part.rest["b"].to_pylist() == texts
    written = rewritten(path, Format.PARQUET, Format.CSV, tmp_path, rows=1000)
    assert [row[:2] for row in cells_of(written)[1:]] == [[text, text] for text in texts]


def test_parquet_whose_text_is_none(tmp_path: Path) -> None:
    broken = pa.array([b"L\xffs", b"Lis"]).view(pa.string())
    path = parquet(tmp_path / "a.parquet", pa.table({"name": broken, "b": broken}))
    assert told(parts_of(path, Format.PARQUET)) == [(None, Fault.NOT_UTF8), ("Lis", None)]
    assert rewritten(path, Format.PARQUET, Format.CSV, tmp_path).splitlines()[1] == (
        b"L\xffs,L\xffs,,,"
    )
    table = table_of(rewritten(path, Format.PARQUET, Format.PARQUET, tmp_path))
    assert table["b"].to_pylist() == ["L\ufffds", "Lis"]


def test_a_joined_file_has_a_row_group_of_each_part(tmp_path: Path) -> None:
    table = pa.table(
        {"name": pa.array(NAMES * 500), "nested": [[{"a": i}] * (i % 3) for i in range(2500)]}
    )
    cuts = [0, 1, 700, 2500]
    paths = [
        parquet(tmp_path / f"{i}", table.slice(a, b - a)) for i, (a, b) in enumerate(pairwise(cuts))
    ]
    out = io.BytesIO()
    join(paths, out, Format.PARQUET)
    file = pq.ParquetFile(out)
    assert file.read().equals(table)
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [1, 699, 1800]


# From one format to another


def test_values_of_parquet_as_text(tmp_path: Path) -> None:
    berlin = pa.timestamp("ms", "Europe/Berlin")
    moment = datetime(2020, 7, 2, 3, 4, 5, 678000, UTC)
    table = pa.table(
        {
            "name": ["Nowak", None],
            "flag": [True, None],
            "real": [0.1, math.nan],
            "when": pa.array([moment, None], berlin),
            "naive": pa.array([moment.replace(tzinfo=None), None], pa.timestamp("ms")),
            "day": [date(2020, 1, 2), None],
            "long": pa.array([timedelta(seconds=90), None], pa.duration("s")),
            "cost": [Decimal("1.50"), None],
            "raw": [b"\xff\x00", None],
            "map": pa.array([[("k", 1), ('"', None)], None], pa.map_(pa.string(), pa.int64())),
            "list": [["a\n", None], []],
            "deep": [{"x": [{"y": 1.5}], "z": None}, None],
            "pair": pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
            "none": pa.nulls(2),
        }
    )
    path = parquet(tmp_path / "a.parquet", table)
    first, second = map(
        json.loads, rewritten(path, Format.PARQUET, Format.JSONL, tmp_path).splitlines()
    )
    assert first == {
        "name": "Nowak",
        "flag": True,
        "real": 0.1,
        "when": "2020-07-02T03:04:05.678Z",
        "naive": "2020-07-02T03:04:05.678",
        "day": "2020-01-02",
        "long": "90",
        "cost": "1.50",
        "raw": "/wA=",
        "map": {"k": 1, '"': None},
        "list": ["a\n", None],
        "deep": {"x": [{"y": 1.5}], "z": None},
        "pair": [1, 2],
        "none": None,
        "language_1": "pl",
        "probability_1": 0.000001,
        "set": "pl sv",
    }
    assert {k: v for k, v in second.items() if v is not None} == {"list": []}
    titles, one, two = cells_of(rewritten(path, Format.PARQUET, Format.TSV, tmp_path), "\t")
    cells = dict(zip(titles, one, strict=True))
    assert cells["when"] == "2020-07-02T03:04:05.678Z"
    assert cells["map"] == '{"k":1,"\\"":null}'
    assert cells["deep"] == '{"x":[{"y":1.5}],"z":null}'
    assert (cells["flag"], cells["probability_1"]) == ("true", "0.000001")
    assert dict(zip(titles, two, strict=True))["real"] == "nan"


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6), st.integers(1, 4))
@pytest.mark.parametrize("to", Format)
@pytest.mark.parametrize("source", Format)
def test_all_pairs_say_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    source: Format,
    to: Format,
    rows: list[tuple[str, str]],
    size: int,
) -> None:
    tmp_path = tmp_path_factory.mktemp("pairs")
    content, path = io.BytesIO(), tmp_path / f"in.{source}"
    write_part(
        pa.table(list(zip(*rows, strict=True)), ["name", "b"]),
        pa.table({}),
        content,
        source,
        header=True,
    )
    path.write_bytes(content.getvalue())
    written = rewritten(path, source, to, tmp_path, size)
    if to is Format.PARQUET:
        found = table_of(written).to_pylist()
    elif to is Format.JSONL:
        found = [json.loads(line) for line in written.split(b"\n")[:-1]]
    else:
        titles, *cells = cells_of(written, "," if to is Format.CSV else "\t")
        found = [dict(zip(titles, row, strict=True)) for row in cells]
    assert [(row["name"], row["b"]) for row in found] == rows
    assert [row["language_1"] or None for row in found] == [
        (name and "pl") or None for name, _ in rows
    ]


CONTENTS: dict[Format, bytes] = {
    Format.CSV: b"name,b\n" + b'Lis,"x\ny"\nSosna\n,\nNowak,\xff\n' * 3,
    Format.TSV: b"name\tb\n" + b"Lis\tx\nSosna\n\t\nNowak\t\xff\n" * 3,
    Format.JSONL: b'{"name":"Lis","b":1}\n{"c":2}\nnope\n{"name":"L\xff"}\n' * 3,
}


@pytest.mark.parametrize("rows", [1, 5, 12, 100])
@pytest.mark.parametrize("format", Format)
def test_reading_can_begin_at_any_part(format: Format, rows: int, tmp_path: Path) -> None:
    source: Path | bytes = CONTENTS.get(format, b"")
    if format is Format.PARQUET:
        table = pa.table({"name": ["Lis", None, "", "Sosna"] * 3, "n": range(12)})
        source = parquet(tmp_path / "a.parquet", table, row_group_size=5)
    whole = parts_of(source, format, rows=rows)
    assert sum(len(part.names) for part in whole) == 12
    for first in range(len(whole) + 2):
        again = parts_of(source, format, first, rows)
        assert told(again) == told(whole[first:])
        assert [part.rest for part in again] == [part.rest for part in whole[first:]]


@pytest.mark.parametrize("to", Format)
@pytest.mark.parametrize("format", TEXTS)
def test_where_parts_end_changes_nothing(format: Format, to: Format, tmp_path: Path) -> None:
    def whole(rows: int) -> object:
        written = rewritten(CONTENTS[format].replace(b'"c"', b'"b"'), format, to, tmp_path, rows)
        return table_of(written) if to is Format.PARQUET else written

    assert whole(2) == whole(5) == whole(100)


@pytest.mark.parametrize("to", Format)
def test_equal_rows_make_equal_bytes(to: Format, tmp_path: Path) -> None:
    assert len({rewritten(CONTENTS[Format.CSV], Format.CSV, to, tmp_path) for _ in "ab"}) == 1


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("format", TEXTS)
def test_compressed_texts(format: Format, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{format}{suffix}"
    parts = parts_of(CONTENTS[format], format, keep_lines=True)
    with path.open("wb") as file:
        for i, part in enumerate(parts):  # one after the other, as parts are joined
            compression = Compression.of(path)
            write_part(
                part.rest,
                answers(part.faults),
                file,
                format,
                header=i == 0,
                compression=compression,
            )
    plain = rewritten(CONTENTS[format], format, format, tmp_path)
    assert rewritten(path, format, format, tmp_path).count(b"\n") == plain.count(b"\n")
    with open_input(path, format, Reading(column="name", rows=100)) as table:
        assert table.schema.names[-2:] != []
    assert len(told(parts_of(path, format))) == 12


class Slow(io.RawIOBase):
    """A pipe, which gives a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 7) if size >= 0 else 7)


@pytest.mark.parametrize("format", TEXTS)
def test_a_stream_that_cannot_be_wound_back(format: Format) -> None:
    with open_input(Slow(CONTENTS[format]), format, Reading(column="name", rows=5)) as table:  # type: ignore[arg-type]
        assert table.schema.names[:2] == ["name", "b"]
        assert told(list(table.parts(1))) == told(parts_of(CONTENTS[format], format, 1, 5))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"names,b\n1,2\n", "no column 'name' among 2; expected 'names'$"),
        (b"Kowalski,1\nNowak,2\n", "no column 'name' among 2; expected the title of one$"),
        (b"name,b,name\n1,2,3\n", "2 columns 'name'"),
    ],
)
def test_the_column_of_names_must_be_one(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parts_of(content, Format.CSV)
