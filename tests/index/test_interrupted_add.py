"""Rows that nobody could prepare are not kept: no index counts rows that its searches miss."""

import numpy as np
import pytest

from likewise.index import INDEXES, scanning


def rows(count, seed):
    return np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32)


@pytest.mark.parametrize("name", [name for name in INDEXES if name != "gaussian"])
def test_cut_off_while_the_rows_are_prepared(monkeypatch, name):
    X, new = rows(700, 0), rows(40, 1)
    index = INDEXES[name]("euclidean").fit(X)
    before = index.search(X[:3], 700, exact=True)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scanning, "prepare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            index.add(new)
    assert (len(index), len(index.rows), index.next_position) == (700, 700, 700)
    np.testing.assert_array_equal(index.search(X[:3], 700, exact=True).ids, before.ids)
    assert index.add(new).tolist() == list(range(700, 740))
    assert index.search(new, 1).ids[:, 0].tolist() == list(range(700, 740))
