"""`NullCutoff`: which rows are nearer than chance would bring them, without any labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, NotFitted
from likewise.metrics import Metric, resolve
from likewise.vectors import Float32Array, as_dense

#: The nearest share of the sample, whose distances say how the tail falls.
TAIL = 0.05
#: The level at which a row of the sample is taken for relevant itself.
STANDS_OUT = 0.001
#: Rows of the sample below which a tail cannot be told.
FEWEST_ROWS = 100

FloatArray = npt.NDArray[np.float64]


class NullCutoff:
    """Rows nearer than chance, by the distances of a query to a sample of all rows.

    Nearly no row is relevant to a query, so its distances to a sample of rows show what rows do
    that are not. With the 5 % quantile t of these distances, and the mean m of t - d over the
    nearer ones, the chance of a row that is not relevant to be as near as d is::

        p(d) = 0.05 exp(-(t - d) / m)   for d < t, else the share of the sample within d

    an exponential tail (J. Pickands, 1975, for a shape of 0). Among n rows, n p(d) such rows are
    as near by chance. The i-th nearest row is given the probability ::

        1 - min(1, max over j <= i of n p(d_j) / j)

    so keeping all at 1 - level is the rule of Benjamini and Hochberg (1995) for a false discovery
    rate of ``level``, walked from the nearest row on: it stops at the first that fails, so the
    probability of a row does not depend on how many are asked for. Unlike a trained adapter's, it
    says that a row is near for a reason, which need not be that it answers the query: all rows on
    the topic may be.

    Rows of the sample that are relevant themselves would make the tail longer: those that stand
    out of it (the same rule at a level of 0.001, within the sample, with m from the farther half
    of the tail) are left out of it first. More than about 2 % of all rows cannot stand out.

    Args:
        level: the share of the rows kept that may be there by chance, in (0, 1).

    Raises:
        InvalidArgument, InvalidType: the level is no number in (0, 1).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(1000, 32))
        >>> cutoff = NullCutoff().fit(rows)
        >>> cutoff.keeps(rows[0], [0.001, 0.6], rows=1000).tolist()
        [True, False]
    """

    name = "null"

    @suggest_arguments
    def __init__(self, level: float = 0.1) -> None:
        self.level = check_number("level", level)
        if not 0 < self.level < 1:
            raise InvalidArgument(f"level must lie between 0 and 1; got {level}")
        self._sample: Float32Array | None = None
        self._metric = resolve("cosine")

    @suggest_arguments
    def fit(self, X: Any, *, metric: str | Metric = "cosine") -> Self:
        """Take a sample of the rows that are searched, at least 100.

        Args:
            X: (n, dim) rows drawn at random; a thousand are plenty.
            metric: a name of `likewise.metrics`, or a `Metric`.

        Raises:
            InvalidArgument: too few rows; otherwise as `Index.fit`.

        Cost: a copy.

        Example:
            >>> NullCutoff().fit(np.random.default_rng(0).normal(size=(200, 8)))
            NullCutoff(level=0.1, 200 rows)
        """
        self._metric = resolve(metric)
        sample = as_dense(X, metric=self._metric, what="X")
        if len(sample) < FEWEST_ROWS:
            raise InvalidArgument(
                f"a null distribution needs {FEWEST_ROWS} rows at least, to know what chance "
                f"brings; got {len(sample)}. With so few, give min_score= or radius="
            )
        self._sample = sample.copy()
        return self

    @property
    def threshold(self) -> float:
        """A row is kept whose probability is at least this: ``1 - level``."""
        return 1 - self.level

    @property
    def fitted(self) -> bool:
        """Whether it has a sample; a collection gives its own to one that has none."""
        return self._sample is not None

    @property
    def metric(self) -> str:
        """The canonical name of the metric."""
        return self._metric.name

    def p_value(self, queries: Any, distances: Any) -> FloatArray:
        """How probably a row that is not relevant is as near as this.

        Args:
            queries: (m, dim) vectors, or one of them.
            distances: (m, k), or (k,) of one query, in any order.

        Returns:
            Of the shape of ``distances``, in [0, 1].

        Raises:
            NotFitted, InvalidVector, DimensionMismatch, InvalidType: what is wrong is named.

        Cost: a distance to each row of the sample, a query.

        Example:
            >>> rows = np.random.default_rng(0).normal(size=(1000, 32))
            >>> cutoff = NullCutoff().fit(rows)
            >>> cutoff.p_value(rows[0], [1.0, 0.7]) < [0.6, 0.1]
            array([ True,  True])
        """
        sample = self._fitted()
        vectors = as_dense(queries, dim=sample.shape[1], metric=self._metric, what="queries")
        try:
            given = np.asarray(distances, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidType(f"distances must be numbers; got {distances!r:.60}") from None
        shaped = given[None, :] if given.ndim == 1 and len(vectors) == 1 else given
        if shaped.ndim != 2 or len(shaped) != len(vectors):
            raise DimensionMismatch(
                f"distances must be a row a query: {len(vectors)} queries came with an array of "
                f"shape {given.shape}"
            )
        if np.isnan(shaped).any():
            raise InvalidArgument("distances hold NaN")
        values = [  # one by one: products of many round otherwise than products of one
            _tail(np.sort(self._metric.pairwise(vector[None], sample)[0]), row)
            for vector, row in zip(vectors, shaped, strict=True)
        ]
        return np.array(values, dtype=np.float64).reshape(given.shape)

    def probability(self, queries: Any, distances: Any, *, rows: int) -> FloatArray:
        """How probably each of the nearest rows is near for a reason; see the class.

        Args:
            queries: (m, dim) vectors, or one of them.
            distances: (m, k), or (k,) of one query: of the nearest rows, the nearest first.
            rows: how many rows they are the nearest of.

        Returns:
            Of the shape of ``distances``, in [0, 1], never rising from one row to the next.

        Raises:
            InvalidArgument: distances that fall, or no rows; otherwise as `p_value`.

        Example:
            >>> rows = np.random.default_rng(0).normal(size=(1000, 32))
            >>> cutoff = NullCutoff().fit(rows)
            >>> cutoff.probability(rows[0], [0.001, 0.6], rows=1000).round(2).tolist()
            [0.96, 0.0]
        """
        count = check_count("rows", rows)
        p = self.p_value(queries, distances)
        if (np.diff(np.asarray(distances, dtype=np.float64), axis=-1) < 0).any():
            raise InvalidArgument("distances must be those of the nearest rows, nearest first")
        share = count * p / np.arange(1, p.shape[-1] + 1)
        kept: FloatArray = 1 - np.minimum(1, np.maximum.accumulate(share, axis=-1))
        return kept

    def keeps(self, queries: Any, distances: Any, *, rows: int) -> npt.NDArray[np.bool_]:
        """Which rows are nearer than chance: ``probability(...) >= threshold``.

        Example:
            >>> rows = np.random.default_rng(0).normal(size=(1000, 32))
            >>> cutoff = NullCutoff().fit(rows)
            >>> cutoff.keeps(rows[0], [0.001, 0.6], rows=1000).tolist()
            [True, False]
        """
        kept: npt.NDArray[np.bool_] = self.probability(queries, distances, rows=rows) >= (
            self.threshold
        )
        return kept

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values that JSON can carry; `from_dict` reads them.

        Raises:
            NotFitted: there is nothing to keep yet.

        Example:
            >>> cutoff = NullCutoff().fit(np.random.default_rng(0).normal(size=(100, 2)))
            >>> sorted(cutoff.to_dict())
            ['kind', 'level', 'metric', 'sample']
        """
        return {
            "kind": self.name,
            "level": self.level,
            "metric": self.metric,
            "sample": self._fitted().tolist(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Back from `to_dict`.

        Raises:
            InvalidArgument: not such a state.

        Example:
            >>> rows = np.random.default_rng(0).normal(size=(100, 2))
            >>> NullCutoff.from_dict(NullCutoff(0.2).fit(rows).to_dict()).level
            0.2
        """
        if not isinstance(state, Mapping) or state.get("kind") != cls.name:
            raise InvalidArgument("from_dict() takes what NullCutoff.to_dict() gave")
        return cls(state["level"]).fit(state["sample"], metric=state["metric"])

    def _fitted(self) -> Float32Array:
        if self._sample is None:
            raise NotFitted("NullCutoff knows nothing yet; call fit(X) first")
        return self._sample

    def __repr__(self) -> str:
        held = "not fitted" if self._sample is None else f"{len(self._sample)} rows"
        return f"NullCutoff(level={self.level}, {held})"


def _standing_out(null: FloatArray) -> int:
    """How many of the nearest rows of the sample (ascending distances) are no part of the tail."""
    inside = max(2, int(TAIL * len(null)))
    below = float(null[inside]) - null[:inside]  # falling
    half = inside // 2
    # The mean of an exponential of which the largest are only known to be large.
    mean = (below[half:].sum() + half * below[half]) / (inside - half)
    if mean <= 0:
        return 0
    with np.errstate(under="ignore"):
        share = inside * np.exp(-below / mean) / np.arange(1, inside + 1)
    return int((np.maximum.accumulate(share) <= STANDS_OUT).sum())


def _tail(null: FloatArray, distances: FloatArray) -> FloatArray:
    """p of each distance, by the ascending distances (sample,) of rows that are not relevant."""
    null = null[_standing_out(null) :]
    inside = max(1, int(TAIL * len(null)))
    turn = float(null[inside])
    mean = float((turn - null[:inside]).mean())
    share = np.searchsorted(null, distances, side="right") / len(null)
    if mean <= 0:  # the nearest rows of the sample are all as near: nothing is said of nearer ones
        return np.where(distances < turn, 0.0, share)
    with np.errstate(over="ignore", under="ignore"):
        tail = inside / len(null) * np.exp(-(turn - np.minimum(distances, turn)) / mean)
    found: FloatArray = np.where(distances < turn, tail, np.maximum(share, inside / len(null)))
    return found
