"""What every index must do. Subclass `IndexConformance` in a test file and supply ``make``.

Example::

    class TestMine(IndexConformance):
        index = Mine
        metrics = ("cosine", "euclidean")
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidFile,
    InvalidFilter,
    InvalidType,
    InvalidVector,
    LikewiseError,
    NotFitted,
    OverLimit,
    UnknownArgument,
    UnknownMetric,
)
from likewise.index.base import Index
from likewise.testing._comparing import (
    alike,
    check,
    distances,
    info_of,
    recall_of,
    same,
    same_rows,
)
from likewise.testing._hard_cases import HardCases

__all__ = [
    "IndexConformance",
    "alike",
    "check",
    "distances",
    "info_of",
    "recall_of",
    "same",
    "same_rows",
]


class IndexConformance(HardCases):
    """Inherit it, set ``index`` (the class), and where they differ the other attributes.

    Attributes:
        index: the class under test.
        metrics: the metrics to test with; all of the registry by default.
        fixed: keywords that fix what is measured by the clock, so that a seed decides all.
        rows, dim: size of the data; large enough that the index does what it is for.
        recall: the target in the recall test; the mean over the queries may fall short of it
            by ``slack``, for chance.
    """

    # -- agreement -------------------------------------------------------------------

    def test_agrees_with_the_formula(self) -> None:
        X, Q = self.data(), self.data(20, seed=1)
        for metric in self.metrics:
            index = self.make(metric).fit(X)
            for query, row in zip(Q, index.search(Q, 10, exact=True), strict=True):
                same(row.ids, row.distances, distances(metric, query, X), 10)

    def test_distances_are_the_metric_however_found(self) -> None:
        X, Q = self.data(), self.data(20, seed=1)
        for metric in self.metrics:
            for query, row in zip(Q, self.make(metric).fit(X).search(Q, 10), strict=True):
                truth = distances(metric, query, X)
                np.testing.assert_allclose(row.distances, truth[row.ids], rtol=1e-9, atol=1e-12)
                check(bool((np.diff(row.distances) >= 0).all()), "not nearest first")
                check(len(np.unique(row.ids)) == 10, "an id came twice")

    def test_recall_is_what_was_asked_for(self) -> None:
        X, Q = self.data(), self.data(100, seed=2)
        for metric in self.metrics:
            found = self.make(metric).fit(X).search(Q, 10, recall=self.recall)
            measured = recall_of(found, metric, Q, X, np.ones(len(X), dtype=np.bool_))
            check(measured >= self.recall - self.slack, f"{metric}: recall {measured}")
            check(info_of(found).recall >= self.recall, f"{metric}: promised too little")

    # -- filters ---------------------------------------------------------------------

    @pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.01, 0.0])
    def test_filters_of_every_selectivity(self, fitted: Index, share: float) -> None:
        X, Q = self.data(), self.data(20, seed=3)
        mask = np.random.default_rng(4).random(len(X)) < share
        self.filtered(fitted, X, Q, mask)

    def test_filter_that_passes_one_row(self, fitted: Index) -> None:
        X = self.data()
        mask = np.zeros(len(X), dtype=np.bool_)
        mask[17] = True
        for row in fitted.search(X[:5], 10, where=mask):
            check(row.ids.tolist() == [17], f"{row.ids}")

    def test_filter_far_from_the_query(self, fitted: Index) -> None:
        X, Q = self.data(), self.data(10, seed=3)
        for query in Q:
            to_query = distances(self.metric(), query, X)
            mask = to_query > np.quantile(to_query, 0.7)
            self.filtered(fitted, X, query[None, :], mask)

    def filtered(self, index: Index, X: Any, Q: Any, mask: npt.NDArray[np.bool_]) -> None:
        """The same rows by mask and by ids, all of them passing, never short, at the recall."""
        matching = int(mask.sum())
        by_mask = index.search(Q, 10, where=mask, recall=self.recall)
        by_ids = index.search(Q, 10, where=np.flatnonzero(mask)[::-1], recall=self.recall)
        check(info_of(by_mask).matching == info_of(by_ids).matching == matching, "matching")
        for row, other in zip(by_mask, by_ids, strict=True):
            check(bool(mask[row.ids].all()), "a row that does not pass the filter")
            check(len(row.ids) == min(10, matching), f"{len(row.ids)} of {matching} came")
            np.testing.assert_array_equal(row.ids, other.ids)
        if matching:
            measured = recall_of(by_mask, self.metric(), Q, X, mask)
            allowed = self.slack + 0.5 / len(Q)
            check(measured >= self.recall - allowed, f"recall {measured} at {matching} rows")

    # -- sizes -----------------------------------------------------------------------

    def test_empty(self) -> None:
        index = self.make(self.metric()).fit(np.empty((0, 3), dtype=np.float32))
        found = index.search(np.ones((2, 3)), 5)
        check(found.ids.shape == (2, 0) and len(index) == 0 and index.dim == 3, "empty")
        check(index.add(np.eye(3)).tolist() == [0, 1, 2] and len(index) == 3, "add to empty")
        check(len(index.search(np.ones(3), 5)[0].ids) == 3, "found after add")

    def test_no_query(self, fitted: Index) -> None:
        found = fitted.search(np.empty((0, self.dim)), 5)
        check(len(found) == 0 and info_of(found).matching == len(fitted), "no query")

    @pytest.mark.parametrize("count", [1, 2, 7, 9])
    def test_few_rows(self, count: int) -> None:
        X = self.data(count)
        found = self.make(self.metric()).fit(X).search(X[0], 10)
        same(found[0].ids, found[0].distances, distances(self.metric(), X[0], X), count)

    def test_k_near_and_beyond_n(self, fitted: Index) -> None:
        X = self.data()
        for k in (len(X) - 1, len(X), len(X) + 7, 10 * len(X)):
            row = fitted.search(X[3], k)[0]
            check(len(np.unique(row.ids)) == min(k, len(X)), f"k={k} gave {len(row.ids)}")

    def test_dimension_one(self) -> None:
        X = np.linspace(1, 2, 700)[:, None].astype(np.float32)
        for metric in self.metrics:
            row = self.make(metric).fit(X).search(X[300], 5)[0]
            check(len(row.ids) == 5, metric)
            truth = distances(metric, X[300], X)
            np.testing.assert_allclose(row.distances, truth[row.ids], rtol=1e-9, atol=1e-12)

    def test_a_thousand_equal_rows(self) -> None:
        X = np.concatenate([np.ones((1000, self.dim)), self.data(300)]).astype(np.float32)
        for metric in self.metrics:
            index = self.make(metric).fit(X)
            Q = np.concatenate([X[:1], self.data(50, seed=22)])
            found = index.search(Q, 10, recall=self.recall)
            measured = recall_of(found, metric, Q, X, np.ones(len(X), dtype=np.bool_))
            check(measured >= self.recall - self.slack, f"{metric}: recall {measured}")
            exact = index.search(np.ones(self.dim), 1200, exact=True)[0]
            same(exact.ids, exact.distances, distances(metric, X[0], X), 1200)

    # -- changes ---------------------------------------------------------------------

    def test_delete(self) -> None:
        X, Q = self.data(), self.data(10, seed=5)
        index = self.make(self.metric()).fit(X)
        gone = np.random.default_rng(6).permutation(len(X))[: len(X) // 2]
        check(index.delete([*gone.tolist(), gone[0], -1, 10**9]) == len(gone), "count")
        check(index.delete(gone) == 0 and len(index) == len(X) - len(gone), "again")
        mask = np.ones(len(X), dtype=np.bool_)
        mask[gone] = False
        found = index.search(Q, 10)
        for row in found:
            check(len(row.ids) == 10 and bool(mask[row.ids].all()), "a deleted row")
        check(recall_of(found, self.metric(), Q, X, mask) >= self.recall, "recall")
        self.filtered_after_deletion(index, X, gone, mask)
        index.delete(np.arange(len(X)))
        check(len(index) == 0 and len(index.search(Q, 3)[0].ids) == 0, "all gone")
        check(index.add(X[:1]).tolist() == [len(X)], "positions are never used again")

    def filtered_after_deletion(
        self, index: Index, X: Any, gone: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]
    ) -> None:
        """A filter that names deleted rows does not bring them back."""
        some = np.concatenate([gone[:5], np.flatnonzero(mask)[:3]])
        row = index.search(X[0], 10, where=some)[0]
        check(sorted(row.ids.tolist()) == np.flatnonzero(mask)[:3].tolist(), f"{row.ids}")

    def test_add(self) -> None:
        X, Q = self.data(), self.data(20, seed=7)
        index = self.make(self.metric()).fit(X[:600])
        for start, stop in [(600, 601), (601, 700), (700, 1300), (1300, len(X))]:
            check(index.add(X[start:stop]).tolist() == list(range(start, stop)), "positions")
            check(index.search(X[stop - 1], 1)[0].distances[0] <= 1e-6, "new rows are found")
        everything = np.ones(len(X), dtype=np.bool_)
        found = index.search(Q, 10, recall=self.recall)
        measured = recall_of(found, self.metric(), Q, X, everything)
        check(measured >= self.recall - self.slack, f"recall {measured} after add")
        same_rows(index.search(Q, 10, exact=True), self.make(self.metric()).fit(X), Q)

    # -- radius ----------------------------------------------------------------------

    def test_radius(self) -> None:
        X, Q = self.data(), self.data(10, seed=8)
        for metric in self.metrics:
            index = self.make(metric).fit(X)
            for query in Q:
                truth = distances(metric, query, X)
                ranked = np.sort(truth)
                radius = float(ranked[40] + ranked[39]) / 2
                within = set(np.flatnonzero(truth <= radius).tolist())
                row = index.search(query, None, radius=radius, exact=True)[0]
                check(set(row.ids.tolist()) == within, f"{metric}: not all within the radius")
                near = index.search(query, None, radius=radius, recall=self.recall)[0]
                check(set(near.ids.tolist()) <= within, f"{metric}: beyond the radius")
                check(len(near.ids) >= 0.5 * len(within), f"{metric}: most are missing")
                few = index.search(query, 5, radius=radius, exact=True)[0]
                same(few.ids, few.distances, truth, min(5, len(within)))
                below = float(ranked[0]) - 1e-3 * (1 + abs(float(ranked[0])))
                check(len(index.search(query, None, radius=below)[0].ids) == 0, metric)

    def test_radius_with_filter(self, fitted: Index) -> None:
        X, Q = self.data(), self.data(5, seed=9)
        mask = np.arange(len(X)) % 3 == 0
        for query in Q:
            truth = distances(self.metric(), query, X)
            radius = float(np.quantile(truth, 0.1))
            row = fitted.search(query, None, radius=radius, where=mask, exact=True)[0]
            check(set(row.ids.tolist()) == set(np.flatnonzero(mask & (truth <= radius))), "radius")

    # -- sameness --------------------------------------------------------------------

    def test_save_and_load(self, tmp_path: Path) -> None:
        X, Q = self.data(), self.data(20, seed=10)
        for metric in self.metrics:
            index = self.make(metric).fit(X)
            index.delete([203, 204, 205])
            index.save(tmp_path / "whole")
            index.save(tmp_path / "bare", include_rows=False)
            for again in (
                self.index.load(tmp_path / "whole"),
                self.index.load(tmp_path / "bare", rows=X),
            ):
                check(again.metric == metric and len(again) == len(index), metric)
                alike(index.search(Q, 10), again.search(Q, 10))
                check(again.add(X[:700])[0] == len(X), metric)
                for query, row in zip(Q, again.search(Q, 5, exact=True), strict=True):
                    truth = distances(metric, query, np.concatenate([X, X[:700]]))
                    truth[203:206] = np.inf  # deleted
                    same(row.ids, row.distances, truth, 5)

    def test_load_refuses_what_it_is_not(self, tmp_path: Path, fitted: Index) -> None:
        from likewise._arrays import DamagedFile, save_arrays

        save_arrays(tmp_path / "other", {}, {"index": "another", "format": 1})
        with pytest.raises(InvalidFile, match="another"):
            self.index.load(tmp_path / "other")
        (tmp_path / "junk").write_bytes(b"junk")
        with pytest.raises(DamagedFile):
            self.index.load(tmp_path / "junk")
        fitted.save(tmp_path / "bare", include_rows=False)
        with pytest.raises(InvalidArgument, match="rows="):
            self.index.load(tmp_path / "bare")
        with pytest.raises(InvalidArgument, match="shape"):
            self.index.load(tmp_path / "bare", rows=self.data()[:-1])

    def test_same_seed_same_answer(self, tmp_path: Path) -> None:
        X, Q = self.data(), self.data(150, seed=11)
        one = self.make(self.metric(), random_state=5, n_jobs=1).fit(X)
        two = self.make(self.metric(), random_state=5, n_jobs=2).fit(X)
        alike(one.search(Q, 10), two.search(Q, 10))
        if self.fixed or type(one).__name__ == "Exact":
            one.save(tmp_path / "one")
            two.save(tmp_path / "two")
            same_bytes = (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
            check(same_bytes, "one seed, two files")

    def test_batch_is_one_by_one(self, fitted: Index) -> None:
        Q = self.data(100, seed=12)
        for where in (None, np.arange(0, self.rows, 3)):
            batch = fitted.search(Q, 10, where=where)
            for query, row in zip(Q, batch, strict=True):
                single = fitted.search(query, 10, where=where)[0]
                np.testing.assert_array_equal(row.ids, single.ids)
                np.testing.assert_array_equal(row.distances, single.distances)

    def test_several_threads(self, fitted: Index) -> None:
        batches = [self.data(30, seed=seed) for seed in range(12)]
        expected = [fitted.search(Q, 5 + i) for i, Q in enumerate(batches)]
        with ThreadPoolExecutor(4) as pool:
            tasks = [pool.submit(fitted.search, Q, 5 + i) for i, Q in enumerate(batches)]
            for task, first in zip(tasks, expected, strict=True):
                alike(task.result(), first)

    def test_rows_given_may_change_afterwards(self) -> None:
        X = self.data()
        index = self.make(self.metric()).fit(X)
        before = index.search(X[:5].copy(), 5)
        queries = X[:5].copy()
        X[:] = 1.0
        alike(index.search(queries, 5), before)

    def test_info_is_filled(self, fitted: Index) -> None:
        info = info_of(fitted.search(self.data(3), 5))
        check(bool(info.strategy and info.reason) and 0 < info.recall <= 1, f"{info}")
        check(info.scanned > 0 and info.seconds > 0 and info.matching == len(fitted), f"{info}")

    # -- bad input -------------------------------------------------------------------

    def test_not_fitted(self) -> None:
        index = self.make(self.metric())
        for call in (lambda: index.search([1.0]), lambda: index.add([[1.0]]), lambda: index.dim):
            with pytest.raises(NotFitted, match="fit"):
                call()

    def test_unknown_metric(self) -> None:
        with pytest.raises(UnknownMetric, match="cosine"):
            self.make("no such metric")

    def test_bad_rows(self, fitted: Index) -> None:
        bad: list[tuple[Any, type[LikewiseError]]] = [
            (np.full((1, self.dim), np.nan), InvalidVector),
            (np.full((1, self.dim), np.inf), InvalidVector),
            (np.full((1, self.dim), 1e39), InvalidVector),
            (np.ones((1, self.dim + 1)), DimensionMismatch),
            ([["a"] * self.dim], InvalidType),
        ]
        for rows, error in bad:
            with pytest.raises(error):
                fitted.add(rows)
            with pytest.raises(error):
                fitted.search(rows)
        check(len(fitted) == self.rows, "a refused row was kept")
        with pytest.raises(InvalidVector):
            self.make(self.metric()).fit(np.full((3, self.dim), np.nan))

    def test_zero_vector_under_cosine(self) -> None:
        if "cosine" not in self.metrics:
            pytest.skip("the index has no cosine")
        index = self.make("cosine").fit(self.data(10))
        for call in (index.fit, index.add, index.search):
            with pytest.raises(InvalidVector, match="zero vector"):
                call(np.zeros((1, self.dim)))

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"k": 0}, InvalidArgument, "positive"),
            ({"k": -3}, InvalidArgument, "positive"),
            ({"k": 2.5}, InvalidType, "integer"),
            ({"k": True}, InvalidType, "integer"),
            ({"k": None}, InvalidArgument, "radius"),
            ({"radius": float("nan")}, InvalidArgument, "finite"),
            ({"radius": "far"}, InvalidType, "number"),
            ({"recall": 0}, InvalidArgument, "recall"),
            ({"recall": 1.5}, InvalidArgument, "recall"),
            ({"recall": "high"}, InvalidType, "recall"),
            ({"exact": "yes"}, InvalidType, "exact"),
            ({"where": [True, False]}, InvalidFilter, "mask"),
            ({"where": [0, 10**9]}, InvalidFilter, "position"),
            ({"where": [-1]}, InvalidFilter, "position"),
            ({"where": [0.5]}, InvalidFilter, "positions"),
            ({"where": "year > 3"}, InvalidFilter, "positions"),
            ({"top_k": 3}, UnknownArgument, "did you mean 'k'"),
            ({"filter": None}, UnknownArgument, "did you mean 'where'"),
        ],
    )
    def test_bad_arguments(
        self, fitted: Index, options: dict[str, Any], error: type[LikewiseError], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            fitted.search(self.data(1), **options)

    def test_bad_construction(self) -> None:
        with pytest.raises(UnknownArgument, match="did you mean 'random_state'"):
            self.index(self.metric(), seed=3)  # type: ignore[call-arg]
        with pytest.raises(InvalidArgument, match="n_jobs"):
            self.make(self.metric(), n_jobs=0)
        with pytest.raises(InvalidType, match="random_state"):
            self.make(self.metric(), random_state="x")
        with pytest.raises(InvalidType, match="ids"):
            self.make(self.metric()).fit(self.data(5)).delete(["a"])

    def test_memory_limit(self) -> None:
        X = self.data()
        plan = self.make(self.metric()).plan(*X.shape)
        check(plan.bytes >= X.nbytes and plan.seconds > 0, f"{plan}")
        with pytest.raises(OverLimit, match="memory_limit"):
            self.make(self.metric(), memory_limit=plan.bytes - 1).fit(X)
        index = self.make(self.metric(), memory_limit=plan.bytes).fit(X)
        with pytest.raises(OverLimit, match="memory_limit"):
            index.add(X)
        check(len(index) == len(X), "a refused row was kept")
