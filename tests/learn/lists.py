"""Slow, obvious twins: a vote among lists, row by row, in plain Python."""

from __future__ import annotations

import numpy as np

from likewise.kernels import Kernel


def nearest(X, query, k):
    """Places of the k nearest rows, equal distances by place, and their distances."""
    distances = [
        float(np.sqrt(np.sum((np.float32(row) - np.float32(query)).astype(float) ** 2)))
        for row in np.asarray(X)
    ]
    order = sorted(range(len(X)), key=lambda i: (distances[i], i))[:k]
    return order, [distances[i] for i in order]


def weights_of(distances, how, temperature=1.0, query=None, rows=None):
    if how == "uniform":
        return [1.0] * len(distances)
    if how == "distance":
        if 0.0 in distances:
            return [1.0 if d == 0 else 0.0 for d in distances]
        return [1 / d for d in distances]
    if how == "softmax":
        return [float(np.exp(-(d - min(distances)) / temperature)) for d in distances]
    if isinstance(how, Kernel):
        given = [float(how(query, np.float32(row).astype(float))) for row in rows]
    else:
        given = [float(how(np.array([[d]]))[0, 0]) for d in distances]
    return given if any(given) else [1.0] * len(distances)


def vote(X, y, query, k, how="uniform", temperature=1.0):
    """The winning label and the share of each label."""
    places, distances = nearest(X, query, k)
    weights = weights_of(distances, how, temperature, query, [X[i] for i in places])
    shares = dict.fromkeys(sorted(set(y)), 0.0)
    for place, weight in zip(places, weights, strict=True):
        shares[y[place]] += weight
    total = sum(weights)
    winner = max(sorted(shares), key=lambda label: shares[label])
    return winner, {label: part / total for label, part in shares.items()}
