"""Compiled loops, where what they are part of does not show it."""

import numba
import numpy as np

from model import loops


def test_tanh_is_as_exact_as_float32_can_tell() -> None:
    x = np.linspace(-12, 12, 20_001, dtype=np.float32)
    y = np.array([loops.tanh(value) for value in x])
    np.testing.assert_allclose(y, np.tanh(x.astype(np.float64)), rtol=1e-6, atol=3e-7)
    assert loops.tanh(np.float32(0)) == 0, "padding stays as it is"
    assert np.isnan(loops.tanh(np.float32("nan"))), "a training that went wrong is noticed"


def test_where_nothing_can_be_cached_it_is_compiled_all_the_same() -> None:
    of_no_file = eval("lambda x: x + 1")  # so there is no place for its cache
    assert loops.compiled(numba.int64(numba.int64))(of_no_file)(2) == 3
