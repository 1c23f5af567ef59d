from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument
from likewise.kernels import RBF, SpectralMixture
from likewise.kernels.classical.spectral_mixture import wave_derivatives
from likewise.testing.kernel import KernelConformance


class TestSpectralMixture(KernelConformance):
    features = 4000

    def make(self):
        return SpectralMixture([0.1, 0.4], [1.5, 3.0], [0.5, 0.7])

    def variants(self):
        return [SpectralMixture(0.2, 2.0, 1.5), SpectralMixture([0.1, 0.3], bounds={})]

    def plain(self, kernel, x, y):
        parts = np.broadcast_arrays(kernel.frequencies, kernel.lengths, kernel.weights)
        out = 1.0
        for t in x - y:
            out *= sum(
                w * np.exp(-(t**2) / (2 * length**2)) * np.cos(2 * np.pi * f * t)
                for f, length, w in zip(*map(np.atleast_1d, parts), strict=True)
            )
        return out


def test_slow_waves_are_a_gaussian():
    X = np.random.default_rng(0).standard_normal((9, 3))
    np.testing.assert_allclose(SpectralMixture(1e-9, 0.7)(X), RBF(0.7)(X), atol=1e-12)


def test_derivatives_are_those_of_a_polynomial_through_the_values():
    f, lengths, at = np.array([0.5, 0.1]), np.array([0.8, 2.0]), 0.3
    nodes = np.polynomial.chebyshev.chebpts1(30)
    values = wave_derivatives(at + nodes, f, lengths, 0)[0]
    for q in range(2):
        series = np.polynomial.Chebyshev.fit(nodes, values[q], 29, domain=[-1, 1])
        got = [d[q, 0] for d in wave_derivatives(np.array([at]), f, lengths, 4)]
        expected = [series(0.0)] + [series.deriv(n)(0.0) for n in range(1, 5)]
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-8)


def test_lengths_of_another_number():
    with pytest.raises(InvalidArgument, match="there are 2 frequencies, 3 lengths"):
        SpectralMixture([1.0, 2.0], [1.0, 2.0, 3.0])
