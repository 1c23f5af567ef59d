"""`SageOutliers`: three ways in which a row can be odd to a supervised autoencoder."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.utils.validation import column_or_1d

from likewise._arguments import check_count, check_k, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument
from likewise.index import Index
from likewise.learn._checks import check_labels, check_learnt, check_rows
from likewise.learn._searching import fitted_index
from likewise.learn.outliers._autoencoder import LEAST, MOST, learned
from likewise.learn.outliers._detector import Detector
from likewise.learn.outliers._fitted_rows import RowLookup, other_neighbours
from likewise.learn.outliers.kth import neighbor_distance
from likewise.learn.outliers.p_values import check_level, conformal_p_values

Float64Array = npt.NDArray[np.float64]


def mean_log_p(null: Any, oddities: Any) -> Float64Array:
    """The logarithm of the geometric mean of each row's p-values, one a kind of oddity.

    The order is that of Fisher's statistic, ``-2 sum log p``; its chi-square distribution does not
    hold here, since the kinds depend on each other.

    Args:
        null: (n, kinds) oddities of held-out rows, higher is odder. oddities: (m, kinds).

    Returns:
        (m,) at most 0; lower is odder.

    Example:
        >>> null = np.arange(9.0)[:, None] * [1.0, 10.0]
        >>> np.exp(mean_log_p(null, [[100.0, 100.0], [100.0, 0.0]])).round(3).tolist()
        [0.1, 0.316]
    """
    known = np.asarray(null, dtype=np.float64)
    given = np.asarray(oddities, dtype=np.float64)
    if known.ndim != 2 or given.ndim != 2 or known.shape[1] != given.shape[1]:
        raise DimensionMismatch(
            f"null (n, kinds) and oddities (m, kinds) expected; got {known.shape}, {given.shape}"
        )
    p = [conformal_p_values(-known[:, c], -given[:, c]) for c in range(known.shape[1])]
    return np.asarray(np.log(p).mean(axis=0))


class SageOutliers(Detector):
    """Outliers by an ensemble: far latents, bad reconstructions, unsure predictions.

    An encoder to few numbers, a decoder and a head for ``y`` are trained together on a part of
    the rows. A row is odd by the mean distance of its latent to the k nearest of the training
    rows, by its squared error of reconstruction, and by the uncertainty of its prediction: one
    less the probability of the likeliest class, or the logarithm of the predicted variance of a
    number. Each is turned into a p-value by one half of the held-out rows; the score is the mean
    of their logarithms. The other half of them is the null of that score, so `p_values` need no
    `calibrate`.

    Args:
        index: any of `likewise.index`; it is copied and holds the latents. None is
            ``Exact("euclidean")``.
        k: how many neighbours.
        latent: numbers in a latent. hidden: numbers in the hidden layers.
        epochs: passes over the training rows.
        task_weight: of the loss of ``y`` beside that of the reconstruction.
        holdout: the share of the rows that are held out, in (0, 1).
        level: the share of the held-out rows that score below ``offset_``, in (0, 1). It is not
            called contamination, since it says nothing of the fitted rows: these reconstruct
            better than new ones.
        recall: handed to the search. random_state: the seed of split and training.

    Attributes:
        task_: "classes", "numbers" or None (no ``y``, or one class). classes_: the classes.
        network_: the layers, as numpy arrays. index_: the index with the latents.
        training_scores_: (n,) of all rows given to `fit`. offset_, null_: see `Detector`.

    Raises:
        InvalidArgument, InvalidType, InvalidVector: an impossible argument, NaN, or too few rows.
        MissingExtra: torch is not installed.

    Cost: training; a query is a pass through the network and a search.

    Source: H. Schreyer et al., "Generalization is not a universal guarantee: estimating similarity
    to training data with an ensemble out-of-distribution metric", 2025. Their rule of combining
    was not to be had; that of the p-values here is ours.

    Example:
        >>> from likewise.learn import SageOutliers
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> detector = SageOutliers(epochs=20).fit(X, X[:, 0] > 0)
        >>> detector.predict([[0.0, 0.0, 0.5], [9.0, -9.0, 9.0]]).tolist(), detector.task_
        ([1, -1], 'classes')
    """

    @suggest_arguments
    def __init__(
        self,
        index: Index | None = None,
        k: int = 10,
        *,
        latent: int = 8,
        hidden: int = 64,
        epochs: int = 100,
        task_weight: float = 1.0,
        holdout: float = 0.3,
        level: float = 0.05,
        recall: float | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.index = index
        self.k = k
        self.latent = latent
        self.hidden = hidden
        self.epochs = epochs
        self.task_weight = task_weight
        self.holdout = holdout
        self.level = level
        self.recall = recall
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on the rows ``X``, and on ``y`` (n,): floats are numbers, all else labels."""
        self._check()
        rows = check_rows(self, X, reset=True)
        targets, outputs = self._targets(y, len(rows))
        parts, combined, fitted = self._split(len(rows))
        self._mean = rows[fitted].mean(axis=0)
        spread = rows[fitted].std(axis=0)
        self._spread = np.where(spread > 1e-12 * np.abs(rows[fitted]).max(axis=0), spread, 1.0)
        placed = self._placed(rows)
        self.network_ = learned(
            placed[fitted],
            None if targets is None else targets[fitted],
            outputs,
            latent=self.latent,
            hidden=self.hidden,
            epochs=self.epochs,
            task_weight=self.task_weight,
            random_state=self.random_state,
        )
        latents = self.network_.latents(placed[fitted])
        # Latents have no scale of their own: each number counts by how it varies.
        self._latent_spread = np.maximum(latents.std(axis=0), 1e-12 + 1e-6 * np.abs(latents).max())
        self.index_ = fitted_index(self.index, latents / self._latent_spread)
        self._lookup = RowLookup(rows[fitted].astype(np.float32))
        self._parts_null = self._oddities(rows[parts])
        self.null_ = self._scores(rows[combined])
        self.offset_ = float(np.percentile(self.null_, 100 * self.level))
        self.training_scores_ = self._scores(rows)
        return self

    @suggest_arguments
    def oddities(self, X: Any) -> Float64Array:
        """(m, 2 or 3) the distance, the reconstruction error and, with ``y``, the uncertainty."""
        check_learnt(self)
        return self._oddities(check_rows(self, X, reset=False))

    def _scores(self, rows: Float64Array) -> Float64Array:
        return mean_log_p(self._parts_null, self._oddities(rows))

    def _placed(self, rows: Float64Array) -> Float64Array:
        return np.asarray((rows - self._mean) / self._spread)

    def _oddities(self, rows: Float64Array) -> Float64Array:
        placed = self._placed(rows)
        latents = self.network_.latents(placed)
        own = self._lookup.places(rows)
        lists = other_neighbours(
            self.index_, own, latents / self._latent_spread, self.k, recall=self.recall
        )
        errors = ((self.network_.decoded(latents) - placed) ** 2).mean(axis=1)
        found = [neighbor_distance(lists.distances, "mean"), errors]
        if self.task_ is not None:
            outputs = self.network_.outputs(latents)
            unsure = (
                -np.expm1(log_softmax(outputs, axis=1).max(axis=1))
                if self.task_ == "classes"
                else np.clip(outputs[:, 1], LEAST, MOST)
            )
            found.append(unsure)
        # Sums over a batch round otherwise than those over one row: without that digit, a held-out
        # row that is asked about ties with itself.
        rounded: Float64Array = np.stack(found, axis=1).astype(np.float32).astype(np.float64)
        return rounded

    def _targets(self, y: Any, count: int) -> tuple[Any, int]:
        """What the head learns, and how many classes it tells apart."""
        self.task_: str | None = None
        if y is None:
            return None, 0
        if np.asarray(y).dtype.kind != "f":
            self.classes_, places = check_labels(y, count)
            if len(self.classes_) < 2:
                return None, 0
            self.task_ = "classes"
            return places, len(self.classes_)
        numbers = column_or_1d(np.asarray(y, dtype=np.float64), warn=True)
        if len(numbers) != count or not np.isfinite(numbers).all():
            raise InvalidArgument(
                f"y must hold {count} finite numbers (no NaN or inf), one a row of X; got "
                f"{len(numbers)}, {int(np.isfinite(numbers).sum())} of them finite"
            )
        self.task_ = "numbers"
        return (numbers - numbers.mean()) / (numbers.std() or 1.0), 0

    def _split(self, count: int) -> tuple[Any, Any, Any]:
        """Rows for the nulls of the parts, for that of the score, and to train on."""
        held = max(2, round(self.holdout * count))
        if count - held < 2:
            raise InvalidArgument(
                f"n_samples = {count}: with holdout = {self.holdout:g} there are not two rows to "
                "hold out and two to train on; at least 4 rows are needed, and sensibly hundreds"
            )
        order = np.random.default_rng(self.random_state).permutation(count)
        return order[: held // 2], order[held // 2 : held], np.sort(order[held:])

    def _check(self) -> None:
        check_k(self.k)
        for name in ("latent", "hidden", "epochs"):
            check_count(name, getattr(self, name))
        if check_number("task_weight", self.task_weight) < 0:
            raise InvalidArgument(f"task_weight must not be negative; got {self.task_weight!r}")
        if not 0 < check_number("holdout", self.holdout) < 1:
            raise InvalidArgument(f"holdout must lie between 0 and 1; got {self.holdout!r}")
        check_level(self.level)
