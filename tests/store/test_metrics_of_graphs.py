"""Collections of every metric: sealed, searched through their graphs, and as right as promised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.metrics import METRICS
from tests.store.small import GRAPH_FIRST

ROWS, DIM, QUERIES, K = 2500, 24, 60, 10
NAMES = sorted({metric.name for metric in METRICS.values()})


def vectors_for(metric: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Clusters, in the numbers that the metric is made for."""
    centres = np.random.default_rng(7).standard_normal((40, DIM))
    drawn = centres[rng.integers(len(centres), size=count)]
    drawn = drawn + 0.7 * rng.standard_normal((count, DIM))
    if metric == "dot":
        drawn *= rng.lognormal(sigma=0.1, size=(count, 1))
    elif metric == "hamming":
        drawn = np.rint(drawn)
    elif metric == "jaccard":
        drawn = np.concatenate([drawn > 0.3, drawn < -0.3, np.ones((count, 1))], axis=1)
    return drawn.astype(np.float32)


@pytest.mark.parametrize("metric", NAMES)
def test_the_recall_that_was_asked_for(metric: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows, queries = vectors_for(metric, ROWS, rng), vectors_for(metric, QUERIES, rng)
    with lw.create(
        tmp_path / "c", dim=rows.shape[1], metric=metric, costs=GRAPH_FIRST
    ) as collection:
        collection.add({"id": i, "vector": row, "third": i % 3} for i, row in enumerate(rows))
        collection.seal()
        segment = collection.info()["segments"][0]
        assert segment["indexes"] == {"dense": "graph"}
        assert segment["graphs"]["dense"]["bytes"] > 4 * ROWS * segment["graphs"]["dense"]["degree"]
        for where in (None, "third = 1"):
            found = collection.search(queries, K, where=where)
            truth = collection.search(queries, K, where=where, exact=True)
            assert found[0].info.strategy == "graph", found[0].info.reason
            assert truth[0].info.strategy == "exact"
            assert share_found(found, truth) >= 0.93  # 0.95 on average; 600 neighbours asked
        assert found[0].info.matching == len(range(1, ROWS, 3))
        gone = [hit for result in truth for hit in result.ids[:5]]
        collection.delete(gone)
        after = collection.search(queries, K)
        assert not {id_ for result in after for id_ in result.ids} & set(gone)
        assert share_found(after, collection.search(queries, K, exact=True)) >= 0.93
        assert collection.check() == []


@pytest.mark.parametrize("metric", ["cosine", "dot", "hamming", "manhattan"])
def test_the_recall_that_was_asked_for_within_a_range(metric: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows, queries = vectors_for(metric, ROWS, rng), vectors_for(metric, QUERIES, rng)
    with lw.create(tmp_path / "c", dim=DIM, metric=metric, costs=GRAPH_FIRST) as collection:
        collection.add({"id": i, "vector": row, "third": i % 3} for i, row in enumerate(rows))
        collection.index_field("third", window=True)
        collection.seal()
        assert collection.info()["segments"][0]["windows"]["third"]["dense"]["bytes"] > ROWS
        for where, matching in [("third >= 1", 1666), ("third = 1", 833), (None, ROWS)]:
            found = collection.search(queries, K, where=where)
            truth = collection.search(queries, K, where=where, exact=True)
            assert found[0].info.strategy != "exact", found[0].info.reason
            assert found[0].info.matching == truth[0].info.matching == matching
            assert share_found(found, truth) >= 0.93  # 0.95 on average; 600 neighbours asked


def share_found(found: list[lw.Results], truth: list[lw.Results]) -> float:
    """Of the true neighbours; rows as near as the last of them count."""
    shares = [
        np.count_nonzero(some.distances <= right.distances[-1] + 1e-9) / len(right)
        for some, right in zip(found, truth, strict=True)
    ]
    return float(np.mean(shares))


def test_the_planner_weighs_both_ways(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with lw.create(tmp_path / "c", dim=DIM, costs=GRAPH_FIRST) as collection:
        collection.add({"vector": row} for row in vectors_for("cosine", ROWS, rng))
        query = vectors_for("cosine", 1, rng)[0]
        waiting = collection.search(query, explain=True).info
        assert (waiting.strategy, set(waiting.candidates)) == ("exact", {"exact"})
        collection.seal()
        info = collection.search(query, explain=True).info
        assert info.strategy == "graph"
        assert 0 < info.candidates["graph"] < info.candidates["exact"]
        assert "cheaper than scanning all 2,500 rows" in info.reason
        assert 0 < info.scanned < ROWS
        assert collection.search(query).info.candidates == {}
