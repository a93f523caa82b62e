"""Two real processes, started by torchrun, learn what one learns."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import ranked
import torch
from made_up import table_of

from bench.servers import free_port
from model.artifact import load
from pipeline.batches import examples, rows
from pipeline.config import Config
from pipeline.table import NameTable
from pipeline.train import train

ROOT = Path(__file__).parent.parent
SCRIPT = str(ROOT / "tests" / "ranked.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
CONFIG = """
[training]
hidden = 256
batch = 128
ngrams = 2
epochs = 15
teachers = 0
learning_rate = 0.001
[gate]
min_accuracy = 0.1
min_macro_f1 = 0.1
max_ece = 1.0
"""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def by_two(*script: str, **more: str) -> None:
    """Run it under torchrun, in two processes with one thread each."""
    done = subprocess.run(
        [*TORCHRUN, *script],
        cwd=ROOT,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def two_threads() -> Iterator[None]:
    """One process with two, as two with one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def test_two_processes_have_the_losses_and_the_weights_of_one(tmp_path: Path) -> None:
    by_two(SCRIPT, str(tmp_path / "two.npz"))
    two = np.load(tmp_path / "two.npz")
    with two_threads():
        one = ranked.trained()
    assert set(two) == set(one)
    for name in two:
        np.testing.assert_array_equal(two[name], one[name], err_msg=name)


def test_two_processes_take_the_step_of_a_gpu_as_one_does(tmp_path: Path) -> None:
    by_two(SCRIPT, str(tmp_path / "two.npz"), "graphs")
    two, one = np.load(tmp_path / "two.npz"), ranked.in_graphs()
    for name in two:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_command_trains_in_two_processes_what_it_trains_in_one(tmp_path: Path) -> None:
    table = table_of({"el": "poulos", "pl": "czyk", "ru": "ov"}, "abdegiklmnoprstuvz", 600)
    names, config = tmp_path / "names.csv", tmp_path / "config.toml"
    pairs = zip(table.name, table.language, strict=True)
    names.write_text("name,language\n" + "".join(f"{n},{c}\n" for n, c in pairs), "utf-8")
    config.write_text(CONFIG, "utf-8")
    command = ["-m", "pipeline.cli", "train", "--source", str(names), "--config", str(config)]
    by_two(*command, BENTOML_HOME=str(tmp_path))

    (work,) = tmp_path.glob("*/work")
    (sides,), (trained,) = work.glob("split-*"), work.glob("train-*")
    artifact = load(trained / "artifact")
    assert artifact.training["processes"] == 2
    training, held_out = (NameTable.read(sides / f"{s}.parquet") for s in ("train", "validation"))
    codes = [language.code for language in artifact.languages]
    with two_threads():
        one = train(
            examples(training, codes),
            rows(held_out, codes),
            artifact.vocabulary,
            Config.read(config, {}).training,
            device="cpu",
        )
    for name in "WUV":
        np.testing.assert_array_equal(getattr(artifact, name), getattr(one, name))


@pytest.mark.parametrize("does", ["leaves", "sleeps"])
def test_who_is_left_alone_says_so_and_ends(does: str, tmp_path: Path) -> None:
    # As torchrun would start them, but with nobody who ends the one when the other has ended.
    told = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    told["MASTER_PORT"] = str(free_port())
    first, other = (
        subprocess.Popen(
            [sys.executable, SCRIPT, str(tmp_path / "never.npz"), does],
            cwd=ROOT,
            env=environment(**told, RANK=str(rank), LOCAL_RANK=str(rank)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    )
    try:
        _, said = first.communicate(timeout=60)
    finally:
        other.kill()
        other.communicate()
    assert first.returncode == 1
    assert "ValueError: rank 0 of 2 cannot go on: another rank has ended or does not answer" in said
    assert not list(tmp_path.iterdir())
