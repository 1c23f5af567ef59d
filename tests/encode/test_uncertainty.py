"""Gaussians from bags of vectors agree with a loop, and lean on each other where bags are short."""

from itertools import pairwise

import numpy as np
import pytest

from likewise.encode import uncertainty
from likewise.encode.uncertainty import gaussians_of
from likewise.errors import InvalidArgument, InvalidVector, UnknownArgument

rng = np.random.default_rng(0)
SIZES = [1, 5, 2, 40, 3]
OFFSETS = np.r_[0, np.cumsum(SIZES)]
X = rng.standard_normal((sum(SIZES), 4)).astype(np.float32) * [1, 2, 3, 4]


@pytest.mark.parametrize("prior", [0.5, 4.0])
@pytest.mark.parametrize("block", [1, 6, 7, 1000])
def test_it_is_the_loop(prior, block, monkeypatch):
    monkeypatch.setattr(uncertainty, "BLOCK", block)
    found = gaussians_of(X, OFFSETS, prior=prior)
    bags = [X[a:b] for a, b in pairwise(OFFSETS)]
    within = sum(((bag - bag.mean(axis=0)) ** 2).sum(axis=0) for bag in bags)
    pooled = within / (len(X) - len(bags))
    for mean, variance, bag in zip(found.means, found.variances, bags, strict=True):
        np.testing.assert_allclose(mean, bag.mean(axis=0), rtol=1e-5)
        squares = ((bag - bag.mean(axis=0)) ** 2).sum(axis=0)
        np.testing.assert_allclose(
            variance, (squares + prior * pooled) / (len(bag) + prior), rtol=1e-5
        )


def test_long_bags_speak_for_themselves():
    wide = rng.standard_normal((5000, 4)) * 3
    found = gaussians_of(np.concatenate([X, wide]), [*OFFSETS, len(X) + 5000])
    np.testing.assert_allclose(found.variances[-1], wide.var(axis=0), rtol=1e-2)


def test_errors():
    for offsets in ([0, 3], [1, len(X)], [0, 9, 4, len(X)]):
        with pytest.raises(InvalidArgument, match="ascend from 0"):
            gaussians_of(X, offsets)
    with pytest.raises(InvalidArgument, match="bag 1 has no vectors"):
        gaussians_of(X, [0, 4, 4, len(X)])
    with pytest.raises(InvalidArgument, match="integers"):
        gaussians_of(X, [0.0, 4.0])
    with pytest.raises(InvalidArgument, match="prior"):
        gaussians_of(X, OFFSETS, prior=-1)
    with pytest.raises(InvalidArgument, match="floor"):
        gaussians_of(X, OFFSETS, floor=0)
    with pytest.raises(InvalidVector, match="bag 0 has no spread in dimension 0"):
        gaussians_of(X, OFFSETS, prior=0)
    assert gaussians_of(X, OFFSETS, prior=0, floor=0.5).variances.min() == 0.5
    with pytest.raises(UnknownArgument, match="did you mean 'floor'"):
        gaussians_of(X, OFFSETS, floors=1)
