"""The synthetic data of Shwartz-Ziv and Tishby 2017 (arXiv:1703.00810, section 3.1), made from their definition.

An input is 12 bits: which of 12 points spread evenly over a sphere are occupied. Its label is a coin that falls on 1
with probability sigmoid(gain (f - threshold)), f invariant under rotations of the sphere. They do not give f, gain and
threshold; here f is the power spectrum of the occupied points, degree l weighted by 1/l^2, and the other two are such
that half of all patterns have label 1 and label and input share 0.990 bits (theirs: about 0.99).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_legendre, expit

from trainables.subjects.datasets import Arrays

_GAIN, _THRESHOLD = 1000.0, 2.5655

_DEGREES = range(1, 13)


def load(root: str | None) -> Arrays:
    """All 4,096 patterns and a label for each, 85 % of them to learn from, always the same; `root` is not used."""
    patterns = ((np.arange(2**12)[:, None] >> np.arange(12)) & 1).astype(np.float32)
    random = np.random.default_rng(0)
    labels = (random.random(len(patterns)) < probability(patterns)).astype(np.int64)
    train, test = np.split(random.permutation(len(patterns)), [3_481])
    return patterns[train], labels[train], patterns[test], labels[test]


def probability(patterns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of label 1 for each pattern of 12 bits, shape (patterns,)."""
    points = _icosahedron()
    # By the addition theorem a degree's power is a sum of Legendre polynomials over pairs of occupied points.
    cosines = points @ points.T
    kernel = sum((2 * degree + 1) / (4 * np.pi * degree**2) * eval_legendre(degree, cosines) for degree in _DEGREES)
    spectrum = np.einsum("ni,ij,nj->n", patterns, kernel, patterns, dtype=np.float64)
    return np.asarray(expit(_GAIN * (spectrum - _THRESHOLD)))


def _icosahedron() -> NDArray[np.float64]:
    """Its 12 corners, on the unit sphere, shape (12, 3)."""
    golden = (1 + np.sqrt(5)) / 2
    corners = [corner for a in (1, -1) for b in (golden, -golden) for corner in ((0, a, b), (a, b, 0), (b, 0, a))]
    return np.array(corners) / np.sqrt(1 + golden**2)
