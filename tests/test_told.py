"""What is told of many names: by sorting with NumPy, in loops, and as one would say it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bulk.sets import coded
from pipeline.bulk.told import MEMBERS, Told, told, told_in_loops

LARGE = 300
"""More languages than a number's bits suffice for."""


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 20) | st.just(LARGE), st.integers(0, 999), st.booleans())
def test_both_ways_tell_the_same_and_what_is_so(N: int, C: int, seed: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    k = int(random.integers(1, C + 1))
    steps = 4 if ties else 2**20
    p = random.integers(steps, size=(N, C)).astype(np.float32) / np.float32(steps)
    sets = random.random((N, C)) < random.random()
    sets[np.arange(N), random.integers(C, size=N)] = True
    orders = [sorted(range(C), key=lambda c: (-row[c], c)) for row in p.tolist()]
    codes = [f"l{c}" for c in range(C)]
    both: list[Told] = [tell(p, sets, k) for tell in (told, told_in_loops)]
    for languages, best, keys in both:
        assert languages.tolist() == [order[:k] for order in orders]
        np.testing.assert_array_equal(best, np.take_along_axis(p, languages.astype(int), 1))
        ids, texts = coded(keys, p, sets, codes)
        assert [texts[i] for i in ids.tolist()] == [
            " ".join(codes[c] for c in order if members[c])
            for order, members in zip(orders, sets.tolist(), strict=True)
        ]
    np.testing.assert_array_equal(both[0].keys, both[1].keys)


@pytest.mark.parametrize("members", [MEMBERS, MEMBERS + 1])
def test_names_with_one_set_share_its_text_if_it_is_not_large(members: int) -> None:
    p = np.full((2, 12), 1 / 12, np.float32)
    sets = np.zeros((2, 12), bool)
    sets[:, :members] = True
    _, texts = coded(told(p, sets, 1).keys, p, sets, [*"abcdefghijkl"])
    assert set(texts) == {" ".join("abcdefghijkl"[:members])}
    assert len(texts) == (1 if members <= MEMBERS else 2)
