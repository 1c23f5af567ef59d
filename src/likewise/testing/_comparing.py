"""What conformance tests compare answers with: the formula, an exact answer, another answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from likewise.index.base import Index
from likewise.metrics import resolve
from likewise.results import Neighbours

Floats = npt.NDArray[np.float64]


def check(true: bool, message: str) -> None:
    """Fail with ``message`` unless ``true``."""
    if not true:
        pytest.fail(message)


def info_of(found: Neighbours) -> Any:
    """The info, which every search fills."""
    check(found.info is not None, "info is missing")
    return found.info


def distances(metric: str, query: Any, X: Any) -> Floats:
    """The formula: (n,) distances of the query to every row."""
    line: Floats = resolve(metric).pairwise(query[None, :], X)[0]
    return line


def same(ids: Any, found: Any, truth: Floats, k: int) -> None:
    """``ids`` are the k nearest by ``truth``; rows may swap only within rounding."""
    check(len(ids) == k == len(np.unique(ids)), f"{len(ids)} of {k} rows")
    ranked = np.sort(truth)[:k]
    np.testing.assert_allclose(found, ranked, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found, truth[ids], rtol=1e-9, atol=1e-12)
    tied = np.diff(found) == 0
    check(bool((np.diff(ids)[tied] > 0).all()), "equal distances are not in order of position")


def alike(one: Neighbours, two: Neighbours) -> None:
    """The same ids and the same distances, to the bit."""
    np.testing.assert_array_equal(one.flat_ids, two.flat_ids)
    np.testing.assert_array_equal(one.flat_distances, two.flat_distances)
    np.testing.assert_array_equal(one.offsets, two.offsets)


def same_rows(found: Neighbours, other: Index, Q: Any) -> None:
    """The same exact answer as another index holding the same rows."""
    alike(found, other.search(Q, 10, exact=True))


def recall_of(found: Neighbours, metric: str, Q: Any, X: Any, mask: npt.NDArray[np.bool_]) -> float:
    """Mean share of the true neighbours among the rows in ``mask``; ties count as found.

    What rounding may do is measured by the distances themselves, so that tiny and huge ones are
    judged alike.
    """
    shares = []
    for query, row in zip(Q, found, strict=True):
        every = distances(metric, query, X)[mask]
        truth = np.sort(every)[: len(row.ids)]
        reach = truth[-1] + 1e-9 * abs(truth[-1]) + 1e-14 * np.abs(every).max()
        shares.append(np.count_nonzero(row.distances <= reach) / len(truth))
    return float(np.mean(shares))
