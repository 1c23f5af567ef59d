"""What learners check before they compute: rows, labels, and that they were fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from likewise.errors import InvalidArgument, InvalidType, InvalidVector, NotFitted
from likewise.learn._kinds import is_missing, one_kind, plain

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: In the words that scikit-learn's tools look for.
NO_TARGETS = "this estimator requires y to be passed, but the target y is None"


class NothingLearnt(NotFitted, NotFittedError):  # type: ignore[misc]
    """Ours, and what scikit-learn's tools look for."""


def check_rows(
    estimator: BaseEstimator, X: Any, *, reset: bool, sparse: bool = False
) -> Float64Array:
    """A table of finite numbers in float64; ``reset`` is true when fitting.

    With ``sparse`` a scipy sparse matrix stays one, in rows (CSR).
    """
    try:
        rows: Float64Array = validate_data(
            estimator, X, reset=reset, dtype=np.float64, accept_sparse="csr" if sparse else False
        )
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
            classes. InvalidType: several kinds, several labels a row, or numbers that no one type
            holds exactly.
    """
    if y is None:
        raise InvalidArgument(NO_TARGETS)
    labels = label_array(y)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.argwhere(~np.isfinite(labels))[0, 0])
        raise InvalidArgument(
            f"y: the label of row {row} is infinite (inf); correct it, or leave such rows out"
        )
    if labels.shape[1:] not in ((), (1,)):
        raise InvalidType("y must be one label a row; got several; see LabelCodeNeighbors")
    try:
        check_classification_targets(labels)
    except TypeError as error:  # strings of bytes
        raise InvalidType(f"y: {error}") from None
    except ValueError as error:
        raise InvalidArgument(f"y: {error}") from None
    labels = column_or_1d(labels, warn=True)
    if len(labels) != count:
        raise InvalidArgument(f"y has {len(labels)} labels, X has {count} rows")
    classes, places = np.unique(labels, return_inverse=True)
    return classes, places.ravel().astype(np.int64)


def label_array(y: Any, each: str = "the label of row") -> npt.NDArray[Any]:
    """Labels as an array: none missing, all of one kind, and none changed by the others.

    Args:
        y: a label a row, or several. each: what messages call one.
    """
    listed = isinstance(y, (list, tuple))
    try:
        # numpy makes strings of a list that holds one string
        labels = np.array(y, dtype=object) if listed else np.asarray(y)
    except ValueError:
        raise InvalidType(
            f"y must be one label a row; got lists of several lengths: {y!r:.60}"
        ) from None
    if labels.ndim == 0:
        raise InvalidType(f"y must be a list or an array, one label a row; got {y!r:.60}")
    _check_none_missing(labels, each)
    if labels.dtype.kind != "O":
        return labels
    width = max(1, labels[:1].size)
    kind = one_kind((i // width, label) for i, label in enumerate(labels.ravel()))
    # scikit-learn tells numbers apart by their dtype
    return _narrowed(labels, each) if listed or kind in ("bool", "number") else labels


def _check_none_missing(labels: npt.NDArray[Any], each: str) -> None:
    if labels.dtype.kind == "O":
        missing = np.array([is_missing(one) for one in labels.ravel()], np.bool_)
        missing = missing.reshape(labels.shape)
    else:
        missing = labels != labels
    if missing.any():
        place = tuple(np.argwhere(missing)[0])
        raise InvalidArgument(
            f"y: {each} {place[0]} is missing ({labels[place]}); leave such rows out, or predict "
            "them from the others"
        )


def _narrowed(labels: npt.NDArray[Any], each: str) -> npt.NDArray[Any]:
    """Objects as numpy's own type for them, where each stays what it is."""
    narrowed = np.array(labels.tolist())
    if narrowed.dtype.kind not in "iufU":
        return narrowed
    before = [plain(one) for one in labels.ravel()]  # numpy's own compare as floats
    for i, (one, other) in enumerate(zip(before, narrowed.ravel().tolist(), strict=True)):
        if one != other:
            raise InvalidType(
                f"y: {each} {i // max(1, labels[:1].size)}, {one!r}, would become {other!r} as "
                f"{narrowed.dtype}; give labels that one type holds: all integers, or all strings"
            )
    return narrowed
