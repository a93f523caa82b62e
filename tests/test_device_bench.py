"""The device's bench where there is no device, and all benches where there is little else."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_train import TRAINING

from bench import device
from bench.names import load, read_csv
from pipeline.batches import Examples

ROOT = Path(__file__).parent.parent


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """40 names of each of two languages, without a header."""
    stems = [a + b for a in ("kow", "lew", "zel", "kam", "pap", "nik", "geo") for b in "aeiouy"][
        :40
    ]
    lines = [f'"{stem}ski","pl"' for stem in stems] + [f'"{stem}ou","el"' for stem in stems]
    path = tmp_path / "names.csv"
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_a_bare_machine_trains_and_measures(data: Path) -> None:
    script = [sys.executable, "tests/bare_machine.py", str(data)]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "without ftfy names are measured uncleaned" in done.stderr
    assert "trained (8, 8) on 80 names" in done.stdout
    assert "Training, H = 8, 64 names" in done.stdout


def test_names_are_read_as_they_stand_with_a_header_or_without(data: Path) -> None:
    plain = read_csv(data)
    assert (len(plain), set(plain.language)) == (80, {"pl", "el"})
    lines = data.read_text("utf-8").splitlines()
    turned = [",".join(reversed(line.split(","))) for line in lines]
    data.write_text("\n".join(["language,name", *turned, "xx,lonely", "pl"]), "utf-8")
    assert read_csv(data).name == plain.name
    assert sorted(load(str(data)).name) == sorted(plain.name)
    data.write_text("a,b", "utf-8")
    with pytest.raises(ValueError, match=r"no language in .* has 20 names"):
        read_csv(data)
    with pytest.raises(ValueError, match="only CSV files are read"):
        read_csv(Path("builtin"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_without_cuda_the_suite_says_so_and_fails(data: Path) -> None:
    script = [sys.executable, "-m", "bench", "device", "--data", str(data)]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "bench: the suite 'device' measures a CUDA device, and torch finds none\n"
    )


def test_all_of_its_tables_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "PLAIN", replace(device.PLAIN, hidden=8))
    monkeypatch.setattr(device, "SEED", replace(device.SEED, hidden=6, batch=8, epochs=2))
    monkeypatch.setattr(device, "BATCHES", (8,))
    monkeypatch.setattr(device, "FORWARD", 64)
    monkeypatch.setattr(device, "FORWARD_BATCH", 16)
    monkeypatch.setattr(device, "ALIKE", 5)
    known = Examples(list(TRAINING.names), np.asarray(TRAINING.targets))
    seed, training, forward, exactness = device.tables(known, torch.device("cpu"))
    assert "2 epochs of 20 names, H = 6, batch 8" in seed.text()
    assert [row["side"] for row in training.rows] == [device.OURS, device.LOOP, device.LAYER]
    assert len(forward.rows) == 3
    assert [row["probabilities"] for row in exactness.rows] == [0.0, 0.0]
