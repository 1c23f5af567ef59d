"""What every index of bags must do. Subclass `MultiVectorConformance` and supply ``make``.

Example::

    class TestMine(MultiVectorConformance):
        def make(self, metric, **options):
            return Mine(metric, **options)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from likewise.errors import (
    DamagedFile,
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
from likewise.index import MultiVector
from likewise.testing._comparing import alike, check, info_of
from likewise.vectors import Bags, as_bags

Distances = npt.NDArray[np.float64]


def formula(metric: str, query: Any, bags: Bags) -> Distances:
    """The definition, bag by bag and vector by vector."""
    found = []
    for bag in bags:
        total = 0.0
        for q in query.astype(np.float64):
            products = []
            for p in bag.astype(np.float64):
                product = float(q @ p)
                if metric == "cosine":
                    product /= float(np.linalg.norm(q) * np.linalg.norm(p))
                products.append(product)
            total += max(products)
        mean = total / len(query)
        found.append(1.0 - mean if metric == "cosine" else -mean)
    return np.array(found)


class MultiVectorConformance(ABC):
    """Inherit it and supply `make`.

    Attributes:
        metrics: those to test with.
        bags, dim: size of the data; large enough that the index does what it is for.
        recall: the target; the mean over the queries may fall short of it by ``slack``.
        lossy: distances may part from the formula by this, where only codes are kept.
    """

    metrics: ClassVar[tuple[str, ...]] = ("cosine", "dot")
    bags: ClassVar[int] = 600
    dim: ClassVar[int] = 8
    recall: ClassVar[float] = 0.9
    slack: ClassVar[float] = 0.05
    lossy: ClassVar[float] = 0.0
    _shared: ClassVar[MultiVector]

    @abstractmethod
    def make(self, metric: str, **options: Any) -> MultiVector:
        """An index to test, not yet fitted."""

    def data(self, count: int | None = None, *, seed: int = 0) -> Bags:
        """Bags of 1 to 6 vectors around a few centres."""
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 7, self.bags if count is None else count)
        centres = np.random.default_rng(99).standard_normal((8, self.dim)) * 2
        total = int(sizes.sum())
        vectors = centres[rng.integers(0, 8, total)] + rng.standard_normal((total, self.dim))
        ends = np.cumsum([0, *sizes])
        return as_bags([vectors[a:b] for a, b in pairwise(ends)])

    @pytest.fixture
    def fitted(self) -> MultiVector:
        """One fitted index a class for the tests that only ask; they must not change it."""
        if "_shared" not in type(self).__dict__:
            type(self)._shared = self.make(self.metrics[0]).fit(self.data())
        return type(self)._shared

    def truth(self, index: MultiVector, query: Any) -> Distances:
        """The formula on the vectors as the index keeps them, by position of `rows`."""
        return formula(index.metric, query, index.rows)

    # -- agreement -------------------------------------------------------------------

    def test_exact_agrees_with_a_triple_loop(self) -> None:
        X, Q = self.data(), self.data(3, seed=1)
        for metric in self.metrics:
            index = self.make(metric).fit(X)
            for query, row in zip(Q, index.search(Q, 10, exact=True), strict=True):
                truth = self.truth(index, query)
                near(row, truth, 10)
                given = formula(metric, query, X)
                np.testing.assert_allclose(truth, given, atol=max(1e-5, self.lossy))

    def test_recall_is_what_was_asked_for(self) -> None:
        X, Q = self.data(), self.data(60, seed=2)
        for metric in self.metrics:
            index = self.make(metric).fit(X, queries=self.data(60, seed=3))
            found, true = index.search(Q, 10, recall=self.recall), index.search(Q, 10, exact=True)
            check(info_of(found).recall >= self.recall, "promised too little")
            reach = true.distances[:, -1:] + 1e-9
            check(
                float((found.distances <= reach).mean()) >= self.recall - self.slack,
                f"{metric}: recall {(found.distances <= reach).mean()}",
            )

    # -- filters ---------------------------------------------------------------------

    @pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.01, 0.0])
    def test_filters_are_never_short(self, fitted: MultiVector, share: float) -> None:
        Q = self.data(10, seed=4)
        mask = np.random.default_rng(5).random(self.bags) < share
        by_mask, by_ids = (
            fitted.search(Q, 10, where=mask),
            fitted.search(Q, 10, where=np.flatnonzero(mask)[::-1]),
        )
        alike(by_mask, by_ids)
        check(info_of(by_mask).matching == int(mask.sum()), "matching")
        for row in by_mask:
            check(len(row.ids) == min(10, int(mask.sum())), f"{len(row.ids)} came")
            check(bool(mask[row.ids].all()), "a row that does not pass the filter")

    def test_filter_far_from_the_query(self, fitted: MultiVector) -> None:
        Q = self.data(8, seed=6)
        shares = []
        for query in Q:
            truth = self.truth(fitted, query)
            mask = truth > np.quantile(truth, 0.6)
            row = fitted.search(query, 10, where=mask, recall=self.recall)[0]
            check(len(row.ids) == 10 and bool(mask[row.ids].all()), "filter")
            shares.append((row.distances <= np.sort(truth[mask])[9] + 1e-9).mean())
        check(float(np.mean(shares)) >= self.recall - self.slack, f"recall {np.mean(shares)}")

    # -- sizes and changes -----------------------------------------------------------

    def test_empty_and_few(self) -> None:
        index = self.make(self.metrics[0]).fit([])
        check(len(index.search([[1.0]], 5)[0].ids) == 0, "empty")
        for count in (1, 2, 7):
            X = self.data(count)
            index = self.make(self.metrics[0]).fit(X)
            near(index.search(X[0], 10)[0], self.truth(index, X[0]), count)
        check(len(index.search([], 5)) == 0, "no query")

    def test_k_near_and_beyond_n(self, fitted: MultiVector) -> None:
        for k in (self.bags - 1, self.bags, 10 * self.bags):
            row = fitted.search(self.data(1, seed=7), k)[0]
            check(len(np.unique(row.ids)) == min(k, self.bags), f"k={k}: {len(row.ids)}")

    def test_random_history(self) -> None:
        """Bags come and go; after each step an exact search sees those that are there."""
        rng = np.random.default_rng(8)
        index = self.make(self.metrics[0]).fit(self.data(300))
        there = dict(enumerate(self.data(300)))
        for step in range(6):
            new = self.data(int(rng.integers(1, 200)), seed=100 + step)
            positions = index.add(new)
            there.update(zip(positions.tolist(), new, strict=True))
            gone = rng.permutation(list(there))[: int(rng.integers(1, 90))]
            check(index.delete([*gone.tolist(), -1, 10**9]) == len(gone), "count")
            for position in gone.tolist():
                del there[position]
            query = new[0]
            kept = np.array(sorted(there))
            row = index.search(query, 10, exact=True)[0]
            truth = formula(index.metric, query, as_bags([there[i] for i in kept.tolist()]))
            far = np.full(index.next_position, np.inf)
            far[kept] = truth
            check(len(index) == len(kept), "length")
            np.testing.assert_allclose(row.distances, np.sort(far)[:10], atol=max(1e-5, self.lossy))
            found = index.search(query, 10)[0]
            check(len(found.ids) == 10 and set(found.ids) <= set(there), "a deleted bag")
        index.delete(range(index.next_position))
        check(len(index) == 0 and len(index.search(query, 3)[0].ids) == 0, "all gone")

    def test_radius(self, fitted: MultiVector) -> None:
        for query in self.data(3, seed=9):
            truth = self.truth(fitted, query)
            ranked = np.sort(truth)
            radius = float(ranked[40] + ranked[39]) / 2
            row = fitted.search(query, None, radius=radius)[0]
            check(set(row.ids.tolist()) == set(np.flatnonzero(truth <= radius)), "radius")
            few = fitted.search(query, 5, radius=radius, exact=True)[0]
            near(few, truth, 5)
            check(len(fitted.search(query, 9, radius=float(ranked[0]) - 1e-3)[0].ids) == 0, "none")

    # -- sameness --------------------------------------------------------------------

    def test_save_and_load(self, tmp_path: Path) -> None:
        Q = self.data(10, seed=10)
        index = self.make(self.metrics[0]).fit(self.data())
        index.delete(range(90))
        index.save(tmp_path / "bags")
        again = type(index).load(tmp_path / "bags")
        for exact in (False, True):
            alike(index.search(Q, 10, exact=exact), again.search(Q, 10, exact=exact))
        more = self.data(30, seed=11)
        check(again.add(more).tolist() == index.add(more).tolist(), "positions")
        alike(index.search(Q, 10), again.search(Q, 10))
        (tmp_path / "junk").write_bytes(b"junk")
        with pytest.raises(DamagedFile):
            type(index).load(tmp_path / "junk")

    def test_load_refuses_what_it_is_not(self, tmp_path: Path) -> None:
        from likewise.index import Exact, load

        Exact("dot").fit(np.eye(3)).save(tmp_path / "other")
        with pytest.raises(InvalidFile, match="exact"):
            MultiVector.load(tmp_path / "other")
        self.make(self.metrics[0]).fit(self.data(5)).save(tmp_path / "bags")
        with pytest.raises(InvalidFile, match=r"MultiVector\.load"):
            load(tmp_path / "bags")

    def test_same_seed_same_bytes(self, tmp_path: Path) -> None:
        for n_jobs in (1, 2):
            index = self.make(self.metrics[0], random_state=5, n_jobs=n_jobs).fit(self.data())
            index.save(tmp_path / str(n_jobs))
        check((tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes(), "two files")
        again = type(index).load(tmp_path / "1", n_jobs=2)
        Q = self.data(40, seed=12)
        alike(index.search(Q, 10), again.search(Q, 10))

    def test_batch_is_one_by_one(self, fitted: MultiVector) -> None:
        Q = self.data(40, seed=13)
        for where in (None, np.arange(0, self.bags, 2)):
            for exact in (False, True):
                batch = fitted.search(Q, 10, where=where, exact=exact)
                for query, row in zip(Q, batch, strict=True):
                    single = fitted.search(query, 10, where=where, exact=exact)[0]
                    np.testing.assert_array_equal(row.ids, single.ids)
                    np.testing.assert_array_equal(row.distances, single.distances)

    def test_several_threads(self, fitted: MultiVector) -> None:
        batches = [self.data(10, seed=seed) for seed in range(6)]
        expected = [fitted.search(Q, 5 + i) for i, Q in enumerate(batches)]
        with ThreadPoolExecutor(3) as pool:
            tasks = [pool.submit(fitted.search, Q, 5 + i) for i, Q in enumerate(batches)]
            for task, first in zip(tasks, expected, strict=True):
                alike(task.result(), first)

    def test_bags_given_may_change_afterwards(self) -> None:
        for metric in self.metrics:
            X, Q = self.data(), self.data(5, seed=14)
            index = self.make(metric).fit(X)
            before = index.search(Q, 5)
            X.vectors[:] = 1.0
            alike(index.search(Q, 5), before)

    # -- bad input -------------------------------------------------------------------

    def test_not_fitted(self) -> None:
        index = self.make(self.metrics[0])
        for call in (lambda: index.search([[1.0]]), lambda: index.add([[1.0]]), lambda: index.dim):
            with pytest.raises(NotFitted, match="fit"):
                call()

    def test_bad_bags(self, fitted: MultiVector) -> None:
        good, width = np.ones((2, self.dim)), self.dim
        bad: list[tuple[Any, type[LikewiseError], str]] = [
            ([good, np.empty((0, width))], InvalidVector, "row 1 is a bag with no vectors"),
            ([good, good * [[1], [np.nan]]], InvalidVector, "row 1, vector 1 has NaN"),
            ([good, good * [[np.inf], [1]]], InvalidVector, "row 1, vector 0 has infinity"),
            ([good * 1e39], InvalidVector, "row 0, vector 0"),
            ([good, good * [[1], [0]]], InvalidVector, "row 1, vector 1 is a zero vector"),
            ([good, np.ones((2, width + 1))], DimensionMismatch, "row 1"),
            ([np.ones((2, width + 1))], DimensionMismatch, f"{width} numbers"),
            ([good, [["a"] * width]], InvalidType, "row 1"),
            ("text", InvalidType, "list of bags"),
        ]
        for bags, error, words in bad:
            with pytest.raises(error, match=words):
                fitted.add(bags)
            with pytest.raises(error, match=words):
                fitted.search(bags)
        check(len(fitted) == self.bags, "a refused bag was kept")

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"k": 0}, InvalidArgument, "positive"),
            ({"k": None}, InvalidArgument, "radius"),
            ({"radius": "far"}, InvalidType, "number"),
            ({"recall": 1.5}, InvalidArgument, "recall"),
            ({"exact": "yes"}, InvalidType, "exact"),
            ({"effort": 0}, InvalidArgument, "effort"),
            ({"effort": 9, "recall": 0.9}, InvalidArgument, "effort"),
            ({"effort": 9, "exact": True}, InvalidArgument, "effort"),
            ({"where": [True, False]}, InvalidFilter, "mask"),
            ({"where": [10**9]}, InvalidFilter, "position"),
            ({"top_k": 3}, UnknownArgument, "did you mean 'k'"),
        ],
    )
    def test_bad_arguments(
        self, fitted: MultiVector, options: dict[str, Any], error: type[LikewiseError], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            fitted.search(self.data(1), **options)

    def test_bad_construction(self) -> None:
        with pytest.raises(UnknownMetric, match="cosine, dot"):
            self.make("euclidean")
        with pytest.raises(InvalidType, match="ids"):
            self.make(self.metrics[0]).fit(self.data(5)).delete(["a"])

    def test_memory_limit(self) -> None:
        X = self.data()
        plan = self.make("dot").plan(len(X), X.dim, vectors=len(X.vectors))
        index = self.make("dot", memory_limit=plan.bytes).fit(X)
        check(0.5 * plan.bytes <= index.nbytes <= plan.bytes, f"{index.nbytes} of {plan.bytes}")
        with pytest.raises(OverLimit, match="memory_limit"):
            index.add(X)
        with pytest.raises(OverLimit, match="memory_limit"):
            self.make("dot", memory_limit=plan.bytes - 1).fit(X)
        check(len(index) == len(X), "a refused bag was kept")


def near(row: Any, truth: Distances, k: int) -> None:
    """The k nearest by ``truth``."""
    np.testing.assert_allclose(row.distances, np.sort(truth)[:k], rtol=0, atol=1e-6)
    check(len(np.unique(row.ids)) == k, f"{len(row.ids)} of {k} came")
    np.testing.assert_allclose(row.distances, truth[row.ids], rtol=0, atol=1e-6)


__all__ = ["MultiVectorConformance", "formula", "near"]
