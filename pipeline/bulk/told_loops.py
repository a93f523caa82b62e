"""What is told of a name, in loops that Numba compiles; `told.py` has the same with NumPy.

Shapes: N names, C languages, k of them told.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

import numpy as np
from numba import boolean, float32, int16, int64, uint64, void

from model.loops import MATRIX, compiled
from pipeline.bulk.told import BITS, MEMBERS

SETS = boolean[:, ::1]


@compiled(void(float32[::1], int64[::1], int64, int64))
def enter(p, places, n, place):
    """Put one more among n places, which are in order of p (C,), the highest first."""
    while n > 0 and p[places[n - 1]] < p[place]:
        places[n] = places[n - 1]
        n -= 1
    places[n] = place


@compiled(void(MATRIX, int16[:, ::1], MATRIX))
def most_probable(probabilities, languages, best):
    """The k most probable languages (N, k) and their probabilities (N, k); of equals the first."""
    k = languages.shape[1]
    places = np.empty(k + 1, np.int64)
    for name in range(len(probabilities)):
        p, n, least = probabilities[name], 0, float32(-1)
        for c in range(len(p)):
            if p[c] > least:
                enter(p, places, n, c)
                n = min(n + 1, k)
                least = p[places[k - 1]] if n == k else float32(-1)
        for j in range(k):
            languages[name, j], best[name, j] = places[j], p[places[j]]


@compiled(void(MATRIX, SETS, uint64[::1]))
def keys(probabilities, sets, found):
    """The number (N,) of each set, as `Told.keys` has it."""
    places = np.empty(MEMBERS, np.int64)
    for name in range(len(sets)):
        n = 0
        for c in range(sets.shape[1]):
            if sets[name, c]:
                if n < MEMBERS:
                    enter(probabilities[name], places, n, c)
                n += 1
        key = uint64(0)
        if n <= MEMBERS:
            for i in range(n):
                key |= uint64(places[i] + 1) << uint64(BITS * i)
        found[name] = key
