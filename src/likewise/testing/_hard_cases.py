"""What breaks other indexes: replaced rows, far clusters, odd lengths, few and many dimensions.

A part of `likewise.testing.index.IndexConformance`, which says what its attributes mean.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from likewise.index.base import Index
from likewise.metrics import names
from likewise.testing._comparing import alike, check, distances, info_of, recall_of

Rows = npt.NDArray[np.float32]


class Supplied:
    """What a conformance class is given, and the data it makes of it."""

    index: ClassVar[type[Index]]
    metrics: ClassVar[tuple[str, ...]] = tuple(names())
    fixed: ClassVar[dict[str, Any]] = {}
    rows: ClassVar[int] = 1500
    dim: ClassVar[int] = 12
    recall: ClassVar[float] = 0.9
    slack: ClassVar[float] = 0.03

    # -- supplied --------------------------------------------------------------------

    def make(self, metric: str, **options: Any) -> Index:
        """An index to test, not yet fitted."""
        return self.index(metric, **{**self.fixed, **options})

    def data(self, rows: int | None = None, *, seed: int = 0) -> npt.NDArray[np.float32]:
        """Gaussian rows around a few centres, with some exact duplicates."""
        rng = np.random.default_rng(seed)
        count = self.rows if rows is None else rows
        centres = np.random.default_rng(99).standard_normal((8, self.dim)) * 2
        X = centres[rng.integers(0, 8, count)] + rng.standard_normal((count, self.dim))
        X[-(count // 20) :] = X[: count // 20] if count >= 20 else X[-(count // 20) :]
        return X.astype(np.float32)

    def metric(self) -> str:
        """The one metric of tests that need not run for all."""
        return self.metrics[0]

    @pytest.fixture
    def fitted(self) -> Index:
        """One fitted index a class for the tests that only ask; they must not change it."""
        if "_shared" not in type(self).__dict__:
            type(self)._shared = self.make(self.metric()).fit(self.data())
        return type(self)._shared

    _shared: ClassVar[Index]


class HardCases(Supplied):
    """The tests that look for what is easily got wrong."""

    # -- rows that come and go ---------------------------------------------------------

    def test_corpus_replaced_ten_times_over(self, tmp_path: Path) -> None:
        count = min(self.rows, 700)
        index, half = self.make(self.metric()).fit(self.data(count)), count // 2
        for generation in range(1, 11):
            X = self.data(count, seed=100 + generation)
            for part in (X[:half], X[half:]):  # the oldest half goes when a new one has come
                new = index.add(part)
                index.delete(np.arange(new[0] - len(X), new[0] - len(X) + len(part)))
        fresh = self.make(self.metric()).fit(X)
        check(len(index) == len(X) and index.next_position == 11 * len(X), "count")
        first, Q = index.next_position - len(X), self.data(200, seed=13)
        found, expected = (i.search(Q, 10, recall=self.recall) for i in (index, fresh))
        check(bool((found.flat_ids >= first).all()), "a row of an earlier generation")
        for query, row in zip(Q, found, strict=True):
            truth = distances(self.metric(), query, X)[row.ids - first]
            np.testing.assert_allclose(row.distances, truth, rtol=1e-9, atol=1e-12)
        everything = np.ones(len(X), dtype=np.bool_)
        ours, theirs = (recall_of(f, self.metric(), Q, X, everything) for f in (found, expected))
        check(ours >= theirs - 0.01, f"recall {ours}, of a fresh index {theirs}")
        index.save(tmp_path / "index")
        fresh.save(tmp_path / "fresh")
        grown = (tmp_path / "index").stat().st_size / (tmp_path / "fresh").stat().st_size
        check(grown <= 1.2, f"the file is {grown:.2f} times as large as a fresh one")
        again = self.index.load(tmp_path / "index")
        alike(found, again.search(Q, 10, recall=self.recall))
        check(again.add(X[:1]).tolist() == [index.next_position], "positions after loading")

    def test_k_near_n_after_deletions(self) -> None:
        X = self.data()
        index = self.make(self.metric()).fit(X)
        kept = np.random.default_rng(14).random(len(X)) < 0.6
        index.delete(np.flatnonzero(~kept))
        for k in (len(index) - 1, len(index), len(index) + 7):
            row = index.search(X[3], k)[0]
            check(len(np.unique(row.ids)) == min(k, len(index)), f"k={k} gave {len(row.ids)}")
            check(bool(kept[row.ids].all()), "a deleted row")

    def test_ranges_of_positions(self) -> None:
        X, Q = self.data(), self.data(20, seed=15)
        index, n = self.make(self.metric()).fit(X), len(X)
        self.ranges(index, Q, n)
        index.delete(range(n // 3, n // 2))
        index.delete(range(3, n, 50))
        index.add(X[:20])
        self.ranges(index, Q, n + 20)

    def ranges(self, index: Index, Q: Rows, n: int) -> None:
        """A range gives what the mask of the same positions gives."""
        for first, stop in [(0, n), (n // 4, 3 * n // 4), (n - 30, n), (7, 8), (n // 3, n // 2)]:
            mask = np.zeros(n, dtype=np.bool_)
            mask[first:stop] = True
            by_range = index.search(Q, 10, where=range(first, stop), recall=self.recall)
            by_mask = index.search(Q, 10, where=mask, recall=self.recall)
            check(info_of(by_range).matching == info_of(by_mask).matching, "matching")
            alike(by_range, by_mask)
            alike(by_range, index.search(Q, 10, where=slice(first, stop), recall=self.recall))

    # -- rows as nobody likes them -----------------------------------------------------

    def judge(self, metric: str, X: Rows, Q: Rows) -> None:
        """Ten rows a query, their true distances, and the recall that was asked for."""
        found = self.make(metric).fit(X).search(Q, 10, recall=self.recall)
        for query, row in zip(Q, found, strict=True):
            check(len(np.unique(row.ids)) == 10, f"{metric}: {len(row.ids)} rows came")
            truth = distances(metric, query, X)
            floor = 1e-12 * float(np.abs(truth).min()) + 1e-15 * float(np.abs(truth).max())
            np.testing.assert_allclose(row.distances, truth[row.ids], rtol=1e-9, atol=floor)
        measured = recall_of(found, metric, Q, X, np.ones(len(X), dtype=np.bool_))
        check(measured >= self.recall - self.slack, f"{metric}: recall {measured}")

    @pytest.mark.parametrize("scale", [1e-15, 1e15])
    def test_tiny_and_huge_rows(self, scale: float) -> None:
        X, Q = (self.data(n, seed=n) * np.float32(scale) for n in (self.rows, 50))
        for metric in self.metrics:
            self.judge(metric, X, Q)

    def test_lengths_of_every_size(self) -> None:
        X, Q = self.data(), self.data(50, seed=16)
        rng = np.random.default_rng(17)
        X, Q = (A * 10 ** rng.uniform(-3, 3, (len(A), 1)).astype(np.float32) for A in (X, Q))
        for metric in self.metrics:
            self.judge(metric, X, Q)

    def test_clusters_far_apart(self) -> None:
        rng = np.random.default_rng(18)
        centres = rng.standard_normal((25, self.dim)) * 1e4
        which = rng.permutation(np.arange(self.rows + 50) % 25)
        both = (centres[which] + rng.standard_normal((len(which), self.dim))).astype(np.float32)
        for metric in self.metrics:
            self.judge(metric, both[50:], both[:50])

    def test_two_dimensions(self) -> None:
        rng = np.random.default_rng(19)
        X, Q = (rng.standard_normal((n, 2)).astype(np.float32) for n in (self.rows, 50))
        for metric in self.metrics:
            self.judge(metric, X, Q)

    def test_a_thousand_dimensions(self) -> None:
        rng = np.random.default_rng(20)
        spread = rng.standard_normal((16, 1024))  # pure noise has no neighbours worth the name
        both = rng.standard_normal((730, 16)) @ spread + 0.1 * rng.standard_normal((730, 1024))
        X, Q = both[30:].astype(np.float32), both[:30].astype(np.float32)
        self.judge(self.metric(), X, Q)

    # -- many at once ------------------------------------------------------------------

    def test_threads_that_ask_one_by_one(self) -> None:
        index, Q = self.make(self.metric()).fit(self.data()), self.data(60, seed=21)
        index.delete(range(0, self.rows, 40))
        wheres: list[Any] = [None, range(100, self.rows // 2), np.arange(0, self.rows, 3)]
        asked = [(query, wheres[i % 3]) for i, query in enumerate(Q)]
        expected = [index.search(query, 7, where=where) for query, where in asked]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda one: index.search(one[0], 7, where=one[1]), asked))
        for one, other in zip(found, expected, strict=True):
            alike(one, other)
