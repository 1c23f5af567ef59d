"""`RanPAC`: ridge on random features, from running sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._unit import unit
from likewise.learn.means._classifier import SumsClassifier
from likewise.learn.means._limbs import BITS, Float64Array

#: Weights of the projection are whole multiples of 2^-8; rows of length 1, of 2^-31: their products
#: are summed by BLAS without rounding, so that the features of a row are its own, to the last bit.
WEIGHT_BITS, ROW_BITS = 8, 31
#: Features are kept below 1 (16 standard deviations), at 2^-21: one digit of the exact sums.
FEATURE_BITS = BITS - 4


class RanPAC(SumsClassifier):
    """Ridge from random features to classes, from running sums without rounding.

    ``h(x) = max(0, W^T x / |x|)`` with fixed Gaussian W of ``n_features`` columns; the class is the
    largest of ``h(x)^T (G + r tr(G) / n_features I)^-1 C`` with ``G = sum h h^T`` over rows and C
    the sums of h in each class. The projection lets products of features decide; the inverse of G
    takes away what all classes have in common. Learning in any order and any batches, and `forget`,
    leaves the same bits as one `fit`.

    Args:
        n_features: of the projection; more is better and costs its square in memory.
        ridge: r, positive, a share of the mean of G's diagonal.
        random_state: the seed of W, which also depends on the width of the rows.

    Attributes:
        classes_, counts_: the classes that have rows, and how many.
        weights_: (n_features, classes) the solution.

    Cost: n n_features (width + n_features) to learn, by BLAS, with one more n_features^2 a batch;
    some 24 n_features^2 bytes; n_features^3 / 3 once after a change.

    Source: M. McDonnell et al., "RanPAC: random projections and pre-trained models for continual
    learning", NeurIPS 2023 (which picks the ridge anew after each task; here it is given, and
    features are rounded to 2^-17 of their deviation).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 2))
        >>> crossed = X[:, 0] * X[:, 1] > 0
        >>> RanPAC(200).fit(X, crossed).score(X, crossed) > 0.95
        True
    """

    _products = "shared"
    _summed_by = ("n_features", "random_state")

    @suggest_arguments
    def __init__(
        self, n_features: int = 2000, ridge: float = 1e-3, *, random_state: int = 0
    ) -> None:
        self.n_features = n_features
        self.ridge = ridge
        self.random_state = random_state

    @property
    def weights_(self) -> Float64Array:
        """(n_features, classes)."""
        found: Float64Array = self._once("weights")
        return found

    def decision_function(self, X: Any) -> Float64Array:
        """(m, classes) outputs, near 1 for the class and 0 for others.

        For two classes (m,): the second's less the first's.
        """
        scores = self._scores(self._asked(X))
        return np.asarray(scores[:, 1] - scores[:, 0]) if scores.shape[1] == 2 else scores

    def _scores(self, rows: Float64Array) -> Float64Array:
        return np.asarray(rows @ self.weights_)

    def _make_weights(self) -> Float64Array:
        G, C = self._sums.products_of_all(), self._sums.totals()
        strength = self.ridge * float(np.trace(G)) / len(G)
        # Rows of zeros alone have no features, and every class the output 0.
        G[np.diag_indices(len(G))] += strength or 1.0
        return np.asarray(cho_solve(cho_factor(G, lower=True), C.T))

    def _check_options(self) -> None:
        check_count("n_features", self.n_features)
        check_count("random_state", self.random_state, minimum=0)
        if check_number("ridge", self.ridge) <= 0:
            raise InvalidArgument(f"ridge must be positive; got {self.ridge!r}")

    def _prepared(self, rows: Float64Array) -> Float64Array:
        rng = np.random.default_rng([self.random_state, rows.shape[1]])
        weights = np.rint(rng.standard_normal((rows.shape[1], self.n_features)) * 2**WEIGHT_BITS)
        whole = np.rint(unit(rows) * 2.0**ROW_BITS)
        found = (whole @ weights) * 2.0 ** (FEATURE_BITS - ROW_BITS - WEIGHT_BITS)
        return np.asarray(np.rint(np.maximum(found, 0.0)) * 2.0**-BITS)
