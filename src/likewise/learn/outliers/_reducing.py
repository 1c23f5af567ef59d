"""``reduce=``: fewer numbers a row before a distance is taken, and what was lost by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from likewise._arguments import check_count
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, MissingExtra

Float64Array = npt.NDArray[np.float64]

#: The most components that "pca" takes by itself, and the fewest rows for each.
MOST, ROWS_EACH = 256, 5


class Reduction:
    """A fitted transformer, or none, with the spread of what it loses.

    Args:
        reduce, components, random_state: see `MahalanobisOutliers`.
        rows: (n, dim) the rows to fit on, and nothing else: a reduction that has seen the rows to
            be judged has been told the answer.
        residual: whether `lost` will be asked for.
    """

    def __init__(
        self,
        reduce: Any,
        components: Any,
        random_state: int | None,
        rows: Float64Array,
        residual: bool,
    ) -> None:
        self.transformer = _transformer(reduce, components, random_state, rows.shape)
        if self.transformer is not None:
            self.transformer.fit(rows)
        self.spread = 0.0
        if residual:
            if not hasattr(self.transformer, "inverse_transform"):
                raise InvalidArgument(
                    "residual=True needs a reduction with inverse_transform, such as "
                    f'reduce="pca"; got reduce={reduce!r:.60}'
                )
            width = self(rows[:1]).shape[1]
            lost = self._lost(rows, self(rows))
            if rows.shape[1] > width:
                self.spread = float(lost.mean()) / (rows.shape[1] - width)

    def __call__(self, rows: Float64Array) -> Float64Array:
        """(m, components)."""
        if self.transformer is None:
            return rows
        reduced = np.asarray(self.transformer.transform(rows), dtype=np.float64)
        if reduced.ndim != 2 or len(reduced) != len(rows):
            raise DimensionMismatch(
                f"reduce gave an array of shape {reduced.shape} for {len(rows)} rows"
            )
        if not np.isfinite(reduced).all():
            raise InvalidArgument(f"reduce ({self.transformer!r:.60}) gave NaN or infinity")
        return reduced

    def lost(self, rows: Float64Array, reduced: Float64Array) -> Float64Array:
        """(m,) squared norms of what the reduction lost, in units of its mean variance."""
        if self.spread == 0:
            return np.zeros(len(rows))
        return self._lost(rows, reduced) / self.spread

    def _lost(self, rows: Float64Array, reduced: Float64Array) -> Float64Array:
        back = np.asarray(self.transformer.inverse_transform(reduced), dtype=np.float64)
        return np.asarray(((rows - back) ** 2).sum(axis=1))


def _transformer(
    reduce: Any, components: Any, random_state: int | None, shape: tuple[int, ...]
) -> Any:
    """What is to be fitted: a scikit-learn transformer, not fitted yet, or None."""
    wanted = None if components is None else check_count("components", components)
    if isinstance(reduce, str):
        if reduce == "pca":
            return _pca(wanted, random_state, shape)
        if reduce == "umap":
            return _umap(wanted, random_state)
        raise InvalidArgument(
            f'reduce must be "pca", "umap", a transformer or None; got {reduce!r}'
        )
    if wanted is not None:
        raise InvalidArgument(
            'components is for reduce="pca" and "umap"; give a transformer its own'
        )
    if reduce is None:
        return None
    if not (hasattr(reduce, "fit") and hasattr(reduce, "transform")):
        raise InvalidType(
            f'reduce must be "pca", "umap", or have fit and transform; got {reduce!r:.60}'
        )
    return clone(reduce)


def _pca(wanted: int | None, random_state: int | None, shape: tuple[int, ...]) -> Any:
    from sklearn.decomposition import PCA

    rows, dim = shape
    if wanted is None:
        return PCA(max(1, min(dim, rows // ROWS_EACH, MOST)), random_state=random_state)
    if wanted > min(rows, dim):
        raise InvalidArgument(
            f"components = {wanted} is more than {rows} rows of {dim} numbers span; give at most "
            f"{min(rows, dim)}"
        )
    return PCA(wanted, random_state=random_state)


def _umap(wanted: int | None, random_state: int | None) -> Any:
    try:
        from umap import UMAP
    except ImportError:
        raise MissingExtra('reduce="umap" needs UMAP: pip install umap-learn') from None
    return UMAP(n_components=wanted or 2, random_state=random_state)
