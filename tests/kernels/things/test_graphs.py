from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csr_array

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels import GraphProximity, largest_component, proximity_grid
from likewise.kernels.things.graphs import MEASURES, SYNONYMS, exponential
from likewise.testing.kernel import KernelConformance


def two_blocks(n=30, inside=0.6, between=0.2, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n // 2)
    chance = np.where(labels[:, None] == labels, inside, between)
    upper = np.triu(rng.random((n, n)) < chance, 1).astype(float)
    return upper + upper.T, labels


ADJACENCY, LABELS = two_blocks(60)


@cache
def of_the_graph(measure, t):
    return by_series(measure, ADJACENCY, t)


def by_series(measure, A, t):
    """Every measure from its definition: sums over walks, or eigenvalues."""
    n, degrees = len(A), A.sum(axis=1)
    L = np.diag(degrees) - A
    if measure == "walk":
        return sum((t**i * np.linalg.matrix_power(A, i) for i in range(200)), np.zeros((n, n)))
    if measure == "communicability":
        return expm(t * A) * np.exp(-t * np.linalg.eigvalsh(A)[-1])
    if measure == "pagerank":
        P = A / degrees[:, None]
        walks = sum((t**i * np.linalg.matrix_power(P, i) for i in range(200)), np.zeros((n, n)))
        return walks / degrees
    values, vectors = np.linalg.eigh(L)
    if measure == "commute":
        inverse = np.where(values > 1e-9, 1 / np.where(values > 1e-9, values, 1), 0)
    else:
        inverse = 1 / (1 + t * values) if measure == "forest" else np.exp(-t * values)
    return vectors * inverse @ vectors.T


STRENGTH = {"walk": 0.03, "pagerank": 0.8}


class TestGraphProximity(KernelConformance):
    vectors = False

    def make(self):
        return GraphProximity(ADJACENCY, "communicability", t=0.1)

    def variants(self):
        plain = [GraphProximity(ADJACENCY, m, t=STRENGTH.get(m, 0.3)) for m in MEASURES]
        logs = [
            GraphProximity(ADJACENCY, m, t=STRENGTH.get(m, 0.3), log=True)
            for m in MEASURES
            if m != "commute"
        ]
        return plain + logs

    def rows(self, n, seed=0):
        return np.random.default_rng(seed).permutation(60)[:n]

    def plain(self, kernel, x, y):
        K = of_the_graph(kernel.measure, kernel.t)
        return np.log(K[x, y]) if kernel.log else K[x, y]


def test_other_names_of_measures():
    for name, own in SYNONYMS.items():
        one, other = GraphProximity(ADJACENCY, name, t=0.01), GraphProximity(ADJACENCY, own, t=0.01)
        np.testing.assert_array_equal(one.matrix(), other.matrix())
        np.testing.assert_array_equal(
            proximity_grid(ADJACENCY, name), proximity_grid(ADJACENCY, own)
        )


def test_one_node_beside_another_is_a_number():
    k = GraphProximity(ADJACENCY, "forest")
    assert k(3, 5) == k.matrix()[3, 5]
    assert k([3], [5]).shape == (1, 1)


def test_a_sparse_adjacency_is_the_same_graph():
    sparse = GraphProximity(csr_array(ADJACENCY), "heat", t=0.2)
    np.testing.assert_array_equal(
        sparse.matrix(), GraphProximity(ADJACENCY, "heat", t=0.2).matrix()
    )


def test_walks_and_rows_of_diffusion_add_up():
    np.testing.assert_allclose(GraphProximity(ADJACENCY, "heat", t=2.0).matrix().sum(1), 1.0)
    np.testing.assert_allclose(GraphProximity(ADJACENCY, "forest", t=2.0).matrix().sum(1), 1.0)


def test_commute_distances_are_resistances():
    path = np.diag(np.ones(4), 1) + np.diag(np.ones(4), -1)
    distances = 2 * GraphProximity(path, "commute").distances()
    np.testing.assert_allclose(distances, np.abs(np.subtract.outer(range(5), range(5))), atol=1e-12)


def test_small_proximities_keep_their_digits():
    """On a long path the proximity of the ends is t^39 / 39! and higher terms: far below 1e-16."""
    path = np.diag(np.ones(39), 1) + np.diag(np.ones(39), -1)
    values, vectors = np.linalg.eigh(path)
    K = GraphProximity(path, "communicability", t=1.0)
    # Walks from end to end: one of 39 steps, and 38 of 41 that turn back once.
    walks = np.exp([-np.log(np.arange(1, i + 1)).sum() - values[-1] for i in (39, 41)])
    first = walks @ [1, 38]
    np.testing.assert_allclose(K.matrix()[0, 39], first, rtol=1e-3)
    # Eigenvectors give the large ones well, and nothing of this one.
    assert abs((vectors * np.exp(values)) @ vectors.T)[0, 39] > 100 * first
    assert np.isfinite(GraphProximity(path, "heat", t=0.01, log=True).matrix()).all()


def test_exponential_of_large_matrices():
    A = np.array([[0.0, 2000.0], [2000.0, 0.0]])
    np.testing.assert_allclose(exponential(A, 2000.0), [[0.5, 0.5], [0.5, 0.5]], rtol=1e-9)


def test_grids_stay_in_range():
    for measure in MEASURES:
        for t in proximity_grid(ADJACENCY, measure, 7):
            GraphProximity(ADJACENCY, measure, t=t)


def test_largest_component():
    A = np.zeros((5, 5))
    A[1, 3] = A[3, 1] = A[3, 4] = A[4, 3] = 1.0
    assert largest_component(A).tolist() == [1, 3, 4]


PIECES = np.kron(np.eye(2), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((ADJACENCY, "kats"), InvalidArgument, "must be one of walk"),
        ((ADJACENCY, "walk", 1.0), InvalidArgument, "below 1/r"),
        ((ADJACENCY, "heat", 0.0), InvalidArgument, "t must be positive"),
        ((ADJACENCY, "pagerank", 1.0), InvalidArgument, "below 1"),
        ((np.zeros((2, 2)), "pagerank", 0.5), InvalidArgument, "node 0 has no edge"),
        (([[0, 1], [0, 0]],), InvalidArgument, "undirected"),
        (([[0, -1], [-1, 0]],), InvalidArgument, "0 or more"),
        (([[0, np.nan], [np.nan, 0]],), InvalidVector, "finite"),
        (([[0, 1]],), DimensionMismatch, r"\(1, 2\)"),
        (([["a"]],), InvalidType, "numbers"),
    ],
)
def test_impossible_graphs(arguments, error, says):
    with pytest.raises(error, match=says):
        GraphProximity(*arguments)


def test_logarithms_that_there_are_not():
    with pytest.raises(InvalidArgument, match=r"2 pieces.*largest_component"):
        GraphProximity(PIECES, "heat", log=True)
    with pytest.raises(InvalidArgument, match="negative"):
        GraphProximity(ADJACENCY, "commute", log=True)
    path = np.diag(np.ones(199), 1) + np.diag(np.ones(199), -1)
    with pytest.raises(InvalidArgument, match="underflow"):
        GraphProximity(path, "heat", t=1e-3, log=True).matrix()


@pytest.mark.parametrize("nodes", [[0, 60], [-1], ["a"], [0.5], [[0, 1]]])
def test_nodes_that_there_are_not(nodes):
    with pytest.raises((InvalidArgument, InvalidType)):
        GraphProximity(ADJACENCY)(nodes)


@pytest.mark.parametrize("measure", list(MEASURES))
def test_every_measure_has_a_usual_t(measure):
    ring = np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0)
    usual = {"walk": 0.25, "pagerank": 0.85}.get(measure, 1.0)
    expected = GraphProximity(ring, measure, t=usual).matrix()
    np.testing.assert_allclose(GraphProximity(ring, measure).matrix(), expected, rtol=1e-9)
