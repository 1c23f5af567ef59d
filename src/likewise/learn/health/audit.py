"""`audit`: every check of a table's health, on one search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_k, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.index import Index
from likewise.learn._searching import fitted_index, leave_one_out, nearest
from likewise.learn.health._inputs import (
    read_checks,
    read_level,
    read_lists,
    read_names,
    read_probabilities,
    read_radius,
    read_rows,
    usable,
)
from likewise.learn.health._labels import Classes, Numbers, Task, read_labels
from likewise.learn.health.checks import CHECKS
from likewise.learn.health.findings import AuditReport, HealthFinding
from likewise.learn.health.linear import linear_probabilities
from likewise.learn.health.shared import HeldOut, NotApplicable, Shared
from likewise.metrics import resolve

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: The linear model joins by itself up to this many of the fewer of rows and numbers in a row.
MOST_LINEAR = 2000


@suggest_arguments
def audit(
    X: Any,
    y: Any = None,
    *,
    test: tuple[Any, Any] | Any = None,
    index: Index | None = None,
    k: int = 20,
    task: Task = "auto",
    checks: Sequence[str] | None = None,
    radius: float | None = None,
    level: float = 0.05,
    linear: bool | None = None,
    probabilities: Any = None,
    recall: float | None = None,
) -> AuditReport:
    """Everything that seems wrong with a table and its labels.

    One search finds the k neighbours of every row (and one more those of the test rows), and all
    checks of `likewise.learn.health.checks.CHECKS` read them:

    - ``unusable``, ``missing_label``: rows that are left out, of all checks or as voters.
    - ``wrong_label``: labels that neighbours and a linear model, each row left out, speak
      against; ranked and counted as in `label_issues`. ``wrong_target``: the same for numbers.
    - ``near_duplicate``, ``conflicting_duplicate``: clusters within `copy_radius`.
    - ``leakage``, ``leakage_other_label``: test rows that are near-copies of rows.
    - ``overlapping_classes``, ``weak_class``, ``small_class``: see `separability`.
    - ``ambiguous``: rows between two classes. ``rare``: rows far from all others.
    - ``harmful``: rows whose `neighbour_shapley` value is below 0.

    Args:
        X: (n, dim) rows. Those with NaN or infinity, or that are 0 where only directions
            count, are a finding, and left out.
        y: (n,) labels, None or NaN where missing. Numbers of which some have a fraction are
            targets to regress; all else, whole numbers too, are classes: ``task`` says otherwise.
        test: (Q, labels) or (Q, None): another table, which should share no row with X.
        index: how neighbours are found; None is ``Exact("euclidean")``.
        k: neighbours of a row; more than there are is cut.
        checks: names from CHECKS; None is all that have something to say.
        radius: the distance within which rows are copies; None finds it, by ``level``, the share
            of those found that may be there by chance.
        linear: whether a linear model joins the neighbours in judging classes; None where
            the smaller of labelled rows and numbers in a row is at most 2,000, and by both no
            twentieth fewer labels are told right than by neighbours alone.
        probabilities: (n, classes) from a model of yours that did not learn from the row it
            judges, columns by ascending class: they join the neighbours in its place.
        recall: the recall that the search aims at.

    Returns:
        `AuditReport`: iterate over it, print it, or take its scores.

    Raises:
        InvalidArgument: fewer than two usable rows; labels, names of checks or numbers
            that cannot be; a check asked for by name that has nothing to say (its message says
            why: of `AuditReport.skipped` otherwise).
        InvalidType: labels of several kinds, several labels a row; rows that are no numbers.
        DimensionMismatch: test rows of another length.

    Cost: the search, O(n dim^2 + n dim classes) for the linear model, O(n (k + classes)) for
    the checks, and 8 n classes bytes.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> y[7] = 2
        >>> report = audit(X, y)
        >>> report["wrong_label"][0].rows, report["wrong_label"][0].suggested
        ((7,), 0)
        >>> report["conflicting_duplicate"], report["near_duplicate"][0].rows
        ([], (101, 142))
    """
    wanted = check_k(k)
    rows = read_rows(X, "X")
    if index is not None and not isinstance(index, Index):
        fitted_index(index, rows)  # which says what is expected
    metric = resolve("euclidean") if index is None else resolve(index.metric)
    kept = usable(rows, metric.unit)
    if kept.sum() < 2:
        raise InvalidArgument(
            f"an audit needs two rows of finite numbers at least; X has {int(kept.sum())} of "
            f"{len(rows)}"
        )
    names = np.flatnonzero(kept)
    labels = None if y is None else read_labels(y, len(rows), task)
    if labels is not None:
        labels = labels.taken(kept)
    held = fitted_index(index, rows[kept])
    lists = leave_one_out(held, wanted, recall=recall)
    tested, test_left_out = _tested(test, held, wanted, _task(labels) or task, recall)
    shared = Shared(
        lists.ids,
        lists.distances,
        names.tolist(),
        labels,
        _model(rows[kept], labels, linear, probabilities, kept),
        tested,
        None if radius is None else read_radius(radius),
        read_level(level),
        np.flatnonzero(~kept).tolist(),
        test_left_out,
        linear is None and probabilities is None,
    )
    found = run(shared, checks)
    scores = {name: _spread(values, names, len(rows)) for name, values in found.scores.items()}
    return AuditReport(found.findings, scores, found.skipped, len(rows), _task(labels))


@suggest_arguments
def audit_neighbours(
    ids: Any,
    distances: Any,
    y: Any = None,
    *,
    names: Sequence[Any] | None = None,
    test: tuple[Any, Any, Any] | None = None,
    test_names: Sequence[Any] | None = None,
    task: Task = "auto",
    checks: Sequence[str] | None = None,
    radius: float | None = None,
    level: float = 0.05,
    probabilities: Any = None,
) -> AuditReport:
    """`audit` on neighbours that are known already, such as those of a graph.

    Args:
        ids, distances: (n, k) the neighbours of each row as places among the n, nearest first,
            the row itself not among them.
        y: (n,) labels, None where missing.
        names: (n,) what messages and findings call the rows; None is their places.
        test: (ids, distances, labels) of m test rows: (m, k) their neighbours among the n, and
            (m,) labels or None. test_names: (m,) what to call them.
        task, checks, radius, level, probabilities: as of `audit`. No linear model joins: it
            needs the rows; give `linear_probabilities` of them as ``probabilities``.

    Returns:
        `AuditReport`; ``scores`` are in the order of the lists.

    Raises:
        InvalidArgument, InvalidType, DimensionMismatch: lists that are no such lists; otherwise as
        `audit`.

    Cost: O(n (k + classes)).

    Example:
        >>> ids = [[1, 2], [0, 2], [1, 0], [1, 2]]
        >>> distances = [[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [9.0, 9.1]]
        >>> report = audit_neighbours(ids, distances, names=["a", "b", "c", "d"])
        >>> report["near_duplicate"][0].rows
        ('a', 'b')
    """
    lists = read_lists(ids, distances)
    count = len(lists.ids)
    called = read_names(names, count, "names")
    labels = None if y is None else read_labels(y, count, task, rows="ids")
    every = np.ones(count, dtype=np.bool_)
    model = _model(None, labels, False, probabilities, every)
    within = None if radius is None else read_radius(radius)
    held_out = _held_out(test, test_names, count, _task(labels) or task)
    shared = Shared(*lists, called, labels, model, held_out, within, read_level(level))
    found = run(shared, checks)
    return AuditReport(found.findings, found.scores, found.skipped, count, _task(labels))


def _held_out(test: Any, names: Any, count: int, task: Task) -> HeldOut | None:
    """Lists of test rows, and their labels."""
    if test is None:
        return None
    if not isinstance(test, tuple) or len(test) != 3:
        raise InvalidType("test must be (ids, distances, labels); labels may be None")
    lists = read_lists(test[0], test[1], count)
    rows, labels = len(lists.ids), None
    if test[2] is not None:
        labels = read_labels(test[2], rows, task, what="test labels", rows="test ids")
    return HeldOut(*lists, labels, read_names(names, rows, "test_names"))


class Found(NamedTuple):
    """What the checks found, their scores by name, and why some were not run."""

    findings: list[HealthFinding]
    scores: dict[str, Float64Array]
    skipped: dict[str, str]


def run(shared: Shared, checks: Sequence[str] | None) -> Found:
    """Every check, or those that were asked for, in the order of CHECKS."""
    findings: list[HealthFinding] = []
    scores: dict[str, Float64Array] = {}
    skipped: dict[str, str] = {}
    for name in CHECKS if checks is None else read_checks(checks):
        try:
            checked = CHECKS[name](shared)
        except NotApplicable as reason:
            if checks is not None:
                raise NotApplicable(f"check {name!r}: {reason}") from None
            skipped[name] = str(reason)
            continue
        findings += checked.findings
        scores |= checked.scores
    return Found(findings, scores, skipped)


def _tested(
    test: Any, held: Index, k: int, task: Task, recall: float | None
) -> tuple[HeldOut | None, list[int]]:
    """The test rows that are usable, and which are not."""
    if test is None:
        return None, []
    if not isinstance(test, tuple) or len(test) != 2:
        raise InvalidType("test must be a pair (rows, labels); labels may be None")
    rows = read_rows(test[0], "test rows")
    if rows.shape[1] != held.dim:
        raise DimensionMismatch(f"X has {held.dim} numbers a row, test rows {rows.shape[1]}")
    kept = usable(rows, resolve(held.metric).unit)
    labels = None
    if test[1] is not None:
        what = "test labels"
        labels = read_labels(test[1], len(rows), task, what=what, rows="test rows").taken(kept)
    left_out = np.flatnonzero(~kept).tolist()
    if not kept.any():
        raise InvalidArgument("no test row has finite numbers only")
    lists = nearest(held, rows[kept], k, recall=recall)
    return HeldOut(*lists, labels, np.flatnonzero(kept).tolist()), left_out


def _model(
    rows: Float64Array | None,
    labels: Classes | Numbers | None,
    linear: bool | None,
    probabilities: Any,
    kept: npt.NDArray[np.bool_],
) -> Float64Array | None:
    """Probabilities that join the neighbours', if any."""
    if linear and probabilities is not None:
        raise InvalidArgument("give probabilities or linear=True, not both")
    classes = labels if isinstance(labels, Classes) else None
    if classes is None or len(classes.classes) < 2 or classes.nearly_all_differ:
        if linear or probabilities is not None:
            word = "linear=True" if linear else "probabilities"
            raise InvalidArgument(f"{word} needs labels of two classes at least, of several rows")
        return None
    if probabilities is not None:
        return read_probabilities(probabilities, len(kept), len(classes.classes))[kept]
    if rows is None or linear is False or classes.known.sum() < 3:
        return None
    if linear is None and min(int(classes.known.sum()), rows.shape[1]) > MOST_LINEAR:
        return None
    return linear_probabilities(rows, classes.codes, len(classes.classes))


def _task(labels: Classes | Numbers | None) -> Literal["", "classification", "regression"]:
    if labels is None:
        return ""
    return "classification" if isinstance(labels, Classes) else "regression"


def _spread(values: Float64Array, rows: IntArray, count: int) -> Float64Array:
    """Scores of the rows that were looked at, 0 for the others."""
    spread = np.zeros(count)
    spread[rows] = values
    return spread
