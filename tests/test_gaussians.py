"""`as_gaussians`: rows with a variance, checked, and their bytes."""

import numpy as np
import pytest

from likewise.errors import DimensionMismatch, InvalidType, InvalidVector
from likewise.vectors import Gaussians, as_gaussians


def test_bytes_and_back():
    rng = np.random.default_rng(0)
    rows = as_gaussians(rng.standard_normal((7, 5)), rng.random((7, 5)) + 0.1)
    blobs = [rows.to_bytes(i) for i in range(7)]
    assert {len(blob) for blob in blobs} == {40}
    again = Gaussians.from_bytes(blobs, 5)
    assert again == rows
    assert again.means.flags.c_contiguous
    assert again.variances.flags.writeable
    assert rows != as_gaussians(rows.means, rows.variances + 1)
    assert rows != 3


def test_what_comes_is_kept():
    rows = as_gaussians([1, 2], [3, 4])
    assert (len(rows), rows.dim) == (1, 2)
    assert rows.means.dtype == rows.variances.dtype == np.float32
    assert rows.packed().tolist() == [[1, 2, 3, 4]]


def test_errors_name_the_row_and_the_dimension():
    good, bad = np.ones((3, 2)), np.ones((3, 2))
    bad[2, 1] = 0
    with pytest.raises(InvalidVector, match="field 'g': row 2 has variance 0 in dimension 1"):
        as_gaussians(good, bad, what="field 'g'")
    with pytest.raises(InvalidVector, match="doc 2 has variance"):
        as_gaussians(good, bad, name=lambda row: f"doc {row}")
    with pytest.raises(InvalidVector, match="NaN"):
        as_gaussians(good, np.full((3, 2), np.nan))
    with pytest.raises(InvalidVector, match="variance"):
        as_gaussians([[1.0]], [[1e-60]])  # nothing is left of it in float32
    with pytest.raises(DimensionMismatch, match="3 means and 2 variances"):
        as_gaussians(good, good[:2])
    with pytest.raises(DimensionMismatch, match="rows hold 2 numbers"):
        as_gaussians(good, np.ones((3, 3)))
    with pytest.raises(DimensionMismatch, match="rows hold 4 numbers"):
        as_gaussians(good, good, dim=4)
    with pytest.raises(InvalidType):
        as_gaussians("mean", good)
