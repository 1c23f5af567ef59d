from __future__ import annotations

import numpy as np

from likewise.learn import _compiled, _plain


def test_take_keeps_the_same_keys_as_its_twin():
    rng = np.random.default_rng(0)
    near = _compiled.kernels().near
    for size in (1, 2, 7, 40):
        values = [np.full((5, size), np.inf, np.float32) for _ in range(2)]
        places = [np.full((5, size), -1, np.int64) for _ in range(2)]
        for first in (0, 70, 71):
            width = int(rng.integers(1, 80))
            lines = np.sort(rng.permutation(5)[:3])
            keys = rng.integers(0, 30, (3, width)).astype(np.float32)
            base = rng.random(width).astype(np.float32)
            for take, value, place in zip((near.take, _plain.take), values, places, strict=True):
                take(keys, base, first, 68, lines, value, place)
        order = np.argsort(values[0], axis=1)
        np.testing.assert_array_equal(np.take_along_axis(values[0], order, 1), values[1])
        assert [set(line) for line in places[0].tolist()] == [
            set(line) for line in places[1].tolist()
        ]


def test_compare_gives_the_same_numbers_as_its_twin():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((20, 37)).astype(np.float32)
    queries, ids = rng.integers(0, 20, 6), rng.integers(-1, 20, (6, 9))
    for product in (False, True):
        out = [np.empty((6, 9)) for _ in range(2)]
        _compiled.kernels().near.compare(rows, queries, ids, product, out[0])
        _plain.compare(rows, queries, ids, product, out[1])
        np.testing.assert_allclose(*out, rtol=1e-12, atol=1e-12)


def test_nothing_is_compiled_late():
    rows = np.zeros((2, 2), np.float32)
    rows.flags.writeable = False
    one = np.zeros(1, np.int64)
    _compiled.kernels().near.compare(rows, one, one[:, None], True, np.empty((1, 1)))
    assert _compiled.late() == []
    assert _compiled.warm().compiled == 0
