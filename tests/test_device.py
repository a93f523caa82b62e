"""The recurrence along a tree in torch, which a GPU needs, against NumPy's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.classifier import Classifier
from model.device import on_device

NAMES = ["Kowalski", "Kowalska", "田中", "", "a", "Papadopoulos", "Kowal"] * 3
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
    ),
]


@pytest.mark.parametrize("device", DEVICES)
def test_answers_are_numpys(device: str, artifact: Path) -> None:
    classifier = Classifier.load(artifact)
    there = on_device(classifier, device)
    for names in (NAMES, NAMES[:1], []):
        np.testing.assert_allclose(
            there.probabilities(names), classifier.probabilities(names), atol=2e-6
        )


def test_a_device_that_is_not_there_is_refused(artifact: Path) -> None:
    with pytest.raises(ValueError, match=r"device is 'cuda:9': .*; expected 'cpu'"):
        on_device(Classifier.load(artifact), "cuda:9")
