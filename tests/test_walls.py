"""The import walls between the rooms (docs/design.md): by reading the code, and by running it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"model", "pipeline", "service"}
ROOMS = [path.relative_to(ROOT) for room in sorted(OURS) for path in (ROOT / room).rglob("*.py")]

# Who alone may import what; the standard library and what is not listed here is free to the
# pipeline and the service, but not to the model.
DOORS = {
    "numba": {
        "model/bfloat16.py",
        "model/intrinsics.py",
        "model/loops.py",
        "model/products.py",
        "model/speller_loops.py",
        "pipeline/adam_loops.py",
        "pipeline/bulk/told_loops.py",
        "pipeline/loss_loops.py",
    },
    "torch": {
        "model/compiled_recurrence.py",
        "model/device.py",
        "model/fused.py",
        "model/rnn.py",
        "pipeline/adam.py",
        "pipeline/batches.py",
        "pipeline/gradient.py",
        "pipeline/graphs.py",
        "pipeline/ranks.py",
        "pipeline/rows.py",
        "pipeline/step.py",
        "pipeline/threads.py",
        "pipeline/train.py",
    },
    "llvmlite": {"model/compiled.py", "model/intrinsics.py"},
    "triton": {"model/fused.py", "model/kernel.py"},
    "prefect": {
        "pipeline/drift_flow.py",
        "pipeline/flows.py",
        "pipeline/locate.py",
        "pipeline/quiet.py",
        "pipeline/retrain.py",
        "pipeline/schedule.py",
        "pipeline/score_flow.py",
        "pipeline/serving.py",
    },
    "ray": {"pipeline/bulk/ray_data.py"},
    "bentoml": {"pipeline/store.py", "service/app.py"},
    "_bentoml_sdk": {"service/host.py"},
}
MODEL_MAY = {
    "llvmlite",
    "numba",
    "numpy",
    "torch",
    "triton",
    "safetensors",
    "threadpoolctl",
    "model",
}
MODEL_MAY |= sys.stdlib_module_names


def imports(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports anywhere in it."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("path", ROOMS, ids=str)
def test_no_file_looks_through_a_wall(path: Path) -> None:
    room, found = path.parts[0], set(imports(path))
    may = {"model": {"model"}, "pipeline": {"model", "pipeline"}, "service": {"model", "service"}}
    assert found & OURS <= may[room]
    for package, doors in DOORS.items():
        assert package not in found or path.as_posix() in doors
    if room == "model":
        assert found <= MODEL_MAY


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("service.app", {"torch", "numba", "prefect", "pipeline", "sklearn", "pandas"}),
        ("model.classifier", {"torch", "numba", "prefect", "bentoml", "pipeline", "service"}),
        ("pipeline.train", {"prefect", "bentoml", "service", "pydantic"}),
        ("pipeline.cli", {"torch", "prefect", "bentoml", "service"}),
        ("service.client", {"bentoml", "numpy", "orjson", "pipeline", "starlette", "torch"}),
    ],
)
def test_what_a_module_loads_in_the_end(module: str, never: set[str]) -> None:
    assert not never & loaded(f"import {module}")


def test_arrow_loads_no_pandas_for_its_own_sake() -> None:
    script = "import pyarrow; pyarrow.array(['a'])"
    settled = f"from pipeline.process import settle_arrow; settle_arrow(); {script}"
    assert "pandas" in loaded(script)
    assert "pandas" not in loaded(settled)
    assert "pandas" in loaded(f"{settled}; import pandas; pandas.Series(['a'])")


def loaded(script: str) -> set[str]:
    """The packages that a new process has, once it ran this."""
    script += "; import sys; print(*(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())
