"""`score_on_ray` on a real cluster, of which a node dies; and what it says where it cannot work."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from ray_cluster import S3_KEYS, Cluster, Node, ray_cluster, s3
from server import CHECKOUT
from waiting import wait_for

from model.artifact import digest
from pipeline.bulk.cluster import score_on_ray
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.readers import Model

TAG = "namelang:test"
OPTIONS = ScoreOptions(column="surname", prefix="it_")
STRANGE = (None, "", "x" * 101, " \u200b", "Иванов", "田中", "O'Neil")
FILES, ROWS = 8, 40_000
BLOCK = 2**17
"""Bytes, so that the rows are a hundred tasks."""
DRIVER = """
import json, sys
from pathlib import Path
from pipeline.bulk.cluster import score_on_ray
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.readers import Model
source, out, directory, sha256, given = sys.argv[1:]
asked = json.loads(given)
options = ScoreOptions(**asked.pop("options"))
tally = score_on_ray(source, out, Model("namelang:test", Path(directory), sha256), options, **asked)
print(json.dumps(tally.to_dict()))
"""


@pytest.fixture
def model(artifact: Path) -> Model:
    return Model(TAG, artifact, digest(artifact))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes that read names; each test leaves them both alive."""
    with ray_cluster((2, 2)) as running:
        yield running
        folder = str(running.folder)
    assert not [p for p in psutil.process_iter(["environ"]) if folder in str(p.info["environ"])]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of names in two folders, of which many come again, with a number for each row."""
    folder, draw = tmp_path_factory.mktemp("names"), random.Random(0)
    made = ["".join(draw.choices("aeiklnoprstuz", k=draw.randint(3, 9))) for _ in range(ROWS)]
    for i in range(FILES):
        path = folder / f"country={'DE' if i % 2 else 'PL'}" / f"names-{i}.parquet"
        path.parent.mkdir(exist_ok=True)
        held = draw.choices(made, k=ROWS - len(STRANGE)) + list(STRANGE)
        table = pa.table({"id": range(i * ROWS, (i + 1) * ROWS), "surname": held})
        pq.write_table(table, path, row_group_size=ROWS // 4)
    (folder / "country=DE" / "_temporary").mkdir()
    (folder / "country=DE" / "_temporary" / "half.parquet").write_text("PAR1")
    return folder


def start(
    cluster: Cluster, source: Any, out: Any, model: Model, **given: Any
) -> "subprocess.Popen[str]":
    asked = {"options": OPTIONS.model_dump(), "address": cluster.address, "block": BLOCK, **given}
    paths = [str(source), str(out), str(model.directory), model.sha256]
    return cluster.driver(DRIVER, *paths, json.dumps(asked))


def ended(driver: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a job that ends well says."""
    said, errors = driver.communicate(timeout=150)
    assert driver.returncode == 0, errors
    answer: dict[str, Any] = json.loads(said.splitlines()[-1])
    return answer


def rows_of(folder: Path | str, filesystem: Any = None) -> pa.Table:
    """The rows in the order of their numbers, with the folders' columns."""
    found = ds.dataset(folder, format="parquet", partitioning="hive", filesystem=filesystem)
    return found.to_table().sort_by("id")


def assert_as_here(found: pa.Table, source: Path, model: Model) -> None:
    """Each row once, with the answers that this process gives."""
    expected = model.scorer(OPTIONS, "cpu").score(rows_of(source))
    assert found["id"].to_pylist() == expected["id"].to_pylist()
    assert sorted(found.column_names) == sorted(expected.column_names)
    for title in expected.column_names:
        if pa.types.is_floating(expected[title].type):
            # The last bit depends on how many names a product is of.
            far = pc.abs(pc.subtract(found[title], expected[title]))
            assert pc.max(far).as_py() < 2e-6
            assert found[title].is_null().equals(expected[title].is_null())
        else:
            assert found[title].to_pylist() == expected[title].to_pylist()


