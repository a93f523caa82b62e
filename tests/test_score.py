"""`namelang score`: what comes out, what is refused, and what survives being killed."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from model import compiled
from model.artifact import digest
from model.classifier import Classifier
from pipeline.bulk import known
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.parts import Format
from pipeline.bulk.readers import Model
from pipeline.bulk.score import ScoreConfig, score
from pipeline.bulk.tally import Tally

TAG = "namelang:test"
READABLE = ("Kowalski", "Papadopoulos", "田中", "Иванов", "Nowak", "xqzv", "O'Neil", "Müller")
FAULTS = {"": "no_name", "x" * 101: "too_long", " \u200b": "nothing_readable"}
NOTES = ("007", "a, b", 'say "hi"', "two\nlines", "\t", "")


@pytest.fixture
def model(artifact: Path) -> Model:
    return Model(TAG, artifact, digest(artifact))


def table(rows: int) -> pa.Table:
    """Names of which many come again, some cells without one, and other columns."""
    draw = random.Random(rows)
    made = ["".join(draw.choices("aeiklnoprstuz", k=draw.randint(2, 7))) for _ in range(rows // 3)]
    names = draw.choices([*READABLE, *FAULTS, *made], k=rows)
    notes = [NOTES[i % len(NOTES)] for i in range(rows)]
    return pa.table({"id": range(rows), "surname": names, "note": notes})


def written(path: Path, rows: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(rows), path, row_group_size=70)
    return path


def config(source: Path, out: Path, **changes: Any) -> ScoreConfig:
    given = {"processes": 1, "rows": 50, "options": ScoreOptions(column="surname"), **changes}
    return ScoreConfig(source=str(source), out=str(out), **given)


def content(path: Path) -> dict[str, bytes]:
    """The files of a folder, or the one file, by their names."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def test_each_row_gets_the_answer_that_its_name_has_alone(model: Model, tmp_path: Path) -> None:
    source = written(tmp_path / "names.parquet", 400)
    tally = score(config(source, tmp_path / "out.parquet"), model)
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.select(["id", "surname", "note"]).equals(table(400))
    classifier = Classifier.load(model.directory)
    for row in found.to_pylist():
        if row["surname"] in FAULTS:
            assert row["reason"] == FAULTS[row["surname"]]
            assert {row[f"language_{j}"] for j in (1, 2, 3)} | {row["verdict"], row["set"]} == {
                None
            }
            continue
        [answer] = classifier.classify([row["surname"]])
        for j, language in enumerate(answer["languages"][:3], start=1):
            assert row[f"language_{j}"] == language["code"]
            assert row[f"probability_{j}"] == pytest.approx(language["probability"], abs=2e-6)
        assert (row["verdict"], row["reason"]) == (answer["verdict"], answer["reason"])
        assert (row["set"], row["model"]) == (" ".join(answer["set"]), TAG)
    reasons = found["reason"].to_pylist()
    assert tally.rows == 400
    assert tally.faults == {why: reasons.count(why) for why in set(FAULTS.values())}


def test_more_processes_answer_the_same_to_the_last_bit(model: Model, tmp_path: Path) -> None:
    source = written(tmp_path / "names.parquet", 400)
    for processes in (1, 2):
        score(config(source, tmp_path / f"{processes}.parquet", processes=processes), model)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


def test_the_size_of_parts_changes_no_answer(model: Model, tmp_path: Path) -> None:
    source = written(tmp_path / "names.parquet", 230)
    found = []
    for rows in (7, 70, 1000):
        score(config(source, tmp_path / f"{rows}.parquet", rows=rows), model)
        found.append(pq.read_table(tmp_path / f"{rows}.parquet"))
    likely = [title for title in found[0].column_names if title.startswith("probability")]
    for other in found[1:]:
        assert other.drop_columns(likely).to_pydict() == found[0].drop_columns(likely).to_pydict()
        for title in likely:  # the last bit depends on how many names a product is of
            far = pc.subtract(other[title], found[0][title])
            assert pc.max(pc.abs(far)).as_py() < 2e-6


