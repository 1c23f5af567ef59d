"""`Rotation` keeps distances, and finds the axes that scikit-learn finds."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, UnknownArgument
from likewise.index import Rotation
from likewise.metrics import resolve

rng = np.random.default_rng(0)
X = (rng.standard_normal((500, 20)) @ rng.standard_normal((20, 20)) + 1).astype(np.float32)


@pytest.mark.parametrize("centre", [False, True])
def test_distances_stay(centre):
    turned = Rotation.learn(X, centre=centre).apply(X)
    kept = ("euclidean", "sqeuclidean") if centre else ("euclidean", "cosine", "dot")
    for name in kept:
        pairwise = resolve(name).pairwise
        before, after = pairwise(X[:50], X), pairwise(turned[:50], turned)
        np.testing.assert_allclose(after, before, rtol=0, atol=3e-6 * np.abs(before).max())


def test_a_shift_would_change_inner_products():
    turned = Rotation.learn(X, centre=True).apply(X)
    before, after = X @ X.T, turned @ turned.T
    assert np.abs(after - before).max() > 1.0


def test_it_is_orthonormal_and_undone():
    rotation = Rotation.learn(X, centre=True)
    wide = rotation.matrix.astype(np.float64)
    np.testing.assert_allclose(wide @ wide.T, np.eye(20), atol=1e-6)
    np.testing.assert_allclose(rotation.undo(rotation.apply(X)), X, atol=2e-5)


def test_the_axes_are_those_of_scikit_learn():
    rotation, pca = Rotation.learn(X, centre=True), PCA(svd_solver="full").fit(X)
    agreement = np.abs(np.vecdot(rotation.matrix, pca.components_))
    np.testing.assert_allclose(agreement, 1.0, atol=1e-5)
    np.testing.assert_allclose(
        rotation.variances, pca.explained_variance_ * (len(X) - 1) / len(X), rtol=1e-4
    )
    measured = (rotation.apply(X).astype(np.float64) ** 2).mean(axis=0)
    np.testing.assert_allclose(measured, rotation.variances, rtol=1e-4)


def test_a_prefix_and_one_row_alone_are_the_same():
    rotation = Rotation.learn(X)
    np.testing.assert_allclose(rotation.apply(X, dims=3), rotation.apply(X)[:, :3], atol=2e-5)
    each = rotation.apply_each(X[:7], 3)
    np.testing.assert_array_equal(each[2:3], rotation.apply_each(X[2:3], 3))
    np.testing.assert_allclose(each, rotation.apply(X[:7], dims=3), atol=2e-5)


def test_files():
    rotation = Rotation.learn(X)
    again = Rotation.from_arrays(rotation.to_arrays())
    np.testing.assert_array_equal(again.apply(X), rotation.apply(X))


def test_errors():
    with pytest.raises(InvalidArgument, match="at least one row"):
        Rotation.learn(np.empty((0, 3)))
    with pytest.raises(InvalidType, match="centre"):
        Rotation.learn(X, centre="yes")
    with pytest.raises(UnknownArgument, match="centre"):
        Rotation.learn(X, center=True)
    with pytest.raises(DimensionMismatch):
        Rotation.learn(X).apply(X[:, :3])
