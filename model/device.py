"""The recurrence along a tree of prefixes on a device that torch knows, such as "cuda".

Shapes: n names of a tree, H hidden.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.classifier import Classifier
from model.prefixes import Level
from model.states import States
from model.vocabulary import Vocabulary

Floats = NDArray[np.float32]


class DeviceStates(States):
    """The same answers as `States`, but for the last bits of a float32."""

    def __init__(self, W: Floats, U: Floats, vocabulary: Vocabulary, *, device: str) -> None:
        super().__init__(W, U, vocabulary)
        self._on = torch.device(device)
        self._W_there, self._sums_there, self._start_there = map(
            self._send, (self._W, self._sums, self._start)
        )

    @torch.inference_mode()
    def last(self, tree: Sequence[Level], n: int) -> Floats:
        """h_T (n, H) of the n names of a tree."""
        last = torch.zeros(n, self.hidden, device=self._on)
        carried = self._start_there
        for level in tree:
            features, parents, closing, names, ends = (self._send(array) for array in level)
            h = carried[parents] + self._sums_there[features]
            h[level.inner :] += self._sums_there[closing]
            h.tanh_()
            last[names] = h[level.inner :][ends]
            carried = h[: level.inner] @ self._W_there
        return last.cpu().numpy()

    def _send(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array).to(self._on)


def on_device(classifier: Classifier, device: str) -> Classifier:
    """The same model, which computes its states there.

    Raises:
        ValueError: torch has no such device here.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        first = str(error).splitlines()[0]
        raise ValueError(f"device is {device!r}: {first}; expected 'cpu'") from error
    return Classifier(
        classifier.artifact, classifier.evidence, partial(DeviceStates, device=device)
    )
