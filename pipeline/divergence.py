"""How far apart two sets of counts are, and how far chance alone would put them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 2000
CONFIDENCE = 0.99
_SEED = 36

Doubles = NDArray[np.float64]


def divergence(first: ArrayLike, second: ArrayLike) -> float:
    """The Jensen-Shannon divergence of two distributions over the same K bins, in bits: 0 to 1.

    With M = (P + Q) / 2 it is H(M) - (H(P) + H(Q)) / 2, H being Shannon's entropy to base 2. It
    is 0 for equal shares, 1 where no bin is in both, symmetric, and needs no invented count for a
    bin that is empty (J. Lin, Divergence Measures Based on the Shannon Entropy, IEEE Transactions
    on Information Theory 37, 1991). For shares that differ little it is about the population
    stability index over 8 ln 2, which is 5.5.

    The arguments are counts or shares (K,), not all 0.
    """
    return float(_divergence(_shares(first), _shares(second)))


def chance(first: ArrayLike, second: ArrayLike, sizes: tuple[int, int]) -> float:
    """The divergence that two samples of one population stay below with 99 %.

    The first two arguments are counts or shares (K,), neither of them all 0; `sizes` says of how
    many independent draws each is. The population is taken to be what both come to together; from
    it such samples are drawn `DRAWS` times (a parametric bootstrap), since the chi-squared
    approximation is off where bins are nearly empty. The same arguments give the same answer.
    """
    n, m = sizes
    together = (n * _shares(first) + m * _shares(second)) / (n + m)
    together /= together.sum()
    random = np.random.default_rng(_SEED)
    drawn = (_shares(random.multinomial(size, together, DRAWS)) for size in sizes)
    return float(np.quantile(_divergence(*drawn), CONFIDENCE))


def _divergence(P: Doubles, Q: Doubles) -> Doubles:
    """Of shares (..., K), along the last axis."""
    apart = _entropy((P + Q) / 2) - (_entropy(P) + _entropy(Q)) / 2
    return np.asarray(np.clip(apart, 0.0, 1.0))


def _entropy(shares: Doubles) -> Doubles:
    """In bits, of shares (..., K)."""
    logarithm = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-(shares * logarithm).sum(axis=-1))


def _shares(counts: ArrayLike) -> Doubles:
    """Of counts (..., K), not all 0."""
    numbers = np.asarray(counts, np.float64)
    return np.asarray(numbers / numbers.sum(axis=-1, keepdims=True))
