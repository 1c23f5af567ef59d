"""`Rotation`: vectors turned so that their first numbers tell the most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.vectors import Float32Array, as_dense

Float64Array = npt.NDArray[np.float64]

#: Rows are summed in blocks of so many.
BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Rotation:
    """An orthonormal turn, after which the first numbers of a vector tell the most of it.

    ``y = R (x - centre)`` with ``R R' = 1``: inner products (with ``centre = 0``) and euclidean
    distances (with any) are those of the vectors as they were, so answers by all numbers stay the
    same, and a prefix of y is the best linear summary of its length.

    Attributes:
        matrix: (dim, dim) R, one direction a row, that of most variance first.
        centre: (dim,) what is subtracted before; zeros where nothing is.
        variances: (dim,) mean square of the rows along each direction, descending.

    Example:
        >>> rows = np.array([[3, 4], [6, 8], [-3, -4]])
        >>> turned = Rotation.learn(rows).apply(rows)
        >>> np.abs(turned).round(3).tolist()
        [[5.0, 0.0], [10.0, 0.0], [5.0, 0.0]]
    """

    matrix: Float32Array
    centre: Float32Array
    variances: Float64Array

    @classmethod
    @suggest_arguments
    def learn(cls, X: Any, *, centre: bool = False) -> Rotation:
        """The principal axes of ``X`` (n, dim).

        Args:
            X: rows of finite numbers, at least one.
            centre: measure from the mean of the rows. Right for euclidean distances, which a shift
                leaves alone; wrong for cosine and dot, since it changes every angle and every
                inner product.

        Raises:
            InvalidVector, InvalidType: ``X`` is not rows of numbers. InvalidArgument: no rows.

        Cost: O(n dim^2 + dim^3), in float64.

        Source: K. Pearson, "On lines and planes of closest fit", 1901; H. Hotelling, 1933.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((100, 4)) * [1, 9, 3, 0.1]
            >>> np.abs(Rotation.learn(rows).matrix).argmax(axis=1).tolist()
            [1, 2, 0, 3]
        """
        if not isinstance(centre, (bool, np.bool_)):
            raise InvalidType(f"centre must be True or False; got {centre!r}")
        rows = as_dense(X, what="X")
        if len(rows) == 0:
            raise InvalidArgument("a rotation is learned from at least one row; X has none")
        middle = np.zeros(rows.shape[1])
        if centre:
            middle = rows.mean(axis=0, dtype=np.float64)
        squares = np.zeros((rows.shape[1],) * 2)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK] - middle
            squares += block.T @ block
        values, vectors = np.linalg.eigh(squares)
        axes = vectors.T[::-1]
        # An axis has no sign of its own: the largest of its numbers is made positive.
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        axes = axes * np.sign(largest)
        variances = np.maximum(values[::-1], 0.0) / len(rows)
        return cls(axes.astype(np.float32), middle.astype(np.float32), variances)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return len(self.centre)

    def apply(self, X: Any, *, dims: int | None = None) -> Float32Array:
        """(n, dims) the first numbers of the turned rows of ``X`` (n, dim); None is all of them.

        Raises:
            DimensionMismatch, InvalidVector, InvalidType: ``X`` is not such rows.

        Cost: O(n dim dims).

        Example:
            >>> rows = np.array([[0, 2], [0, -3]])
            >>> Rotation.learn(rows).apply(rows, dims=1).tolist()
            [[2.0], [-3.0]]
        """
        rows = as_dense(X, dim=self.dim, what="X")
        return self._moved(rows) @ self.matrix[:dims].T

    def apply_each(self, X: Float32Array, dims: int) -> Float32Array:
        """As `apply`, summed row by row, so that a row's numbers do not depend on the others.

        Example:
            >>> rows = np.array([[0, 2], [0, -3]], dtype=np.float32)
            >>> Rotation.learn(rows).apply_each(rows, 2).tolist()
            [[2.0, 0.0], [-3.0, 0.0]]
        """
        turned: Float32Array = np.vecdot(self._moved(X)[:, None, :], self.matrix[None, :dims, :])
        return turned

    def undo(self, Y: Any) -> Float32Array:
        """(n, dim) the rows whose turned ones are ``Y`` (n, dim).

        Raises:
            DimensionMismatch, InvalidVector, InvalidType: ``Y`` is not such rows.

        Cost: O(n dim^2).

        Example:
            >>> rows = np.array([[3, 4], [6, 8]])
            >>> rotation = Rotation.learn(rows, centre=True)
            >>> rotation.undo(rotation.apply(rows)).round(3).tolist()
            [[3.0, 4.0], [6.0, 8.0]]
        """
        return as_dense(Y, dim=self.dim, what="Y") @ self.matrix + self.centre

    def _moved(self, X: Float32Array) -> Float32Array:
        return X - self.centre if self.centre.any() else X

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps.

        Example:
            >>> sorted(Rotation.learn([[3, 4]]).to_arrays())
            ['centre', 'matrix', 'variances']
        """
        return {"matrix": self.matrix, "centre": self.centre, "variances": self.variances}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Rotation:
        """The inverse of `to_arrays`.

        Example:
            >>> Rotation.from_arrays(Rotation.learn([[3, 4]]).to_arrays()).dim
            2
        """
        return cls(*(np.array(arrays[name]) for name in ("matrix", "centre", "variances")))