def test_a_node_that_dies_costs_no_row(
    cluster: Cluster, names: Path, model: Model, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    driver = start(cluster, names, out, model)

    def stopped_in_the_middle() -> Node | None:
        assert driver.poll() is None, driver.communicate()
        done = len(list(out.with_name("out.parts").rglob("*.parquet")))
        return next((n for n in cluster.nodes if n.stop_working()), None) if done > 2 else None

    node = wait_for(stopped_in_the_middle, "an actor at work", cluster.logs, pause=0.01)
    assert not out.exists()
    node.kill()  # while it holds a block that it will never give back
    tally = ended(driver)
    cluster.nodes.remove(node)
    cluster.join(2)
    assert tally["rows"] == FILES * ROWS
    assert_as_here(rows_of(out), names, model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in out.iterdir()) == ["country=DE", "country=PL"]


def test_names_come_from_and_go_to_a_store_of_objects(
    cluster: Cluster, names: Path, model: Model
) -> None:
    with s3(cluster.environment) as options:
        store = fs.S3FileSystem(**options, **S3_KEYS, allow_bucket_creation=True)
        query = f"?{urlencode(options)}"
        store.create_dir("bucket")
        fs.copy_files(str(names), "bucket/in", destination_filesystem=store)
        driver = start(cluster, f"s3://bucket/in{query}", f"s3://bucket/out{query}", model)
        assert ended(driver)["rows"] == FILES * ROWS
        assert store.get_file_info("bucket/out/_SUCCESS").is_file
        assert_as_here(rows_of("bucket/out", store), names, model)
        again = start(cluster, f"s3://bucket/in{query}", f"s3://bucket/out{query}", model)
        assert "bucket/out is there already" in again.communicate(timeout=60)[1]


def test_a_job_that_fails_leaves_nothing(cluster: Cluster, model: Model, tmp_path: Path) -> None:
    path = tmp_path / "in" / "names.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"surname": ["Kowalski"] * 50_000}), path, compression=None)
    torn = bytearray(path.read_bytes())
    torn[10:40] = bytes(30)  # a page, which the file's end says nothing of
    path.write_bytes(torn)
    driver = start(cluster, path.parent, tmp_path / "out", model)
    _, errors = driver.communicate(timeout=100)
    assert errors.splitlines()[-1].startswith("ValueError: the cluster could not do it: ")
    assert "Kowalski" not in errors
    assert sorted(found.name for found in tmp_path.iterdir()) == ["in"]


def test_without_ray_the_error_says_how_to_get_it(model: Model, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfrom importlib.abc import MetaPathFinder\n"
        "class Without(MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'ray': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, "in", "out", str(model.directory), model.sha256,
         json.dumps({"options": OPTIONS.model_dump()})],
        env={"PYTHONPATH": f"{tmp_path}:{CHECKOUT}"}, cwd=CHECKOUT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "needs Ray" in done.stderr.splitlines()[-1]
    assert "pip install -e '.[train,ray]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "holds no file"),
        ({"names.csv": ["surname"]}, "reads no other format"),
        ({"names.parquet": ["name"]}, "no column 'surname'"),
        ({"names.parquet": ["surname", "it_set"]}, "there is a column 'it_set' already"),
        ({"a.parquet": ["surname"], "b.parquet": ["surname", "id"]}, "b.parquet has other columns"),
        ({"a.parquet": ["surname"], "year=2024/b.parquet": ["surname"]}, "lies in folders of"),
    ],
)
def test_what_cannot_be_scored_is_told_before_any_work(
    files: dict[str, list[str]], problem: str, model: Model, tmp_path: Path
) -> None:
    for name, titles in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({title: ["x"] for title in titles}), path)
    (tmp_path / "in").mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=problem):
        score_on_ray(str(tmp_path / "in"), str(tmp_path / "out"), model, OPTIONS)
    assert not (tmp_path / "out").exists()


def test_no_rows_come_out_as_no_rows(model: Model, tmp_path: Path) -> None:
    table = pa.table({"surname": pa.array([], pa.string())})
    pq.write_table(table, tmp_path / "none.parquet")
    tally = score_on_ray(str(tmp_path / "none.parquet"), str(tmp_path / "out"), model, OPTIONS)
    expected = model.scorer(OPTIONS, "cpu").score(table)
    assert tally.rows == 0
    assert pq.read_table(tmp_path / "out").schema.equals(expected.schema)


def test_what_is_there_is_not_replaced(model: Model, tmp_path: Path) -> None:
    pq.write_table(pa.table({"surname": ["Nowak"]}), tmp_path / "names.parquet")
    for taken in ("out", "out.parts"):
        (tmp_path / taken).mkdir()
        with pytest.raises(ValueError, match=f"{taken} is there already"):
            score_on_ray(str(tmp_path / "names.parquet"), str(tmp_path / "out"), model, OPTIONS)
        (tmp_path / taken).rmdir()
