"""The density of a collection, against scikit-learn's on the same rows."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

import likewise as lw
from likewise.errors import InvalidArgument, UnknownMetric


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_it_is_that_of_scikit_learn(tmp_path: Path, metric: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(90, 3)).astype(np.float32).astype(np.float64)
    queries = rng.normal(size=(7, 3)).astype(np.float32).astype(np.float64)
    unit = (
        (lambda x: x / np.linalg.norm(x, axis=1, keepdims=True))
        if metric == "cosine"
        else (lambda x: x)
    )
    with lw.create(tmp_path / "c", dim=3, metric=metric) as col:
        col.add([{"id": i, "vector": row, "odd": i % 2} for i, row in enumerate(rows)])
        for kept, where in ((np.arange(90), None), (np.arange(1, 90, 2), "odd = 1")):
            truth = KernelDensity(bandwidth=0.4).fit(unit(rows[kept]))
            found = col.density(queries, bandwidth=0.4, where=where)
            np.testing.assert_allclose(
                [one.log_density for one in found], truth.score_samples(unit(queries)), rtol=1e-9
            )
            away = np.linalg.norm(unit(rows[kept]) - unit(queries[:1]), axis=1)
            weights = np.exp(-(away**2) / 0.32)
            order = np.argsort(away)[:10]
            assert [part.id for part in found[0].evidence] == kept[order].tolist()
            parts = [part.part for part in found[0].evidence]
            np.testing.assert_allclose(parts, weights[order] / weights.sum(), rtol=1e-9)
        before = col.density(queries[0], bandwidth=0.4).log_density
        gone = [part.id for part in found[0].evidence]
        col.delete(gone)
        left = np.setdiff1d(np.arange(90), gone)
        truth = KernelDensity(bandwidth=0.4).fit(unit(rows[left]))
        after = col.density(queries[0], bandwidth=0.4).log_density
        assert after == pytest.approx(truth.score_samples(unit(queries[:1]))[0], rel=1e-9)
        assert after < before


def test_bandwidths_are_those_of_density(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    with lw.create(tmp_path / "c", dim=2, metric="euclidean") as col:
        col.add([{"id": i, "vector": row} for i, row in enumerate(rows)])
        for bandwidth in ("scott", "loo"):
            expected = lw.learn.Density(bandwidth).fit(rows)
            found = col.density([0.1, 0.2], bandwidth=bandwidth)
            assert found.bandwidth == pytest.approx(expected.bandwidth_, rel=1e-9)
            truth = expected.score_samples(np.float32([[0.1, 0.2]]))[0]
            assert found.log_density == pytest.approx(truth, rel=1e-9)
        like = col.density({"id": 5}, bandwidth=1.0)
        assert like.evidence[0].id == 5
        assert like.evidence[0].distance == 0.0


def test_impossible_requests(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=2, metric="dot") as col:
        col.add([{"id": 1, "vector": [1, 2]}])
        with pytest.raises(UnknownMetric, match="the field has 'dot'"):
            col.density([1, 2])
    with lw.create(tmp_path / "d", dim=2, metric="euclidean") as col:
        with pytest.raises(InvalidArgument, match="needs two rows at least that differ"):
            col.density([1, 2])
        with pytest.raises(InvalidArgument, match="there are no rows"):
            col.density([1, 2], bandwidth=1.0)
        col.add([{"id": i, "vector": [1, 2]} for i in range(2)])
        with pytest.raises(InvalidArgument, match="bandwidth must be positive"):
            col.density([1, 2], bandwidth=0)
        with pytest.raises(InvalidArgument, match="one of scott, loo"):
            col.density([1, 2], bandwidth="silverman")


def test_threads_that_ask_by_different_widths(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    with lw.create(tmp_path / "c", dim=2, metric="euclidean") as col:
        col.add([{"id": i, "vector": row} for i, row in enumerate(rows)])
        widths = [0.3, 0.6, 1.2, 2.4]
        truth = {h: col.density([0.0, 0.0], bandwidth=h).log_density for h in widths}
        wrong = []

        def ask(width: float) -> None:
            for _ in range(25):
                if col.density([0.0, 0.0], bandwidth=width).log_density != truth[width]:
                    wrong.append(width)

        threads = [threading.Thread(target=ask, args=(width,)) for width in widths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