def test_compiled_loops_answer_the_same(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "FEW", 0)
    source, outs = written(tmp_path / "names.parquet", 60), []
    for device in ("cpu", "cpu-compiled"):
        out = tmp_path / f"{device}.parquet"
        score(config(source, out, device=device), model)
        outs.append(pq.read_table(out))
    for mine, theirs in zip(*(out.columns for out in outs), strict=True):
        if pa.types.is_floating(mine.type):
            np.testing.assert_allclose(mine.to_numpy(), theirs.to_numpy(), atol=2e-6)
        else:
            assert mine == theirs


@pytest.mark.parametrize("to", list(Format))
@pytest.mark.parametrize("via", list(Format))
def test_every_format_holds_the_same(via: Format, to: Format, model: Model, tmp_path: Path) -> None:
    source = written(tmp_path / "names.parquet", 120)
    between, out = tmp_path / f"between.{via}", tmp_path / f"out.{to}"
    score(config(source, between, options=ScoreOptions(column="surname", prefix="a_")), model)
    score(config(between, out), model)
    score(
        config(out, tmp_path / "last.jsonl", options=ScoreOptions(column="surname", prefix="b_")),
        model,
    )
    rows = [json.loads(line) for line in (tmp_path / "last.jsonl").read_text().splitlines()]
    assert [row["surname"] for row in rows] == table(120)["surname"].to_pylist()
    assert [row["note"] for row in rows] == table(120)["note"].to_pylist()
    assert [str(row["id"]) for row in rows] == list(map(str, range(120)))
    for row in rows:
        for title in ("language_1", "probability_1", "verdict", "reason", "set", "model"):
            assert (
                str(row[f"a_{title}"] or "")
                == str(row[title] or "")
                == str(row[f"b_{title}"] or "")
            )


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_text_is_packed_and_unpacked_by_its_name(suffix: str, model: Model, tmp_path: Path) -> None:
    source = written(tmp_path / "names.parquet", 120)
    between, out = tmp_path / f"between.csv.{suffix}", tmp_path / "out.csv"
    score(config(source, between, options=ScoreOptions(column="surname", prefix="a_")), model)
    score(config(between, out, options=ScoreOptions(column="surname", prefix="b_")), model)
    first = out.read_text("utf-8").splitlines()[1].split(",")
    assert first[3:13] == first[13:]


def test_a_folder_comes_out_as_it_went_in(model: Model, tmp_path: Path) -> None:
    for country, rows in (("DE", 120), ("PL", 30)):
        written(tmp_path / "in" / f"country={country}" / "names.parquet", rows)
    (tmp_path / "in" / "_SUCCESS").touch()
    score(config(tmp_path / "in", tmp_path / "out"), model)
    assert sorted(content(tmp_path / "out")) == [
        *(f"country=DE/names-{part:05d}.parquet" for part in range(3)),
        "country=PL/names-00000.parquet",
    ]
    german = pq.read_table(tmp_path / "out" / "country=DE", partitioning=None)
    assert german["surname"].equals(table(120)["surname"])


def test_files_of_like_names_stay_apart(model: Model, tmp_path: Path) -> None:
    rows = {
        "sales.2023.csv": 3,
        "sales.2024.csv": 4,
        "sales.csv": 5,
        "sales.tsv": 6,
        "a/sales.csv": 7,
    }
    for name, n in rows.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("surname\n" + "Nowak\n" * n, "utf-8")
    score(config(tmp_path / "in", tmp_path / "out", to=Format.CSV), model)
    found = {name: text.count(b"Nowak") for name, text in content(tmp_path / "out").items()}
    assert found == {
        "sales.2023-00000.csv": 3,
        "sales.2024-00000.csv": 4,
        "sales-00000.csv": 5,
        "sales.tsv-00000.csv": 6,
        "a/sales-00000.csv": 7,
    }


def test_files_that_would_be_one_are_refused(model: Model, tmp_path: Path) -> None:
    for name in ("a.tsv", "a.tsv.csv"):
        written_as = tmp_path / "in" / name
        written_as.parent.mkdir(exist_ok=True)
        written_as.write_text("surname\nNowak\n", "utf-8")
    with pytest.raises(
        ValueError, match=r"two files of the folder would come out as a.tsv-00000.csv"
    ):
        score(config(tmp_path / "in", tmp_path / "out", to=Format.CSV), model)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


