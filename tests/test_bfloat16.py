"""Products in bfloat16, where this machine has them, and that it says so where it has not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rounding import to_bfloat16
from model import compiled
from model.artifact import Artifact, Language
from model.classifier import Classifier
from model.compiled import PANEL, Bfloat16States, CompiledStates, multiplies_bfloat16
from model.vocabulary import Vocabulary
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.readers import Model

WHERE_IT_IS = pytest.mark.skipif(
    not multiplies_bfloat16(), reason="this processor does not multiply bfloat16"
)


@WHERE_IT_IS
@settings(deadline=None)
@given(st.integers(0, 20), st.integers(1, 3), st.integers(0, 99))
def test_a_product_is_that_of_what_is_rounded(n: int, panels: int, seed: int) -> None:
    from model import bfloat16

    random, H = np.random.default_rng(seed), panels * PANEL
    h, W = (random.normal(size=shape).astype(np.float32) for shape in ((n, H), (H, H)))
    W[0] = np.float32(1 + 2**-8)  # between two, of which the even one is 1
    out, room = np.full((n, H), np.nan, np.float32), np.empty((n, H // 2), np.int32)
    bfloat16.multiply(h, bfloat16.packed(W), room, out)
    np.testing.assert_allclose(
        out, to_bfloat16(h.astype(float)) @ to_bfloat16(W.astype(float)), rtol=1e-5, atol=1e-4
    )


@WHERE_IT_IS
def test_names_get_nearly_the_same_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "FEW", 0)
    random = np.random.default_rng(0)
    names = ["".join(random.choice([*"aeiklnorst"], random.integers(1, 12))) for _ in range(700)]
    words = Vocabulary.fit(names)
    W, U, V = (
        random.normal(0, scale, shape).astype(np.float32)
        for scale, shape in ((0.1, (PANEL, PANEL)), (0.4, (PANEL, len(words))), (0.3, (3, PANEL)))
    )
    model = Artifact(W, U, V, words, tuple(Language(c, c) for c in "abc"))
    exact, fast = (Classifier(model, states=kind) for kind in (CompiledStates, Bfloat16States))
    difference = np.abs(exact.probabilities(names) - fast.probabilities(names)).max()
    assert 0 < difference < 0.02


@WHERE_IT_IS
def test_a_model_of_another_size_is_refused(artifact: Path) -> None:
    with pytest.raises(ValueError, match=f"H is 32; bfloat16 wants a multiple of {PANEL}"):
        Model.found(str(artifact)).scorer(ScoreOptions(column="name"), "cpu-bfloat16")


@pytest.mark.parametrize("reads", [True, False])
def test_a_processor_that_has_none_is_told(
    reads: bool, artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "multiplies_bfloat16", lambda: False)
    model = Model.found(str(artifact))
    with pytest.raises(ValueError, match="wants Numba and a processor with AVX-512 BF16"):
        model.scorer(ScoreOptions(column="name"), "cpu-bfloat16", reads=reads)
