from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument, UnknownArgument
from likewise.kernels import NNGP, depth_limit


def test_the_edge_of_relu():
    for variance in (0.3, 4.0):
        limit = depth_limit("relu", variance=variance)
        assert (limit.variance, limit.chi, limit.phase) == (variance, 1.0, "edge")
        assert limit.correlation == 1.0
        assert np.isinf(limit.layers)
    assert depth_limit("relu", weight_variance=1.9).phase == "order"
    assert depth_limit("relu", weight_variance=1.9).variance == 0.0
    assert depth_limit("relu", weight_variance=2.1).phase == "chaos"
    assert np.isinf(depth_limit("relu", weight_variance=2.1).variance)
    biased = depth_limit("relu", weight_variance=1.5, bias_variance=0.3)
    assert biased.variance == pytest.approx(0.3 / 0.25)  # q = 0.75 q + 0.3
    assert biased.layers == pytest.approx(-1 / np.log(0.75))


def test_it_is_where_deep_kernels_go():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3, 4))
    for weights, phase in ((1.0, "order"), (6.0, "chaos")):
        given = {"activation": "erf", "weight_variance": weights, "bias_variance": 0.2}
        limit = depth_limit(**given)
        assert limit.phase == phase
        K = NNGP(80, **given)(X)
        np.testing.assert_allclose(np.diag(K), limit.variance, rtol=1e-9)
        expected = limit.variance * limit.correlation
        np.testing.assert_allclose(K[np.triu_indices(3, 1)], expected, rtol=1e-6)
        # and the distance from it falls by 1/e in so many layers
        far = [NNGP(depth, **given)(X)[0, 1] - expected for depth in (12, 13)]
        assert -1 / np.log(far[1] / far[0]) == pytest.approx(limit.layers, rel=0.05)


def test_the_tanh_line_of_criticality():
    # Without biases, tanh leaves order where the variance of the weights passes 1.
    assert depth_limit("tanh", weight_variance=0.5).phase == "order"
    assert depth_limit("tanh", weight_variance=1.5).phase == "chaos"
    assert depth_limit("tanh", weight_variance=1.5).correlation == pytest.approx(0.0, abs=1e-9)


def test_bad_arguments():
    with pytest.raises(InvalidArgument, match="weight_variance > 0"):
        depth_limit("relu", weight_variance=-1.0)
    with pytest.raises(InvalidArgument, match="bias_variance >= 0"):
        depth_limit("relu", bias_variance=-1.0)
    with pytest.raises(InvalidArgument, match="variance > 0"):
        depth_limit("relu", variance=0.0)
    with pytest.raises(InvalidArgument, match="within -1 and 1"):
        depth_limit("relu", correlation=2.0)
    with pytest.raises(InvalidArgument, match="jumps"):
        depth_limit("sign")
    with pytest.raises(UnknownArgument):
        depth_limit("relu", layers=3)


def test_variances_that_grow_without_end():
    """Of ReLU correlations do not know the scale: they go to 1 though gradients explode."""
    limit = depth_limit("relu", weight_variance=3.0)
    assert (limit.variance, limit.phase) == (np.inf, "chaos")
    assert limit.chi == pytest.approx(1.5)
    assert limit.correlation == pytest.approx(1.0, abs=1e-2)
    assert not np.isnan(depth_limit("gelu", weight_variance=3.0).correlation)
