"""The loss of a training step and its gradient in loops that Numba compiles, from h_T on.

The terms are those of `pipeline.gradient.loss_of`.

Shapes: n names, R readings of each, H hidden, C languages.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

import numpy as np
from numba import float32, float64, int64, void

from model.loops import MATRIX, compiled


@compiled(float64(MATRIX, MATRIX, float64, int64))
def cross_entropy(logits, targets, consistency, names):
    """What n of so many `names` add to the mean loss, in nats; the logits become its gradient.

    Of logits (R n, C) and targets (n, C), whose rows add up to 1.
    """
    n, C = targets.shape
    R = len(logits) // n
    logs, p, slope = np.empty((3, R, C))
    loss = 0.0
    for name in range(n):
        for r in range(R):
            of_reading = logits[r * n + name]
            most, total = max(of_reading), 0.0
            for c in range(C):
                logs[r, c] = of_reading[c] - most
                p[r, c] = np.exp(logs[r, c])
                total += p[r, c]
            log_total = np.log(total)
            for c in range(C):
                logs[r, c] -= log_total
                p[r, c] /= total
                loss -= targets[name, c] * logs[r, c] / R
                slope[r, c] = (p[r, c] - targets[name, c]) / R
        if R == 2:
            for r in range(2):
                mine, other = p[r], p[1 - r]
                divergence = 0.0
                for c in range(C):
                    divergence += mine[c] * (logs[r, c] - logs[1 - r, c])
                loss += consistency * divergence / 2
                for c in range(C):
                    gap = logs[r, c] - logs[1 - r, c] - divergence
                    slope[r, c] += consistency * (mine[c] * gap + mine[c] - other[c]) / 2
        for r in range(R):
            for c in range(C):
                logits[r * n + name, c] = slope[r, c] / names
    return loss / names


@compiled(void(MATRIX, MATRIX, float64))
def drop(h, draw, share):
    """As `pipeline.batches.drop`, in place."""
    if share > 0:
        scale = float32(1 / (1 - share))
        for name in range(h.shape[0]):
            for unit in range(h.shape[1]):
                h[name, unit] *= scale if draw[name, unit] >= share else float32(0)


@compiled(float64(MATRIX, MATRIX, MATRIX, MATRIX, float64, float64, int64, MATRIX))
def learn(h, V, targets, draw, dropout, consistency, names, d_V):
    """As `cross_entropy`, from h (R n, H), which becomes the gradient; that of V (C, H) is written.

    `draw` (R n, H) decides what is dropped of h; without dropout nobody looks at it.
    """
    drop(h, draw, dropout)
    logits = np.dot(h, V.T)
    loss = cross_entropy(logits, targets, consistency, names)
    np.dot(logits.T, h, d_V)
    np.dot(logits, V, h)
    drop(h, draw, dropout)
    return loss
