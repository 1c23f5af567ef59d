"""`KernelConformance`: what every kernel must do.

A new kernel's test inherits the class and supplies itself (pytest collects the rest)::

    class TestMine(KernelConformance):
        def make(self): return Mine(length=0.7)
        def variants(self): return [Mine(length=[1.0, 2.0, 3.0, 4.0])]
        def plain(self, kernel, x, y): return the formula for one pair, slowly
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pytest

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    OverLimit,
    UnknownArgument,
)
from likewise.kernels import Kernel
from likewise.testing._comparing import check


class KernelConformance(ABC):
    """Inherit it, supply `make` and `plain`, and where they differ the other attributes.

    Attributes:
        tolerance: how far the matrix may be from `plain`, relative to the largest entry.
        tolerance32: the same for float32 rows.
        features: how many features `Kernel.features` is asked for, to be near the kernel; None
            where there is no explicit map.
        features_error: the mean error allowed then, relative to the largest entry; with a quarter
            of the features the error must be larger.
        gradient_tolerance: how far `Kernel.gradient` may be from differences of a larger step.
        vectors: whether rows are vectors of numbers, which bad rows are tried on.
    """

    tolerance = 1e-10
    tolerance32 = 1e-4
    features: int | None = None
    features_error = 0.05
    gradient_tolerance = 1e-5
    vectors = True

    @abstractmethod
    def make(self) -> Kernel:
        """The kernel, each time a new one that is the same."""

    @abstractmethod
    def plain(self, kernel: Kernel, x: Any, y: Any) -> float:
        """k(x, y) of two rows by the formula, with no thought of speed."""

    def variants(self) -> list[Kernel]:
        """Other hyper-parameters that must hold as well."""
        return []

    def rows(self, n: int, seed: int = 0) -> Any:
        """``n`` rows that the kernel takes."""
        return np.random.default_rng(seed).standard_normal((n, 4))

    def all_kernels(self) -> list[Kernel]:
        return [self.make(), *self.variants()]

    # -- values ---------------------------------------------------------------------

    def test_every_entry_is_the_formula(self) -> None:
        X, Y = self.rows(7), self.rows(5, seed=1)
        for kernel in self.all_kernels():
            plain = np.array([[self.plain(kernel, x, y) for y in Y] for x in X])
            self.near(kernel(X, Y), plain, self.tolerance, kernel)
            same = np.array([[self.plain(kernel, x, y) for y in X] for x in X])
            self.near(kernel(X), same, self.tolerance, kernel)

    def near(self, got: Any, expected: Any, tolerance: float, kernel: Kernel) -> None:
        """The same to ``tolerance`` times the largest entry."""
        largest = max(np.abs(expected).max(), 1e-300)
        check(np.shape(got) == np.shape(expected), f"{kernel}: {np.shape(got)}")
        off = np.abs(np.asarray(got, dtype=np.float64) - expected).max() / largest
        check(bool(off <= tolerance), f"{kernel}: off by {off:.3g} of the largest entry")

    def test_symmetric_and_diag_agrees(self) -> None:
        X = self.rows(40)
        for kernel in self.all_kernels():
            K = kernel(X)
            check(np.array_equal(K, K.T), f"{kernel} is not symmetric")
            check(np.array_equal(np.diag(K), kernel.diag(X)), f"{kernel}: diag differs")
            self.near(kernel(X, self.rows(40)), K, max(self.tolerance, 1e-7), kernel)

    def test_positive_semi_definite_or_declared_not_to_be(self) -> None:
        X = self.rows(60)
        for kernel in self.all_kernels():
            values = np.linalg.eigvalsh(kernel(X))
            bound = -1e-10 * max(abs(values[-1]), 1e-300) * len(values)
            check(not kernel.psd or values[0] >= bound, f"{kernel}: eigenvalue {values[0]:.3g}")

    def test_blocks_agree(self, monkeypatch: pytest.MonkeyPatch) -> None:
        X, Y = self.rows(23), self.rows(17, seed=1)
        for kernel in self.all_kernels():
            whole, square = kernel(X, Y), kernel(X)
            with monkeypatch.context() as patch:
                patch.setattr(type(kernel), "_tile", lambda self, rows: 5)
                self.near(kernel(X, Y), whole, 1e-12, kernel)
                self.near(kernel(X), square, 1e-12, kernel)
                check(np.array_equal(kernel(X, Y), kernel(X, Y, n_jobs=2)), "threads change it")

    def test_products_without_the_matrix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        X, Y = self.rows(23), self.rows(17, seed=1)
        rng = np.random.default_rng(2)
        v, w = rng.standard_normal((17, 2)), rng.standard_normal(23)
        for kernel in self.all_kernels():
            with monkeypatch.context() as patch:
                patch.setattr(type(kernel), "_tile", lambda self, rows: 5)
                for keep in (0, 500, 1e6):
                    K, square = kernel.operator(X, Y, keep=keep), kernel.operator(X, keep=keep)
                    for _ in range(2):  # the second time with tiles that were kept
                        self.near(K @ v, kernel(X, Y) @ v, 1e-10, kernel)
                        self.near(K.T @ w, kernel(X, Y).T @ w, 1e-10, kernel)
                        self.near(square @ w, kernel(X) @ w, 1e-10, kernel)
                self.near(square.diag(), kernel.diag(X), 0.0, kernel)

    def test_no_rows(self) -> None:
        kernel, X = self.make(), self.rows(3)
        check(kernel(X[:0], X).shape == (0, 3), "no rows")
        check(kernel(X[:0]).shape == (0, 0) and kernel.diag(X[:0]).shape == (0,), "no rows")

    def test_float32(self) -> None:
        if not self.vectors:
            pytest.skip("rows are no vectors of numbers")
        X = self.rows(20).astype(np.float32)
        for kernel in self.all_kernels():
            K = kernel(X)
            check(K.dtype == np.float32 and kernel.diag(X).dtype == np.float32, f"{K.dtype}")
            check(kernel(X, X.astype(np.float64)).dtype == np.float64, "mixed precision")
            self.near(K, kernel(X.astype(np.float64)), self.tolerance32, kernel)

    def test_features_come_near_the_kernel(self) -> None:
        X = self.rows(30)
        if self.features is None:
            with pytest.raises(InvalidArgument, match="no explicit feature map"):
                self.make().features(10)
            return
        for kernel in self.all_kernels():
            errors = []
            for count in (max(1, self.features // 16), self.features):
                phi = kernel.features(count, random_state=3)
                check(phi(X).shape == (len(X), count), f"{phi(X).shape}")
                K = kernel(X)
                errors.append(np.abs(phi(X) @ phi(X).T - K).mean() / np.abs(K).max())
            check(errors[1] <= self.features_error, f"{kernel}: {errors}")
            check(errors[1] < errors[0] or phi.exact, f"{kernel}: no nearer with more: {errors}")
            again = kernel.features(self.features, random_state=3)
            check(np.array_equal(again(X), phi(X)), "the same seed, another map")

    # -- as an object ---------------------------------------------------------------

    def test_parameters_come_and_go(self) -> None:
        for kernel in self.all_kernels():
            params = kernel.get_params(deep=False)
            again = type(kernel)(**params)
            check(again == kernel and repr(again) == repr(kernel), repr(kernel))
            check(all(again.get_params(deep=False)[k] is v for k, v in params.items()), "copied")
            check(kernel.copy() == kernel and kernel.copy() is not kernel, "copy")
            check(pickle.loads(pickle.dumps(kernel)) == kernel, "pickle")
            moved = kernel.with_theta(kernel.theta + 0.1)
            np.testing.assert_allclose(moved.theta, kernel.theta + 0.1)
            check(kernel.theta_bounds.shape == (len(kernel.theta), 2), "bounds")
            with pytest.raises(UnknownArgument):
                kernel.set_params(no_such_thing=1)

    def test_every_hyperparameter_counts_and_has_its_derivative(self) -> None:
        X = self.rows(8)
        for kernel in self.all_kernels():
            G = kernel.gradient(X)
            check(G.shape == (8, 8, len(kernel.theta)), f"{G.shape}")
            for p in range(len(kernel.theta)):
                step = np.zeros(len(kernel.theta))
                step[p] = 1e-4
                above = kernel.with_theta(kernel.theta + step)(X)
                slope = (above - kernel.with_theta(kernel.theta - step)(X)) / 2e-4
                check(bool(np.abs(slope).max() > 0), f"{kernel}: number {p} of theta is ignored")
                self.near(G[:, :, p], slope, self.gradient_tolerance, kernel)

    def test_composes(self) -> None:
        X, Y = self.rows(6), self.rows(4, seed=1)
        k = self.make()
        self.near((2.0 * k + k * k + 0.5)(X, Y), 2 * k(X, Y) + k(X, Y) ** 2 + 0.5, 1e-12, k)
        np.testing.assert_allclose((0.5 + k).diag(X), 0.5 + k.diag(X))
        check((k + k * 3.0).psd == k.psd, "psd of a sum")
        with pytest.raises(InvalidType):
            k + "text"  # type: ignore[operator]
        with pytest.raises((InvalidArgument, InvalidType)):
            k * -1.0

    def test_plan_and_memory_limit(self) -> None:
        k, X = self.make(), self.rows(30)
        plan = k.plan(X)
        check(plan.bytes >= 30 * 30 * 4 and plan.seconds is not None, str(plan))
        with pytest.raises(OverLimit, match="tiles"):
            k(X, memory_limit=100)
        check(k(X, memory_limit=1e9).shape == (30, 30), "within the limit")

    # -- bad input ------------------------------------------------------------------

    def test_bad_rows(self) -> None:
        if not self.vectors:
            pytest.skip("rows are no vectors of numbers")
        k, X = self.make(), self.rows(3)
        wrong = X.copy()
        wrong[1, 2] = np.nan
        with pytest.raises(InvalidVector, match="row 1 has NaN"):
            k(wrong)
        wrong[1, 2] = np.inf
        with pytest.raises(InvalidVector, match="Y: row 1 has infinity"):
            k(X, wrong)
        with pytest.raises(DimensionMismatch):
            k(X, X[:, :2])
        with pytest.raises(DimensionMismatch):
            k(X[:, :, None])
        for bad in ("text", 3.0, None, [["a", "b"]]):
            with pytest.raises((InvalidType, DimensionMismatch)):
                k(bad)

    def test_bad_arguments(self) -> None:
        k, X = self.make(), self.rows(3)
        with pytest.raises(UnknownArgument):
            k(X, threads=2)  # type: ignore[call-arg]
        with pytest.raises((InvalidArgument, InvalidType)):
            k(X, n_jobs=0)
        for name in k.BOUNDS:
            for bad in (0.0, -1.0, np.nan, "much"):
                with pytest.raises((InvalidArgument, InvalidType)):
                    k.copy(**{name: bad})
        with pytest.raises((InvalidArgument, InvalidType)):
            k.features(0)
