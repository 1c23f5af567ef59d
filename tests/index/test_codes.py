"""Rows as codes: how near the coded rows are, and which rows have none."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument
from likewise.index._codes import MOST_DIMENSIONS, Codes
from likewise.index._rows import summarise
from likewise.metrics import resolve


def make(metric, rows, codes="8-bit"):
    made = Codes(resolve(metric), rows.shape[1], codes, summarise(rows))
    made.append(rows)
    return made


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("dim", [1, 3, 64, 200, 4096])
def test_a_code_is_within_half_a_step_of_its_row(dim, scale):
    rows = np.random.default_rng(0).standard_normal((50, dim)).astype(np.float32)
    made = make("sqeuclidean", rows * np.float32(scale))
    space, placed = made.space(), made.placement.rows(rows * np.float32(scale))
    whole = space.codes[:, :dim].astype(np.float64) - 128
    steps = space.terms[:, :1].astype(np.float64)
    assert (np.abs(whole * steps + made.mean - placed) <= 0.501 * steps).all()
    assert np.abs(whole).max() == 127
    assert (space.codes[:, dim:] == 128).all()
    np.testing.assert_allclose(space.terms[:, 1], ((whole * steps) ** 2).sum(axis=1), rtol=1e-6)


def test_rows_that_are_all_the_same():
    space = make("euclidean", np.full((5, 20), 7, np.float32)).space()
    assert (space.codes == 128).all()
    assert (space.terms[:, 1] == 0).all()


def test_rows_too_long_for_sums_of_32_bits_are_kept_as_they_are():
    rows = np.ones((2, MOST_DIMENSIONS + 1), np.float32)
    assert not make("euclidean", rows, "auto").eight_bit
    assert make("euclidean", rows[:, 1:], "auto").eight_bit
    with pytest.raises(InvalidArgument, match="at most 66,311 numbers; got 66,312"):
        make("euclidean", rows, "8-bit")
