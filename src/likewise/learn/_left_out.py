"""Probabilities of rows by a model that has not seen them, for any classifier."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from likewise._arguments import check_count
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn._kinds import plain
from likewise.learn.neighbors_classifier import NeighborsClassifier

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
#: Neighbours that vote where no classifier is given.
USUAL_K = 10
#: Folds for a classifier that cannot leave out one row at a time, where none are asked for.
FOLDS = 5


class LeftOut(NamedTuple):
    """A classifier fitted to all rows, and what models without each row say of it.

    Attributes:
        estimator: fitted to all rows. probabilities: (n, classes).
    """

    estimator: Any
    probabilities: Float64Array


def classifier_or_vote(estimator: Any) -> Any:
    """A copy of ``estimator``, unfitted; the neighbours' vote where it is None."""
    if estimator is None:
        return NeighborsClassifier(k=USUAL_K)
    if isinstance(estimator, type) or not hasattr(estimator, "predict_proba"):
        raise InvalidType(
            f"estimator must be a classifier with predict_proba; got {estimator!r:.60}"
        )
    return clone(estimator)


def check_two_classes(classes: Any) -> None:
    """Refuse a single class, of which there is nothing to be unsure."""
    if len(classes) < 2:
        raise InvalidArgument(f"y: only one class, {plain(classes[0])!r}; two are needed at least")


def probabilities_for(model: Any, rows: Float64Array, classes: Any) -> Float64Array:
    """(m, classes) with a column of zeros for each class that ``model`` has not met."""
    found = np.asarray(model.predict_proba(rows), dtype=np.float64)
    if len(model.classes_) == len(classes):
        return found
    table = np.zeros((len(rows), len(classes)))
    table[:, np.searchsorted(classes, model.classes_)] = found
    return table


def left_out(
    estimator: Any,
    rows: Float64Array,
    places: IntArray,
    classes: Any,
    *,
    folds: int | None,
    rng: np.random.Generator,
) -> LeftOut:
    """Fit to all rows, and ask models without each row.

    A classifier that has ``leave_one_out_proba`` does so from one search; else, or where
    ``folds`` is given, rows are asked fold by fold, of a model fitted to the other folds.

    Cost: one search of all rows, or folds + 1 fits.
    """
    if folds is not None:
        folds = check_count("folds", folds, minimum=2)
    if len(rows) < 2:
        raise InvalidArgument("leaving rows out needs two rows at least; n_samples = 1")
    labels = classes[places]
    fitted = clone(estimator).fit(rows, labels)
    if folds is None and hasattr(fitted, "leave_one_out_proba"):
        return LeftOut(fitted, np.asarray(fitted.leave_one_out_proba(), dtype=np.float64))
    found = np.empty((len(rows), len(classes)))
    for part in class_folds(places, folds or FOLDS, rng):
        rest = np.setdiff1d(np.arange(len(rows)), part)
        if len(np.unique(places[rest])) < 2:  # many classifiers refuse such rows
            found[part] = np.bincount(places[rest], minlength=len(classes)) / len(rest)
            continue
        model = clone(estimator).fit(rows[rest], labels[rest])
        found[part] = probabilities_for(model, rows[part], classes)
    return LeftOut(fitted, found)


def class_folds(places: IntArray, folds: int, rng: np.random.Generator) -> list[IntArray]:
    """At most ``folds`` parts of the rows, each class spread evenly over them; none is empty."""
    order = rng.permutation(len(places))
    by_class = order[np.argsort(places[order], kind="stable")]
    parts = [by_class[fold::folds] for fold in range(min(folds, len(places)))]
    return [np.sort(part).astype(np.int64) for part in parts]
