"""`Detector`: what all outlier detectors share. Scores become signs and p-values."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument, NotFitted
from likewise.learn._checks import check_learnt, check_rows
from likewise.learn.outliers.p_values import (
    benjamini_hochberg,
    check_level,
    check_null,
    conformal_p_values,
)

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Detector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Scores of rows, higher is more normal. A detector supplies `fit` and `_scores`.

    By neighbours a row that is asked about and equals a fitted row, number by number, is taken for
    that row, and has no part in its own score: so fitted rows score as they did in training.

    Attributes:
        training_scores_: (n,) scores of the fitted rows. offset_: rows that score lower are
        outliers. null_: the scores of the held-out rows that `calibrate` was given.
    """

    contamination: float | str
    #: The offset that ``contamination="auto"`` stands for; None where there is none.
    _automatic: ClassVar[float | None] = None

    def _scores(self, rows: Float64Array) -> Float64Array:
        """(m,) scores of checked rows."""
        raise NotImplementedError

    def score_samples(self, X: Any) -> Float64Array:
        """(m,) scores of rows (m, dim); higher is more normal."""
        check_learnt(self)
        return self._scores(check_rows(self, X, reset=False))

    def decision_function(self, X: Any) -> Float64Array:
        """(m,) scores less `offset_`: negative for outliers."""
        scores = self.score_samples(X)
        return np.asarray(scores - self.offset_)

    def predict(self, X: Any) -> IntArray:
        """(m,) +1 for normal rows, -1 for outliers."""
        return _signs(self.decision_function(X))

    def fit_predict(self, X: Any, y: Any = None) -> IntArray:
        """Fit, and (n,) +1 or -1 for the fitted rows, by their training scores."""
        self.fit(X, y)
        return _signs(self.training_scores_ - self.offset_)

    @suggest_arguments
    def calibrate(self, X: Any) -> Self:
        """Learn what normal rows score, for `p_values`.

        Args:
            X: (n, dim) normal rows that `fit` did not see.

        Cost: that of scoring them.
        """
        self.null_ = self.score_samples(X)
        return self

    @suggest_arguments
    def p_values(self, X: Any) -> Float64Array:
        """(m,) how probably a normal row scores as low as each of these; see `conformal_p_values`.

        Raises:
            NotFitted: `calibrate` was not called.
        """
        return conformal_p_values(self._null(), self.score_samples(X))

    @suggest_arguments
    def discoveries(self, X: Any, *, level: float = 0.05) -> npt.NDArray[np.bool_]:
        """(m,) the outliers among a batch, at most a share ``level`` of them wrongly so.

        The rule of Benjamini and Hochberg on `p_values`.

        Raises:
            NotFitted: `calibrate` was not called. InvalidArgument: with so few rows no p-value
            reaches the level; the message says how many it takes.
        """
        check_null(len(self._null()), check_level(level))
        return benjamini_hochberg(self.p_values(X), level)

    def _null(self) -> Float64Array:
        check_learnt(self)
        if not hasattr(self, "null_"):
            raise NotFitted(
                f"{type(self).__name__} has no null; call calibrate(X) first, with normal rows "
                "that fit did not see"
            )
        null: Float64Array = self.null_
        return null

    def _check_contamination(self) -> float | None:
        """The share, or None for "auto"."""
        if isinstance(self.contamination, str):
            if self.contamination == "auto" and self._automatic is not None:
                return None
            known = ' or "auto"' if self._automatic is not None else ""
            raise InvalidArgument(
                f"contamination must be a share in (0, 0.5]{known}; got {self.contamination!r:.60}"
            )
        share = check_number("contamination", self.contamination)
        if not 0 < share <= 0.5:
            raise InvalidArgument(f"contamination must lie in (0, 0.5]; got {share:g}")
        return share

    def _keep(self, scores: Float64Array) -> Self:
        """Remember the training scores and where outliers begin; an older null is forgotten."""
        share = self._check_contamination()
        self.training_scores_ = scores
        automatic = self._automatic or 0.0
        self.offset_ = automatic if share is None else float(np.percentile(scores, 100 * share))
        if hasattr(self, "null_"):
            del self.null_
        return self


def _signs(decisions: Float64Array) -> IntArray:
    return np.where(decisions < 0, -1, 1).astype(np.int64)