class Stopped(Exception):
    """As if the process ended here."""


def test_a_job_that_stops_goes_on_and_leaves_the_same_bytes(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MOST", 60)  # so that what is known is forgotten on the way
    source = written(tmp_path / "names.parquet", 730)
    for to in Format:
        whole = tmp_path / f"whole.{to}"
        score(config(source, whole), model)
        for parts in range(1, 15, 4):
            out = tmp_path / f"out{parts}.{to}"

            def stop(tally: Tally, expected: int | None, parts: int = parts) -> None:
                if tally.rows >= 50 * parts:
                    raise Stopped

            with pytest.raises(Stopped):
                score(config(source, out), model, stop)
            assert not out.exists()
            score(config(source, out, resume=True), model)
            assert out.read_bytes() == whole.read_bytes()
            assert not out.with_name(f"{out.name}.parts").exists()


def test_what_stopped_is_not_overwritten_or_mixed(model: Model, tmp_path: Path) -> None:
    source, out = written(tmp_path / "names.parquet", 300), tmp_path / "out.csv"

    def stop(tally: Tally, expected: int | None) -> None:
        if tally.rows:
            raise Stopped

    with pytest.raises(Stopped):
        score(config(source, out), model, stop)
    with pytest.raises(ValueError, match="--resume"):
        score(config(source, out), model)
    with pytest.raises(ValueError, match="another job, with other rows"):
        score(config(source, out, resume=True, rows=40), model)
    with pytest.raises(ValueError, match="another job, with other device"):
        score(config(source, out, resume=True, device="cpu-compiled"), model)
    top = ScoreOptions(column="surname", top_k=1)
    with pytest.raises(ValueError, match="another job, with other options"):
        score(config(source, out, resume=True, options=top), model)
    written(source, 301)
    with pytest.raises(ValueError, match="another job, with other files"):
        score(config(source, out, resume=True), model)


def test_nothing_is_replaced_unless_it_is_asked_for(model: Model, tmp_path: Path) -> None:
    source, out = written(tmp_path / "in" / "names.parquet", 60), tmp_path / "out.csv"
    out.write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        score(config(source, out), model)
    assert out.read_text() == "mine"
    score(config(source, out, overwrite=True), model)
    score(config(source, tmp_path / "new.csv"), model)
    assert out.read_bytes() == (tmp_path / "new.csv").read_bytes()
    for rows in (60, 70):
        written(source, rows)
        score(config(source.parent, tmp_path / "folder", overwrite=True), model)
        assert pq.read_table(tmp_path / "folder").num_rows == rows


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": ScoreOptions(column="name")}, "no column 'name' among 3; expected 'surname'"),
        ({"options": ScoreOptions(column="id")}, "column 'id' is of type int64; expected text"),
        ({"source": "none.csv"}, "none.csv is no file or folder"),
        ({"source": "empty.csv"}, "empty.csv: the input is empty; expected a row of titles"),
        ({"source": "torn.parquet"}, "torn.parquet is no Parquet file"),
        ({"source": "twice.csv"}, "2 columns 'surname'; expected one"),
        ({"source": "taken.csv"}, "there is a column 'set' already; expected another prefix"),
        ({"source": "taken.csv", "encoding": "utf-9"}, "encoding 'utf-9' is unknown; expected"),
        ({"out": "out.xls"}, "'out.xls' ends in '.xls'; expected .csv, .tsv"),
        ({"out": "out.parquet.gz"}, "'out.parquet.gz' ends in '.gz'; expected .csv"),
        ({"device": "cuda"}, "device is 'cuda': .*; expected 'cpu'"),
    ],
)
def test_what_cannot_be_scored_is_told_before_any_work(
    changes: dict[str, Any],
    message: str,
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = written(tmp_path / "names.parquet", 60).read_bytes()
    Path("empty.csv").touch()
    Path("torn.parquet").write_bytes(whole[: len(whole) // 2])
    Path("twice.csv").write_text("surname,surname\na,b\n")
    Path("taken.csv").write_text("surname,set\na,b\n")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=message):
        score(config(**{"source": Path("names.parquet"), "out": Path("out.csv"), **changes}), model)
    assert sorted(tmp_path.iterdir()) == before


def namelang(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "pipeline.cli", "score", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*line, "--column", "surname"], stdin=pipe, stdout=pipe, stderr=pipe, **options
    )


def test_rows_go_through_a_pipe(model: Model, tmp_path: Path) -> None:
    rows = b"id,surname\n1,Kowalski\n2\n3,\xff\n"
    process = namelang("-", "-", "--from", "csv", "--to", "jsonl", "--model", model.directory)
    out, err = process.communicate(rows, timeout=60)
    assert (process.returncode, err) == (0, b"")
    found = [json.loads(line) for line in out.splitlines()]
    assert [(row["id"], row["language_1"], row["reason"]) for row in found] == [
        ("1", "pl", "one_language"),
        ("2", None, "wrong_number_of_fields"),
        ("3", None, "not_utf8"),
    ]


def test_a_job_that_is_killed_goes_on_and_leaves_the_same_bytes(
    model: Model, tmp_path: Path
) -> None:
    source, draw = written(tmp_path / "names.parquet", 12_000), random.Random(0)
    tagged = model._replace(tag=str(model.directory))  # as the command calls it
    score(config(source, tmp_path / "whole.csv", rows=100), tagged)
    out, parts = tmp_path / "out.csv", tmp_path / "out.csv.parts"
    line = (source, out, "--model", model.directory, "--rows", 100, "--processes", 2, "--resume")
    states: set[bytes] = set()
    for end in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        process = namelang(*line)
        before = (parts / "state.json").read_bytes() if states else b""
        wait(lambda before=before: read(parts / "state.json") not in (b"", before), process)
        time.sleep(draw.uniform(0, 0.1))
        readers = psutil.Process(process.pid).children()
        process.send_signal(end)
        _, err = process.communicate(timeout=60)
        assert not out.exists()
        if end == signal.SIGINT:
            assert (process.returncode, err) == (130, b"namelang: stopped; --resume goes on\n")
        assert psutil.wait_procs(readers, timeout=20)[1] == []
        states.add((parts / "state.json").read_bytes())
    assert len(states) == 3, "each went on"
    process = namelang(*line)
    assert process.communicate(timeout=120)[1] == b""
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not parts.exists()


@pytest.mark.parametrize("room", [4_000, 60_000], ids=["for no part", "for parts alone"])
def test_what_finds_no_room_goes_on_when_there_is_some(
    room: int, model: Model, tmp_path: Path
) -> None:
    source, out = written(tmp_path / "names.parquet", 2_000), tmp_path / "out.csv"
    line = (source, out, "--model", model.directory, "--rows", 200, "--resume")
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
    process = namelang(*line, preexec_fn=limit)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, b"File too large" in err) == (1, True)
    assert not out.exists()
    assert namelang(*line).communicate(timeout=60)[1] == b""
    tagged = model._replace(tag=str(model.directory))
    score(config(source, tmp_path / "whole.csv", rows=200), tagged)
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def wait(holds: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "ray", "--resume", "--to", "csv"], b"the engine ray has no --to, --resume:"),
        (["--engine", "spark"], b"engine is 'spark'; expected local, or ray"),
        (["--address", "auto"], b"engine is 'local'; expected local, or ray with or without"),
    ],
)
def test_an_engine_that_cannot_do_it_says_so(
    arguments: list[str], message: bytes, model: Model, tmp_path: Path
) -> None:
    source, out = written(tmp_path / "names.parquet", 60), tmp_path / "out"
    process = namelang(source, out, "--model", model.directory, *arguments)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, message in err) == (1, True), err
    assert not out.exists()


def test_two_do_not_work_on_one_job(model: Model, tmp_path: Path) -> None:
    source, out = written(tmp_path / "names.parquet", 300), tmp_path / "out.csv"
    asked = config(source, out, resume=True)

    def another(tally: Tally, expected: int | None) -> None:
        with pytest.raises(ValueError, match="another process is at work in"):
            score(asked, model)

    score(asked, model, another)
    assert out.exists()
