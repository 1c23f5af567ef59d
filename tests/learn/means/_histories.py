"""Random histories of learning and forgetting, and the bits they leave."""

from itertools import pairwise

import numpy as np


def rows(seed=0, count=60, width=5, classes=4):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    X = rng.normal(size=(count, width)) * 10.0 ** rng.integers(-3, 3, width) + 0.1 * labels[:, None]
    return X, np.array(["ash", "birch", "cedar", "date", "elm"])[labels]


def history(model, X, y, seed):
    """The model after rows came in random order and batches, with others that came and went."""
    rng = np.random.default_rng(seed)
    guests, names = rows(seed + 100, 40, X.shape[1], 5)
    names = np.where(names == "ash", "oak", names)
    todo = [(X[i], y[i], 1) for i in range(len(X))]
    todo += [(guests[i], names[i], 1) for i in range(len(guests))]
    rng.shuffle(todo)
    late = [(guests[i], names[i], -1) for i in rng.permutation(len(guests))]
    cut = rng.integers(1, len(todo), 4)
    batches = [todo[a:b] for a, b in _spans(cut, len(todo))]
    batches += [late[a:b] for a, b in _spans(rng.integers(1, len(late), 2), len(late))]
    for batch in batches:
        Z, labels = np.array([row for row, _, _ in batch]), np.array([t for _, t, _ in batch])
        model = model.partial_fit(Z, labels) if batch[0][2] > 0 else model.forget(Z, labels)
        if model.counts_.sum() > 20:
            model.predict(X[:2])  # what is kept between must not stay behind
    return model


def _spans(cuts, count):
    edges = sorted({0, count, *cuts.tolist()})
    return list(pairwise(edges))


def check_any_history(make, X=None, y=None, seeds=(1, 2, 3)):
    """Every history of the same rows: the same bits as one fit of them."""
    if X is None:
        X, y = rows()
    whole = make().fit(X, y)
    Q = rows(9, 30, X.shape[1])[0]
    for seed in seeds:
        other = history(make(), X, y, seed)
        assert other.classes_.tolist() == whole.classes_.tolist()
        assert other.counts_.tolist() == whole.counts_.tolist()
        assert other.means_.tobytes() == whole.means_.tobytes()
        assert other.predict_proba(Q).tobytes() == whole.predict_proba(Q).tobytes()
