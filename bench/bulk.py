"""A column of names through `namelang score`, from file to file, and the same job done otherwise.

Every run of ours is a process of its own, started from nothing. The memory of all its processes is
looked at in a run that is not timed, since to look costs them a fifth of the time. Others score a
part of the rows, in this process, with the model already there.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from bench import surnames
from bench.bulk_parts import parts_of_the_work
from bench.bulk_peers import jobs
from bench.report import Rate, Row, Table, seconds_of
from bench.rounding import promoted
from model.classifier import Classifier
from model.compiled import multiplies_bfloat16
from pipeline.table import NameTable

LOOK = 0.1  # seconds between two looks at memory
RATES = {"rows/s": ",.0f", "min": ",.0f", "max": ",.0f"}


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rows: int = 10_000_000
    parted: int = 1_000_000
    """Rows of which it is told where the time goes."""
    runs: int = 3


def measure(table: NameTable, plan: Plan = Plan()) -> Iterator[Table]:
    """Ours from file to file, where its time goes, and the others.

    Raises:
        ValueError: no model is promoted.
    """
    classifier = promoted()
    if classifier is None:
        raise ValueError("no model is promoted; `namelang train` makes one")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        columns = {"natural": surnames.natural, "distinct": surnames.distinct}
        files = {kind: folder / f"{kind}.parquet" for kind in columns}
        distinct: dict[str, int] = {}
        for kind, column in columns.items():
            names = column(table, plan.rows)
            distinct[kind] = len(set(names))
            surnames.write(names, files[kind])
        yield ours(files, distinct, plan)
        yield parts_of_the_work(classifier, files, plan.parted)
        yield others(classifier, table, files["natural"], plan)


class Case(NamedTuple):
    """What is scored, and how."""

    names: str
    out: str
    device: str


def cases() -> list[Case]:
    """Those that this machine can do."""
    found = [Case("natural", "a folder", "cpu"), Case("natural", "one file", "cpu")]
    devices = ["cpu", "cpu-compiled"] + ["cpu-bfloat16"] * multiplies_bfloat16()
    return found + [Case("distinct", "a folder", device) for device in devices]


def ours(files: Mapping[str, Path], distinct: Mapping[str, int], plan: Plan) -> Table:
    """Rows a second by what the names are like, what comes out and how it is computed."""
    sides = {case: partial(run, files[case.names], case) for case in cases()}
    peaks = {case: side(look=True) for case, side in sides.items()}
    runs = [{case: seconds_of(side) for case, side in sides.items()} for _ in range(plan.runs)]
    rows: list[Row] = []
    for case in sides:
        rate = Rate.of(plan.rows, [seconds[case] for seconds in runs])
        row: Row = {
            "names": case.names,
            "distinct": distinct[case.names],
            "OUT": case.out,
            "--device": case.device,
            **dict(zip(RATES, rate, strict=True)),
            "peak MB": peaks[case] / 1e6,
        }
        rows.append(row)
    return Table(
        f"namelang score, Parquet to Parquet, {plan.rows:,} rows of three columns",
        {"names": "", "distinct": ",d", "OUT": "", "--device": ""} | RATES | {"peak MB": ",.0f"},
        rows,
        "from the start of the command to its end; three languages, verdict, set beside each row",
    )


def run(source: Path, case: Case, look: bool = False) -> float:
    """Score a file as people do; the most bytes that it held, if that is looked at."""
    target = source.with_name("out" if case.out == "a folder" else "out.parquet")
    line = [sys.executable, "-m", "pipeline.cli", "score", str(source)]
    line += [f"{target}/" if case.out == "a folder" else str(target), "--column", "surname"]
    line += ["--device", case.device]
    peak = 0.0
    with subprocess.Popen(line, stdout=subprocess.DEVNULL) as process:
        while look and process.poll() is None:
            peak = max(peak, memory(psutil.Process(process.pid)))
            time.sleep(LOOK)
    if process.returncode:
        raise RuntimeError(f"{' '.join(line)} ended with {process.returncode}")
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    return peak


def memory(process: psutil.Process) -> float:
    """Bytes of a process and its children; of a page that n of them share each has an n-th."""
    total = 0.0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except psutil.Error:  # it has just ended
        pass
    return total


def others(classifier: Classifier, table: NameTable, source: Path, plan: Plan) -> Table:
    """Rows a second of the same job, done as people would."""
    rows: list[Row] = []
    for who, (job, size) in jobs(classifier, table, source, plan.rows).items():
        rate = Rate.of(size, [seconds_of(job) for _ in range(plan.runs)])
        rows.append({"who": who, "of rows": size, **dict(zip(RATES, rate, strict=True))})
    return Table(
        "The same job otherwise: Parquet in, one language and its probability beside each row",
        {"who": "", "of rows": ",d"} | RATES,
        rows,
        "the first rows of the natural column; no time to start and to load a model in it",
    )
