"""Pseudo-query embeddings: k-means in loops, scores in closed form, topics found."""

import numpy as np
import pytest

from likewise.encode.pseudo_queries import PseudoQueries, attention_scores
from likewise.errors import InvalidArgument, InvalidType, InvalidVector, UnknownArgument
from likewise.index import MultiVector
from likewise.vectors import as_bags


def slow(bag, k, iterations):
    """Lloyd's iterations, vector by vector; data without empty centres."""
    centres = [bag[j * len(bag) // k].astype(float) for j in range(k)]
    for _ in range(iterations):
        groups = [[] for _ in range(k)]
        for x in bag:
            apart = [sum((a - b) ** 2 for a, b in zip(x, c, strict=True)) for c in centres]
            groups[int(np.argmin(apart))].append(x)
        centres = [np.mean(group, axis=0) for group in groups]
    return np.array(centres)


@pytest.mark.parametrize("iterations", [0, 1, 3, 50])
def test_centres_are_lloyd_s(iterations):
    rng = np.random.default_rng(1)
    bags = as_bags([rng.standard_normal((m, 3)) for m in (9, 14, 25)])
    for bag, centres in zip(
        bags, PseudoQueries(4, iterations=iterations).reduce(bags), strict=True
    ):
        np.testing.assert_allclose(centres, slow(bag, 4, iterations), atol=1e-5)


def test_agrees_with_scikit_learn():
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(2)
    bag = np.concatenate([rng.standard_normal((10, 4)) + 8 * np.eye(4)[j] for j in range(3)])
    start = bag[np.arange(3) * len(bag) // 3]
    theirs = KMeans(3, init=start, n_init=1, algorithm="lloyd").fit(bag).cluster_centers_
    np.testing.assert_allclose(PseudoQueries(3).reduce([bag])[0], theirs, atol=1e-5)


def test_an_empty_centre_takes_the_farthest_vector():
    # Both begin at the origin, so the second is nearest to nothing.
    bag = [[0, 0], [0.1, 0], [0, 0], [9, 9]]
    found = PseudoQueries(2, iterations=1).reduce([bag])[0]
    np.testing.assert_allclose(found, [[0.1 / 3, 0], [9, 9]], atol=1e-6)


def test_equal_vectors_make_equal_centres():
    np.testing.assert_array_equal(PseudoQueries(3).reduce([np.ones((7, 2))])[0], np.ones((3, 2)))


def test_short_bags_stay():
    bags = as_bags([np.eye(3)[:2], np.eye(3)])
    reduced = PseudoQueries(3).reduce(bags)
    np.testing.assert_array_equal(reduced.vectors, bags.vectors)
    assert len(PseudoQueries(3).reduce([])) == 0


@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_attention_in_loops(temperature):
    rng = np.random.default_rng(3)
    bags, q = as_bags([rng.standard_normal((m, 4)) for m in (1, 3, 6)]), rng.standard_normal(4)
    truth = []
    for bag in bags:
        weights = [np.exp(float(q @ c) / temperature) for c in bag]
        mixed = sum(w * c for w, c in zip(weights, bag, strict=True)) / sum(weights)
        truth.append(float(q @ mixed))
    found = attention_scores(q, bags, temperature=temperature)
    np.testing.assert_allclose(found, truth, rtol=1e-5)


def test_attention_lies_between_the_mean_and_the_largest():
    rng = np.random.default_rng(4)
    bags, q = as_bags(list(rng.standard_normal((20, 5, 4)))), rng.standard_normal(4)
    products = np.array([bag @ q for bag in bags])
    low, high = products.mean(axis=1), products.max(axis=1)
    found = attention_scores(q, bags)
    assert (low - 1e-6 <= found).all()
    assert (found <= high + 1e-6).all()
    np.testing.assert_allclose(attention_scores(q, bags, temperature=1e-5), high, atol=1e-3)
    np.testing.assert_allclose(attention_scores(q, bags, temperature=1e5), low, atol=1e-3)
    assert np.isfinite(attention_scores(1e4 * q, bags, temperature=1e-4)).all()
    assert attention_scores(q, []).shape == (0,)


def test_a_minor_topic_is_found_by_centres_and_not_by_the_mean():
    rng = np.random.default_rng(5)
    topics = rng.standard_normal((30, 10))
    topics /= np.linalg.norm(topics, axis=1, keepdims=True)
    owns = [rng.choice(30, 3, replace=False) for _ in range(300)]
    bags = as_bags(
        [
            np.repeat(topics[own], (18, 5, 5), axis=0) + 0.1 * rng.standard_normal((28, 10))
            for own in owns
        ]
    )
    # Asked for a minor topic of each: how many of the thirty found have it at all?
    asked = [topics[[own[2]]] for own in owns[:60]]
    precision = {}
    for k in (1, 3):
        index = MultiVector("cosine", encoding=None).fit(PseudoQueries(k).reduce(bags))
        found = index.search(asked, 30).ids
        right = [[own[2] in owns[i] for i in row] for own, row in zip(owns, found, strict=False)]
        precision[k] = np.mean(right)
    assert precision[3] > precision[1] + 0.2


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: PseudoQueries(0), InvalidArgument, "k must"),
        (lambda: PseudoQueries(2, iterations=-1), InvalidArgument, "iterations"),
        (lambda: PseudoQueries(2, n_iter=3), UnknownArgument, "iterations"),
        (lambda: PseudoQueries(2).reduce([np.empty((0, 3))]), InvalidVector, "no vectors"),
        (lambda: attention_scores([1, 0], [np.eye(2)], temperature=0), InvalidArgument, "above 0"),
        (lambda: attention_scores([1, 0, 0], [np.eye(2)]), InvalidVector, "2 numbers"),
        (lambda: attention_scores("q", [np.eye(2)]), InvalidType, "q"),
    ],
)
def test_what_is_wrong_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
