"""What learners check before they compute: rows, labels, and that they were fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from likewise.errors import InvalidArgument, InvalidType, InvalidVector, NotFitted

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: In the words that scikit-learn's tools look for.
NO_TARGETS = "this estimator requires y to be passed, but the target y is None"


class NothingLearnt(NotFitted, NotFittedError):  # type: ignore[misc]
    """Ours, and what scikit-learn's tools look for."""


def check_rows(estimator: BaseEstimator, X: Any, *, reset: bool) -> Float64Array:
    """A table of finite numbers in float64; ``reset`` is true when fitting."""
    try:
        rows: Float64Array = validate_data(estimator, X, reset=reset, dtype=np.float64)
    except TypeError as error:
        raise InvalidType(str(error)) from None
    except ValueError as error:
        raise InvalidVector(str(error)) from None
    return rows


def check_learnt(estimator: BaseEstimator, attribute: str | None = None) -> None:
    """Refuse what is asked of an estimator before `fit`."""
    try:
        check_is_fitted(estimator, attribute)
    except NotFittedError:
        raise NothingLearnt(
            f"{type(estimator).__name__} has learnt nothing; call fit first"
        ) from None


def check_labels(y: Any, count: int) -> tuple[Any, IntArray]:
    """The classes, ascending, and the place of each row's label among them.

    Args:
        y: (count,) labels: numbers, or strings; one kind, none missing.

    Raises:
        InvalidArgument: none given, another number of them, a missing one, or numbers that are no
            classes. InvalidType: several kinds, or several labels a row.
    """
    if y is None:
        raise InvalidArgument(NO_TARGETS)
    labels = np.asarray(y)
    if labels.dtype.kind == "O":
        _check_objects(labels)
        if len(labels) and isinstance(labels.flat[0], (bool, int, float)):
            labels = np.array(labels.tolist())  # numbers, which scikit-learn tells apart by dtype
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.argwhere(~np.isfinite(labels))[0, 0])
        raise InvalidArgument(
            f"y: the label of row {row} is missing (NaN or infinity, inf); leave such rows out, "
            "or predict them from the others"
        )
    if labels.ndim > 1 and type_of_target(labels).startswith("multilabel"):
        raise InvalidType("y must be one label a row; got several; see LabelCodeNeighbors")
    try:
        check_classification_targets(labels if labels.dtype.kind != "O" else y)
    except TypeError as error:  # strings of bytes
        raise InvalidType(f"y: {error}") from None
    except ValueError as error:
        raise InvalidArgument(f"y: {error}") from None
    labels = column_or_1d(labels, warn=True)
    if len(labels) != count:
        raise InvalidArgument(f"y has {len(labels)} labels, X has {count} rows")
    classes, places = np.unique(labels, return_inverse=True)
    return classes, places.ravel().astype(np.int64)


def _check_objects(labels: npt.NDArray[Any]) -> None:
    """Refuse missing labels and labels of several kinds, which have no order."""
    kinds: dict[str, int] = {}
    for row, label in enumerate(labels.ravel()):
        if label is None or label != label:
            raise InvalidArgument(
                f"y: the label of row {row} is missing ({label!r}); leave such rows out, or "
                "predict them from the others"
            )
        kinds.setdefault("number" if isinstance(label, (int, float)) else type(label).__name__, row)
    if len(kinds) > 1:
        (one, i), (two, j) = list(kinds.items())[:2]
        raise InvalidType(
            f"y: labels of one kind expected; row {i} holds a {one}, row {j} a {two}; "
            "turn all into strings"
        )
