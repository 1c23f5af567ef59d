"""`Window` does what every index must, with a number for each row or without."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from likewise import metrics
from likewise.index import CostModel, Window, _part_links
from likewise.index._compiled.values import METRIC_NUMBERS
from likewise.testing.index import IndexConformance
from tests.index.test_metrics_without_kernels import METRIC
from tests.index.test_metrics_without_kernels import rows as positive_rows
from tests.index.windows import WALKS, inside, small_parts


class TestWindow(IndexConformance):
    index = Window
    metrics = tuple(name for name in METRIC_NUMBERS if name not in ("dot", "manhattan"))
    fixed: ClassVar[dict[str, Any]] = {"costs": CostModel()}


class TestWindowWalks(IndexConformance):
    index = Window
    metrics = ("cosine", "dot", "manhattan")
    fixed: ClassVar[dict[str, Any]] = {"costs": WALKS, "build_effort": 60}

    @pytest.fixture(autouse=True)
    def parts(self):
        with small_parts():
            yield

    def test_walks_happen(self, fitted):
        assert fitted.search(self.data(5), 10).info.strategy == "window"
        assert fitted.search(self.data(5), 10, window=(100, 800)).info.strategy == "window"


# -- a metric without kernels ------------------------------------------------------------


@pytest.fixture(scope="module")
def plain():
    """An index that runs plain loops, of few candidates, since these are slow."""
    with small_parts(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_part_links, "CANDIDATES", 16)
        return Window(METRIC, costs=WALKS, build_effort=24, degree=10, overlap=True).fit(
            positive_rows(560), attribute=np.arange(560) % 100
        )


def share(found, queries, rows, mask, k):
    """Of the true neighbours among the rows of the mask."""
    truth = np.where(mask, METRIC.pairwise(queries, rows), np.inf)
    best = truth.argsort(axis=1, kind="stable")[:, :k]
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(found.ids, best, strict=True)])


def test_a_metric_without_kernels_is_walked_for(plain):
    X, Q = positive_rows(560), positive_rows(30, seed=1)
    for window in ((None, None), (10, 80)):
        mask = inside(np.arange(560) % 100, window)
        found = plain.search(Q, 5, window=window)
        assert found.info.strategy == "window"
        assert found.info.matching == mask.sum()
        assert mask[found.ids].all()
        assert share(found, Q, X, mask, 5) >= 0.92
        np.testing.assert_allclose(
            found.distances[3], METRIC.pairwise(Q[3:4], X)[0, found.ids[3]], rtol=1e-12
        )


def test_a_metric_without_kernels_has_all_methods(plain):
    X, Q = positive_rows(560), positive_rows(10, seed=2)
    mask = inside(np.arange(560) % 100, (20, 70))
    for method in ("scan", "super"):
        found = plain.search(Q, 5, window=(20, 70), method=method)
        assert mask[found.ids].all()
        assert share(found, Q, X, mask, 5) >= 0.9


def test_a_metric_without_kernels_is_changed_and_kept(plain, tmp_path, monkeypatch):
    monkeypatch.setitem(metrics.METRICS, METRIC.name, METRIC)
    plain.save(tmp_path / "plain")
    again = Window.load(tmp_path / "plain")
    Q = positive_rows(4, seed=3)
    np.testing.assert_array_equal(again.search(Q, 5).ids, plain.search(Q, 5).ids)
    new = positive_rows(6, seed=4)
    assert again.add(new, attribute=np.full(6, 200)).tolist() == list(range(560, 566))
    again.delete([560])
    assert sorted(again.search(new[0], 9, window=(150, None))[0].ids) == list(range(561, 566))
