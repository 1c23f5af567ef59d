"""The collection does with fields of terms, bags and Gaussians what every store must do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise.testing.fields import FieldsConformance
from likewise.testing.plain_store import PlainStore
from tests.store.small import GRAPH_FIRST, shrink, shrink_bags


class TestFields(FieldsConformance):
    """As it is: tails and scans."""


class TestSmallLimits(FieldsConformance):
    """Limits so low that segments merge, have graphs, and bags are proposed."""

    metric = "dot"
    storage = "8-bit"

    @pytest.fixture(autouse=True)
    def _small_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shrink(monkeypatch)
        shrink_bags(monkeypatch)

    def create(self, path: Path, **options: Any) -> lw.Collection:
        return lw.create(path, costs=GRAPH_FIRST, **options)

    def open(self, path: Path, **options: Any) -> lw.Collection:
        return lw.open(path, costs=GRAPH_FIRST, **options)


def test_sealed_bags_are_proposed_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By MUVERA from the sealed part, by a scan from the tail; the distances are the formula's."""
    shrink_bags(monkeypatch)
    random = np.random.default_rng(0)
    fields = {"bags": lw.BagField(dim=8)}
    model = PlainStore(fields)
    rows = [{"id": i, "vectors": {"bags": random.normal(size=(6, 8))}} for i in range(400)]
    with lw.create(tmp_path / "store", fields=fields, recall=0.8) as store:
        store.add(rows[:390])
        asked = [row["vectors"]["bags"][:3] for row in rows[:60:3]]
        scanned = store.search(asked, 5, using="bags")
        assert {found.info.strategy for found in scanned} == {"exact"}
        store.seal()
        store.add(rows[390:])
    model.upsert(rows)
    with lw.open(tmp_path / "store", read_only=True) as store:
        shares = []
        for query in asked:
            found = store.search(query, 5, using="bags")
            assert found.info.strategy == "muvera"
            assert found.info.scanned < 390
            assert 0.8 <= found.info.recall < 1
            model.values(query, None, "bags").must_be(found, 5, exact=False)
            truth = store.search(query, 5, using="bags", exact=True)
            assert (truth.info.strategy, truth.info.recall) == ("exact", 1.0)
            model.values(query, None, "bags").must_be(truth, 5, exact=True)
            shares.append(len(set(found.ids) & set(truth.ids)) / 5)
        assert np.mean(shares) >= 0.8
        (curve,) = store.info()["recall"]["bags"]
        assert curve["segment"] == store.info()["segments"][0]["number"]
        report = store.recall(5, using="bags", queries=40)
        assert (report.queries, report.source, report.strategy) == (40, "rows", "muvera")
        assert report.interval[0] <= report.recall <= report.interval[1]
        assert report.recall >= 0.8
        assert 0.8 <= report.estimate < 1


def test_what_is_scanned_has_recall_one(tmp_path: Path) -> None:
    kit = FieldsConformance()
    with lw.create(tmp_path / "store", fields=kit.fields()) as store:
        assert store.recall(using="means").source == "none"
        store.add(kit.data(0, 40))
        for sealed in (False, True):
            for name in ("terms", "bags", "means", "lexical"):
                report = store.recall(3, using=name, queries=7)
                assert (report.recall, report.interval) == (1.0, (1.0, 1.0))
                assert (report.estimate, report.queries) == (1.0, 7)
            assert store.info()["recall"] == {"dense": [], "terms": [], "bags": [], "means": []}
            if not sealed:
                store.seal()
