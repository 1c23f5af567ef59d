"""Class probabilities by a linear model that leaves each row out, in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Ridges that are tried, in units of the mean eigenvalue of the scatter.
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
#: Slopes that are tried from a linear score to a probability.
SLOPES = (1.0, 2.0, 4.0, 6.0, 10.0, 16.0, 25.0)


def linear_probabilities(X: Any, codes: IntArray, classes: int) -> Float64Array:
    """Class probabilities of each row by ridge regression on the labels of all other rows.

    With one-hot labels Y, centred rows Z and ``H = 1/n + Z (Z'Z + ridge I)^-1 Z'``, the scores of
    a row when it is left out are ``f_i = ((H Y)_i - h_ii y_i) / (1 - h_ii)``, exactly; the
    probabilities are ``softmax(slope f_i)``. The ridge is that of the least squared error left
    out, the slope that of the highest likelihood left out. A row without a label is predicted
    from those that have one.

    Args:
        X: (n, dim) finite numbers.
        codes: (n,) labels as 0 .. classes - 1; -1 where missing.

    Returns:
        (n, classes), each row sums to 1.

    Raises:
        InvalidArgument: fewer than three labelled rows.

    Cost: O(n m^2 + m^3 + n m classes) with m = min(labelled rows, dim), and 8 n m bytes.

    Source: D. Allen, "The relationship between variable selection and data augmentation and a
    method for prediction", Technometrics 1974 (leaving out in closed form).

    Example:
        >>> X = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2], [0.1]])
        >>> p = linear_probabilities(X, np.array([0, 0, 0, 1, 1, 1, 1]), 2)
        >>> bool(p[6, 0] > 0.8)
        True
    """
    known = codes >= 0
    if known.sum() < 3:
        raise InvalidArgument(f"a linear model needs 3 labelled rows; got {int(known.sum())}")
    rows = np.asarray(X, dtype=np.float64)
    labels = np.eye(classes)[codes[known]]
    mean = labels.mean(axis=0)
    centre = rows[known].mean(axis=0)
    values, turned, basis = _turned(rows[known] - centre)
    products = turned.T @ (labels - mean)
    usual = float(values.mean()) if len(values) else 1.0
    fits = [_left_out(turned, values, products, ridge * usual, mean, labels) for ridge in RIDGES]
    best = int(np.argmin([((fit - labels) ** 2).sum() for fit in fits]))
    scores = np.empty((len(rows), classes))
    scores[known] = fits[best]
    if not known.all():
        weights = products / (values + RIDGES[best] * usual)[:, None]
        scores[~known] = mean + ((rows[~known] - centre) @ basis) @ weights
    likelihoods = [np.log(_softmax(slope * fits[best])[labels > 0]).sum() for slope in SLOPES]
    return _softmax(SLOPES[int(np.argmax(likelihoods))] * scores)


def _turned(Z: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Eigenvalues of Z'Z that are not 0, Z along their directions, and these directions."""
    from scipy.linalg import eigh

    wide = Z.shape[1] > Z.shape[0]
    values, vectors = eigh(Z @ Z.T if wide else Z.T @ Z)
    kept = values > 1e-10 * max(float(values[-1]), np.finfo(float).tiny)
    values, vectors = values[kept], vectors[:, kept]
    if wide:
        return values, vectors * np.sqrt(values), Z.T @ (vectors / np.sqrt(values))
    return values, Z @ vectors, vectors


def _left_out(
    turned: Float64Array,
    values: Float64Array,
    products: Float64Array,
    ridge: float,
    mean: Float64Array,
    labels: Float64Array,
) -> Float64Array:
    """(n, classes) the scores of each row by all others."""
    shrunk = 1.0 / (values + ridge)
    leverage = 1.0 / len(labels) + (turned**2) @ shrunk
    fitted = mean + turned @ (products * shrunk[:, None])
    left_out: Float64Array = (fitted - leverage[:, None] * labels) / np.maximum(
        1.0 - leverage, 1e-9
    )[:, None]
    return left_out


def _softmax(scores: Float64Array) -> Float64Array:
    shifted = scores - scores.max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        raised = np.maximum(np.exp(shifted), 1e-12)
    probabilities: Float64Array = raised / raised.sum(axis=1, keepdims=True)
    return probabilities
