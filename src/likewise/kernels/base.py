"""`Kernel`: k(x, y) as an object that composes, and is evaluated in tiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from likewise._arguments import check_count, check_jobs, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels._rows import FloatArray, as_rows, check_alike, precision
from likewise.kernels._tiles import KernelPlan, Tiles
from likewise.kernels.parameters import Float64Array, Parametrised

if TYPE_CHECKING:
    from likewise.kernels.composed import Product, Scaled, Sum
    from likewise.kernels.feature_maps import FeatureMap
    from likewise.kernels.for_sklearn import SklearnKernel
    from likewise.kernels.operator import KernelOperator

#: The step in the logarithm of a hyper-parameter; errors of the difference are near 1e-10.
STEP = 1e-5
ASK_IN_PRODUCTS = "ask for products with kernel.operator(X), which keeps no matrix"


class Kernel(Parametrised, ABC):
    """A similarity k(x, y) of two rows.

    A kernel is called on rows and gives the matrix of all pairs. ``k1 + k2``, ``k1 * k2``,
    ``2.0 * k`` and ``k + 1.0`` are kernels again. Rows of float32 give float32, all others
    float64. Two 1-d rows give one number, so that a kernel serves wherever a function of two
    vectors is asked for.

    A subclass gives `_entries` and, where it is known without them, `_diagonal`; it may give a
    `_feature_map`, other rows than vectors (`_as_rows`) and a smaller `_tile`. It calls
    `_check_parameters` at the end of its constructor, and keeps arguments as they came.

    Example:
        >>> import likewise as lw
        >>> k = 2.0 * lw.kernels.RBF(length=1.5) + lw.kernels.RBF(length=0.1)
        >>> X = np.array([[0.0, 0.0], [3.0, 0.0]])
        >>> k(X).round(3).tolist()
        [[3.0, 0.271], [0.271, 3.0]]
        >>> k.diag(X).tolist()
        [3.0, 3.0]
    """

    name: ClassVar[str]
    #: Arrays of the size of a tile that `_entries` needs at once, for plans.
    temporaries: ClassVar[int] = 3

    @property
    def psd(self) -> bool:
        """Whether every matrix k(X) is positive semi-definite, rounding aside."""
        return True

    @property
    def takes_vectors(self) -> bool:
        """Whether rows are vectors of numbers; other things say False."""
        return True

    @suggest_arguments
    def __call__(
        self,
        X: Any,
        Y: Any = None,
        *,
        memory_limit: float | None = None,
        n_jobs: int | None = None,
    ) -> FloatArray:
        """The matrix k(x_i, y_j).

        Args:
            X: n rows. Y: m rows; None is X, with the exact diagonal and exactly symmetric.
            memory_limit: bytes that may be used; None is no limit.
            n_jobs: threads; None is 1, -1 all cores. They change no bit of the answer.

        Returns:
            (n, m); a single number where X and Y are both one 1-d row.

        Raises:
            InvalidType, DimensionMismatch, InvalidVector: rows that this kernel cannot take.
            OverLimit: the matrix needs more than ``memory_limit``; the message has the plan.

        Cost: n m evaluations, half of them where Y is None.
        """
        workers = check_jobs(n_jobs)
        rows, columns = self._both(X, Y)
        if memory_limit is not None:
            self._plan(rows, columns, workers).check(memory_limit, ASK_IN_PRODUCTS)
        out = self._matrix(rows, columns, workers)
        return out[0, 0] if self._is_row(X) and self._is_row(Y) else out

    def diag(self, X: Any) -> FloatArray:
        """k(x_i, x_i) for n rows, as an array (n,). Cost: n evaluations at most."""
        return self._diagonal(self._as_rows(X, "X"))

    @suggest_arguments
    def operator(
        self, X: Any, Y: Any = None, *, keep: float = 0, n_jobs: int | None = None
    ) -> KernelOperator:
        """The matrix of all pairs as something to multiply by, ``kernel.operator(X) @ v``.

        Args:
            X, Y: as in a call.
            keep: bytes of tiles to keep for the next product; the others are evaluated anew.
            n_jobs: threads; None is 1, -1 all cores.

        Cost: of a product, that of the matrix; memory ``keep`` and a few tiles.
        """
        from likewise.kernels.operator import KernelOperator

        rows, columns = self._both(X, Y)
        return KernelOperator(self, rows, columns, keep=keep, n_jobs=n_jobs)

    @suggest_arguments
    def features(self, n_features: int, random_state: int | None = None) -> FeatureMap:
        """An explicit map phi with phi(x).phi(y) near k(x, y), nearer with more features.

        Args:
            n_features: how many numbers phi(x) has. random_state: an int makes the same map.

        Returns:
            A `FeatureMap`; call it on rows.

        Raises:
            InvalidArgument: this kernel has no explicit map.
        """
        wanted = check_count("n_features", n_features)
        seed = (
            None if random_state is None else check_count("random_state", random_state, minimum=0)
        )
        return self._feature_map(wanted, np.random.SeedSequence(seed))

    @suggest_arguments
    def plan(
        self, X: Any, Y: Any = None, *, n_jobs: int | None = None, timed: bool = True
    ) -> KernelPlan:
        """Memory and seconds that ``k(X, Y)`` takes; one tile is evaluated to time it."""
        rows, columns = self._both(X, Y)
        workers = check_jobs(n_jobs)
        plan = self._plan(rows, columns, workers)
        if not timed or not plan.rows or not plan.columns:
            return plan
        other = rows if columns is None else columns
        some, beside = rows[: plan.tile], other[: plan.tile]
        started = perf_counter()
        self._entries(some, beside)
        each = (perf_counter() - started) / (len(some) * len(beside))
        pairs = plan.rows * plan.columns / (2 if columns is None else 1)
        return replace(plan, seconds=each * pairs / workers)

    def gradient(self, X: Any) -> Float64Array:
        """The derivatives of ``k(X)`` by each number of `theta`, as (n, n, len(theta)).

        By central differences, to about 1e-9 of k, unless the kernel has its own formula.
        Cost: 2 len(theta) matrices.
        """
        rows = self._as_rows(X, "X")
        theta, out = self.theta, np.empty((len(rows), len(rows), len(self.theta)))
        for p in range(len(theta)):
            step = np.zeros_like(theta)
            step[p] = STEP
            above, below = self.with_theta(theta + step), self.with_theta(theta - step)
            out[:, :, p] = (above(X) - below(X)) / (2 * STEP)
        return out

    def for_sklearn(self) -> SklearnKernel:
        """This kernel as one of ``sklearn.gaussian_process.kernels``, hyper-parameters and all.

        For Gaussian processes of scikit-learn, whose fits learn the hyper-parameters, and for
        speed in ``KernelRidge``: there a plain kernel works too, but is called once for each
        pair of rows. ``SVC(kernel=k)`` calls a plain kernel once, on all rows.
        """
        from likewise.kernels.for_sklearn import SklearnKernel

        return SklearnKernel(self)

    # -- composition ----------------------------------------------------------------

    def __add__(self, other: Kernel | float) -> Sum:
        from likewise.kernels.composed import Sum, as_kernel

        return Sum(self, as_kernel(other))

    def __radd__(self, other: float) -> Sum:
        from likewise.kernels.composed import Sum, as_kernel

        return Sum(as_kernel(other), self)

    def __mul__(self, other: Kernel | float) -> Product | Scaled:
        from likewise.kernels.composed import Product, Scaled

        return Product(self, other) if isinstance(other, Kernel) else Scaled(self, other)

    def __rmul__(self, other: float) -> Product | Scaled:
        return self * other

    # -- what a subclass gives ------------------------------------------------------

    @abstractmethod
    def _entries(self, X: Any, Y: Any) -> FloatArray:
        """The matrix of two blocks of checked rows, of the precision of X."""

    def _diagonal(self, X: Any) -> FloatArray:
        rows = [self._entries(X[i : i + 1], X[i : i + 1])[0, 0] for i in range(len(X))]
        return np.asarray(rows, dtype=precision(X))

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        raise InvalidArgument(
            f"{type(self).__name__} has no explicit feature map; use a machine with "
            'method="nystrom", which needs none'
        )

    def _as_rows(self, values: Any, what: str) -> Any:
        """``values`` checked, as something with a length that can be sliced."""
        return as_rows(values, what)

    def _check_alike(self, X: Any, Y: Any) -> None:
        check_alike(X, Y)

    def _is_row(self, values: Any) -> bool:
        """Whether this is one row alone: numbers, a text or a set; and no list of rows."""
        if isinstance(values, (list, tuple)):
            return bool(values) and isinstance(values[0], (int, float, np.number))
        if hasattr(values, "__array__"):
            if getattr(values, "ndim", 1) != 1:
                return False  # a tensor that needs a gradient is no array yet
            array = np.asarray(values)
            return array.ndim == 1 and array.size > 0 and array.dtype.kind in "fiub"
        return isinstance(values, (str, Set, Mapping))

    def _tile(self, rows: Any) -> int:
        """How many rows and columns to evaluate at a time: temporaries fit a cache near 2 MB."""
        return 256

    # -- tiles ----------------------------------------------------------------------

    def _both(self, X: Any, Y: Any) -> tuple[Any, Any]:
        """Rows and columns, checked and of one precision; no columns where they are the rows."""
        rows = self._as_rows(X, "X")
        if Y is None or Y is X:
            return rows, None
        columns = self._as_rows(Y, "Y")
        self._check_alike(rows, columns)
        if isinstance(rows, np.ndarray) and rows.dtype != columns.dtype:
            rows, columns = rows.astype(np.float64), columns.astype(np.float64)
        return rows, columns

    def _matrix(self, rows: Any, columns: Any, workers: int = 1) -> FloatArray:
        other = rows if columns is None else columns
        tiles = Tiles(len(rows), len(other), self._tile(rows), columns is None)
        out = np.empty((len(rows), len(other)), dtype=precision(rows))
        tiles.fill(out, lambda a, b: self._entries(rows[a], other[b]), workers)
        if columns is None and len(rows):
            np.fill_diagonal(out, self._diagonal(rows))
        return out

    def _plan(self, rows: Any, columns: Any, workers: int) -> KernelPlan:
        n, m = len(rows), len(rows if columns is None else columns)
        tile, size = self._tile(rows), precision(rows).itemsize
        under_way = workers * self.temporaries * min(tile, n) * min(tile, m)
        return KernelPlan(n, m, tile, bytes=size * (n * m + under_way))


def check_kernel(kernel: Any, what: str = "kernel") -> Kernel:
    """``kernel``, or the error that says what is expected."""
    if not isinstance(kernel, Kernel):
        raise InvalidType(f"{what} must be a kernel such as RBF(length=1.0); got {kernel!r:.60}")
    return kernel
