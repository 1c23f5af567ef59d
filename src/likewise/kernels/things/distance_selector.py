"""`DistanceCorrelationSelector`: features on which the target depends, in whatever form."""

from __future__ import annotations

from math import ceil, log
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise._arguments import check_count
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels.parameters import Float64Array
from likewise.kernels.things._distance_sums import Labels, Values, unbiased

#: What is left of a feature, as a share of it, below which others tell it wholly.
NOTHING_LEFT = 1e-8


class DistanceCorrelationSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Selects features by distance correlation with the target: screened, then one by one.

    All features are ranked by their unbiased distance correlation with ``y``. Of the best
    ``screen`` the first is taken, and then, again and again, the one with the largest *partial*
    distance correlation given those that were taken: a copy of a feature that is there brings
    nothing. Partial correlations come from the inner products of U-centred distances alone, so
    that no n x n matrix is ever made.

    A feature that acts only together with others, as in an exclusive or, has no distance
    correlation of its own and is not found; give products of features to the selector.
    Where tails are heavy, give it ranks.

    Args:
        n_features_to_select: how many; None is half of them.
        screen: how many features may be chosen from; ``"auto"`` is n / ln n, and not fewer than
            are selected; None is all.
        partial: False ranks by the correlations themselves.
        target: ``"numbers"``, ``"classes"`` (two labels are equal or not), or ``"auto"``: floats
            are numbers, all others classes.

    Attributes:
        scores_: (n_features,) unbiased distance correlation of each feature with ``y``.
        order_: the features that were selected, best first.
        partial_scores_: the correlation by which each of them was.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Raises:
        InvalidArgument: more features are asked for than there are, a ``screen`` below them, or
        a constant ``y``.

    Cost: O((dim + screen * selected) n log n); for a ``y`` of several numbers n^2 in place of
    n log n.

    Source: R. Li, W. Zhong and L. Zhu, "Feature screening via distance correlation learning",
    JASA, 2012; the forward steps are in the spirit of R. Das, G. Kasieczka and D. Shih, "Feature
    selection with distance correlation", Physical Review D, 2024.

    Example:
        >>> from likewise.kernels import DistanceCorrelationSelector
        >>> X = np.random.default_rng(0).standard_normal((300, 20))
        >>> y = X[:, 3] ** 2 + np.abs(X[:, 7])
        >>> sorted(DistanceCorrelationSelector(2).fit(X, y).order_.tolist())
        [3, 7]
    """

    def __init__(
        self,
        n_features_to_select: int | None = None,
        *,
        screen: int | str | None = "auto",
        partial: bool = True,
        target: str = "auto",
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.screen = screen
        self.partial = partial
        self.target = target

    def fit(self, X: Any, y: Any) -> Self:
        """Select from n rows (n, n_features) with ``y`` (n,), or (n, outputs) numbers."""
        X, y = validate_data(
            self, X, y, multi_output=True, dtype=np.float64, ensure_min_samples=4, y_numeric=False
        )
        answer = self._answer(np.asarray(y))
        features = [Values(column) for column in np.asarray(X).T[:, :, None]]
        chosen, room = self._counts(len(X), len(features))
        own = np.array([unbiased(f, f) for f in features])
        beside = np.array([unbiased(f, answer) for f in features])
        whole = unbiased(answer, answer)
        self.scores_ = _ratio(beside, own * whole)
        candidates = _best_first(self.scores_)[:room]
        if self.partial:
            found = forward(
                [features[i] for i in candidates],
                own[candidates],
                beside[candidates],
                whole,
                chosen,
            )
            self.order_ = candidates[found[0]]
            self.partial_scores_ = found[1]
        else:
            self.order_ = candidates[:chosen]
            self.partial_scores_ = self.scores_[self.order_]
        return self

    def _counts(self, n: int, width: int) -> tuple[int, int]:
        chosen = self.n_features_to_select
        chosen = (
            max(1, width // 2) if chosen is None else check_count("n_features_to_select", chosen)
        )
        if chosen > width:
            raise InvalidArgument(
                f"n_features_to_select is {chosen}, but X has {width} feature(s); give at most "
                "that many"
            )
        if self.screen is None:
            return chosen, width
        if isinstance(self.screen, str):
            if self.screen != "auto":
                raise InvalidArgument(
                    f"screen must be 'auto', None or an integer; got {self.screen!r}"
                )
            return chosen, max(chosen, min(width, ceil(n / log(n))))
        room = check_count("screen", self.screen)
        if room < chosen:
            raise InvalidArgument(
                f"screen is {room}, from which {chosen} features cannot be selected"
            )
        return chosen, min(room, width)

    def _answer(self, y: npt.NDArray[Any]) -> Values | Labels:
        if self.target not in ("auto", "numbers", "classes"):
            raise InvalidArgument(
                f"target must be 'auto', 'numbers' or 'classes'; got {self.target!r}"
            )
        numbers = y.dtype.kind == "f" if self.target == "auto" else self.target == "numbers"
        if numbers:
            try:
                rows = y.astype(np.float64)
            except ValueError:
                raise InvalidType(
                    f"y: expected numbers; got values such as {y.flat[0]!r}"
                ) from None
            answer: Values | Labels = Values(rows.reshape(len(y), -1))
        else:
            if y.ndim > 1:
                raise InvalidArgument(
                    f"y: expected one class a row; got an array {y.shape}; for several numbers "
                    "a row give target='numbers'"
                )
            answer = Labels(np.unique(y, return_inverse=True)[1].astype(np.intp))
        if answer.constant:
            raise InvalidArgument(
                f"y is {y.flat[0]!r} in all {len(y)} rows (1 class); nothing depends on it"
            )
        return answer

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        check_is_fitted(self, "order_")
        mask = np.zeros(len(self.scores_), dtype=bool)
        mask[self.order_] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags


def forward(
    features: list[Values],
    own: Float64Array,
    beside: Float64Array,
    whole: float,
    chosen: int,
) -> tuple[npt.NDArray[np.intp], Float64Array]:
    """The steps of forward selection by partial distance correlation.

    U-centred distances are vectors with an inner product; each feature that is taken becomes,
    less what those before it tell, a direction that is taken off all others and the target.

    Args:
        features: to choose from. own, beside: their inner products with themselves and with
            the target. whole: that of the target with itself. chosen: how many to take.

    Returns:
        Their places among ``features`` in the order of choice, and the partial correlations.
    """
    left, between, rest = own.copy(), beside.copy(), whole
    free = np.ones(len(features), dtype=bool)
    taken: list[int] = []
    scores: list[float] = []
    parts: list[Float64Array] = []  # of each feature along the directions so far
    for _ in range(chosen):
        new = free & (left > NOTHING_LEFT * np.maximum(own, np.finfo(float).tiny))
        alive = new if rest > NOTHING_LEFT * whole else np.zeros_like(new)
        score = np.where(alive, _ratio(between, left * rest), 0.0)
        # What brings nothing new comes after all that does, in the order of the screening.
        best = int(_best_first(score, ~new, ~free)[0])
        taken.append(best)
        scores.append(float(score[best]))
        free[best] = False
        if new[best] and len(taken) < chosen:
            along = np.array([unbiased(f, features[best]) for f in features])
            for part in parts:
                along -= part * part[best]
            length = np.sqrt(left[best])
            target = between[best] / length
            part = along / length
            parts.append(part)
            left, between = left - part**2, between - part * target
            rest -= target**2
    return np.array(taken, dtype=np.intp), np.array(scores)


def _best_first(scores: Float64Array, *before: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The order by ``before``, then from the highest score; those equal but for rounding as they
    stand."""
    return np.lexsort((np.arange(len(scores)), -np.round(scores, 10), *before))


def _ratio(products: Float64Array, squares: Float64Array) -> Float64Array:
    """Correlations, 0 where one side is constant."""
    fine = squares > 0
    roots = np.sqrt(np.where(fine, squares, 1.0))
    return np.asarray(np.where(fine, np.clip(products / roots, -1, 1), 0.0))
