from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_circles
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, UnknownArgument
from likewise.kernels import RBF, GraphProximity, Linear, SingularLimit
from likewise.kernels.machines import KernelKMeans


def inertia(K, labels):
    """The sum of squared distances to the means, cluster by cluster."""
    total = 0.0
    for c in np.unique(labels):
        block = K[np.ix_(labels == c, labels == c)]
        total += np.trace(block) - block.mean() * len(block)
    return total


def test_check_estimator():
    check_estimator(KernelKMeans(n_clusters=3), on_skip=None)


def test_finds_the_best_of_all_ways_to_cut_few_rows():
    X = np.random.default_rng(0).standard_normal((8, 2))
    K = RBF(length=0.8)(X)
    best = min(inertia(K, np.array(cut)) for cut in product(range(3), repeat=8))
    fitted = KernelKMeans(3, "precomputed", n_init=30).fit(K)
    assert fitted.inertia_ == pytest.approx(best)
    assert fitted.inertia_ == pytest.approx(inertia(K, fitted.labels_))


def test_with_a_linear_kernel_it_is_kmeans():
    X = np.random.default_rng(1).standard_normal((120, 3)) + np.repeat(np.eye(3) * 4, 40, axis=0)
    ours, theirs = KernelKMeans(3, Linear()).fit(X), KMeans(3, n_init=10, random_state=0).fit(X)
    assert adjusted_rand_score(ours.labels_, theirs.labels_) == 1.0
    assert ours.inertia_ == pytest.approx(theirs.inertia_)
    new = np.random.default_rng(2).standard_normal((30, 3)) * 3
    pairs = set(zip(ours.predict(new).tolist(), theirs.predict(new).tolist(), strict=True))
    assert len(pairs) == 3, "one cluster of ours for each of theirs"


def test_rings_that_kmeans_cannot_part():
    X, y = make_circles(200, factor=0.2, noise=0.03, random_state=0)
    labels = KernelKMeans(2, RBF(length=0.25), n_init=20).fit_predict(X)
    assert adjusted_rand_score(y, labels) == 1.0


def test_a_matrix_that_is_not_positive_is_shifted_and_still_the_best_is_found():
    rng = np.random.default_rng(3)
    K = rng.standard_normal((8, 8))
    K = K + K.T
    best = min(inertia(K, np.array(cut)) for cut in product(range(2), repeat=8))
    # Of cuts in two only: an empty cluster would change what the shift adds.
    best = min(inertia(K, np.array(cut)) for cut in product(range(2), repeat=8) if 0 < sum(cut) < 8)
    fitted = KernelKMeans(2, "precomputed", n_init=200).fit(K)
    assert fitted.shift_ == pytest.approx(-np.linalg.eigvalsh(K)[0])
    assert fitted.inertia_ == pytest.approx(best)


def test_predict_of_precomputed_rows_and_of_the_fitted_rows():
    X = np.random.default_rng(4).standard_normal((40, 2))
    k = RBF(length=0.7)
    whole = KernelKMeans(3, k).fit(X)
    given = KernelKMeans(3, "precomputed").fit(k(X))
    assert np.array_equal(whole.labels_, given.labels_)
    assert np.array_equal(whole.predict(X), whole.labels_)
    new = X + 0.05
    assert np.array_equal(whole.predict(new), given.predict(k(new, X)))


def test_nodes_of_a_graph():
    A = np.kron(np.eye(2), np.ones((5, 5))) - np.eye(10)
    A[4, 5] = A[5, 4] = 1.0
    k = GraphProximity(A, "communicability", t=0.5, log=True)
    fitted = KernelKMeans(2, k).fit(np.arange(10))
    assert adjusted_rand_score(np.repeat([0, 1], 5), fitted.labels_) == 1.0


def test_the_same_seed_the_same_clusters():
    X = np.random.default_rng(5).standard_normal((60, 2))
    runs = [KernelKMeans(5, RBF(), random_state=7).fit(X).labels_ for _ in range(2)]
    assert np.array_equal(*runs)


def test_equal_rows_leave_no_cluster_empty():
    labels = KernelKMeans(3, RBF()).fit_predict(np.ones((6, 2)))
    assert len(np.unique(labels)) == 3


@pytest.mark.parametrize(
    ("arguments", "X", "error"),
    [
        ({"n_clusters": 4}, np.eye(3), InvalidArgument),
        ({"n_clusters": 0}, np.eye(3), InvalidArgument),
        ({"kernel": "rbf"}, np.eye(3), InvalidArgument),
        ({"kernel": np.dot}, np.eye(3), InvalidType),
        ({"kernel": "precomputed", "n_clusters": 2}, np.ones((3, 2)), DimensionMismatch),
        ({"kernel": "precomputed", "n_clusters": 2}, np.triu(np.ones((3, 3))), InvalidArgument),
    ],
)
def test_impossible_calls(arguments, X, error):
    with pytest.raises(error):
        KernelKMeans(**arguments).fit(X)


def test_a_kernel_that_is_not_finite():
    with pytest.raises(InvalidArgument, match="is inf of row 0 and itself"):
        KernelKMeans(2, SingularLimit(dim=2)).fit(np.eye(3))


def test_a_wrong_name():
    with pytest.raises(UnknownArgument):
        KernelKMeans(k=3)
