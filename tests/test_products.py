"""Products with a W laid out once, in float32 and in bfloat16, where this machine has them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.rounding import to_bfloat16
from model import compiled
from model.artifact import Artifact, Language
from model.classifier import Classifier
from model.compiled import (
    PANEL,
    Bfloat16States,
    CompiledStates,
    multiplies_bfloat16,
    processor_has,
)
from model.states import States
from model.vocabulary import Vocabulary
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.readers import Model

WHERE_VECTORS_ARE_WIDE = pytest.mark.skipif(
    not processor_has("avx512f"), reason="this processor has no AVX-512"
)
WHERE_IT_IS = pytest.mark.skipif(
    not multiplies_bfloat16(), reason="this processor does not multiply bfloat16"
)
SIZES = given(st.integers(0, 20), st.integers(1, 3), st.integers(0, 99))


def check(
    product: Callable[[NDArray[np.float32]], compiled.Product],
    rounded: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    n: int,
    panels: int,
    seed: int,
) -> None:
    """Of n states and so many panels, against NumPy's of what is rounded."""
    random, H = np.random.default_rng(seed), panels * PANEL
    h, W = (random.normal(size=shape).astype(np.float32) for shape in ((n, H), (H, H)))
    W[0] = np.float32(1 + 2**-8)  # between two bfloat16, of which the even one is 1
    out = np.full((n, H), np.nan, np.float32)
    product(W)(h, out)
    true = rounded(h.astype(float)) @ rounded(W.astype(float))
    np.testing.assert_allclose(out, true, rtol=1e-5, atol=1e-4)


@WHERE_VECTORS_ARE_WIDE
@settings(deadline=None)
@SIZES
def test_a_product_in_float32(n: int, panels: int, seed: int) -> None:
    from model import products

    check(products.product, lambda x: x, n, panels, seed)


@WHERE_IT_IS
@settings(deadline=None)
@SIZES
def test_a_product_in_bfloat16_is_that_of_what_is_rounded(n: int, panels: int, seed: int) -> None:
    from model import bfloat16

    check(bfloat16.product, to_bfloat16, n, panels, seed)


def probabilities(kind: type[States]) -> NDArray[np.float32]:
    """Of some names, by a random model that is large enough for one panel."""
    random = np.random.default_rng(0)
    names = ["".join(random.choice([*"aeiklnorst"], random.integers(1, 12))) for _ in range(700)]
    words = Vocabulary.fit(names)
    W, U, V = (
        random.normal(0, scale, shape).astype(np.float32)
        for scale, shape in ((0.1, (PANEL, PANEL)), (0.4, (PANEL, len(words))), (0.3, (3, PANEL)))
    )
    model = Artifact(W, U, V, words, tuple(Language(c, c) for c in "abc"))
    return Classifier(model, states=kind).probabilities(names)


def test_a_processor_without_wide_vectors_gives_the_same_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "FEW", 0)
    here = probabilities(CompiledStates)
    monkeypatch.setattr(compiled, "processor_has", lambda feature: False)
    np.testing.assert_allclose(probabilities(CompiledStates), here, atol=1e-6)
    np.testing.assert_allclose(probabilities(States), here, atol=1e-6)


@WHERE_IT_IS
def test_in_bfloat16_names_get_nearly_the_same_probabilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "FEW", 0)
    difference = np.abs(probabilities(CompiledStates) - probabilities(Bfloat16States)).max()
    assert 0 < difference < 0.02


@WHERE_IT_IS
def test_a_model_of_another_size_is_refused(
    artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "PANEL", 48)
    with pytest.raises(ValueError, match="H is 32; bfloat16 wants a multiple of 48"):
        Model.found(str(artifact)).scorer(ScoreOptions(column="name"), "cpu-bfloat16")


@pytest.mark.parametrize("reads", [True, False])
def test_a_processor_that_has_none_is_told(
    reads: bool, artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "multiplies_bfloat16", lambda: False)
    model = Model.found(str(artifact))
    with pytest.raises(ValueError, match="wants Numba and a processor with AVX-512 BF16"):
        model.scorer(ScoreOptions(column="name"), "cpu-bfloat16", reads=reads)
