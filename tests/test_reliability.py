from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluate import reliability
from pipeline.reliability import draw_calibration


@pytest.mark.parametrize("confidence", [[], [1.0], [0.0, 0.31, 0.33, 0.999]])
def test_a_reliability_diagram(confidence: list[float], tmp_path: Path) -> None:
    path = tmp_path / "calibration.png"
    answers = np.array(confidence, np.float32)
    draw_calibration(reliability(answers, answers > 0.32), path)
    assert path.read_bytes().startswith(b"\x89PNG")
