"""Labels as users have them: classes or numbers, some of them missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, InvalidType
from likewise.learn._kinds import is_missing, one_kind

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Task = Literal["auto", "classification", "regression"]

#: The code of a row that has no label.
MISSING = -1
#: As many classes are never too many for the rows.
FEW = 20


@dataclass(frozen=True, slots=True)
class Classes:
    """Labels that name a class.

    Attributes:
        classes: (classes,) ascending. codes: (n,) the place of each label, -1 where missing.
    """

    classes: npt.NDArray[Any]
    codes: IntArray

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(n,) which rows have one."""
        have: npt.NDArray[np.bool_] = self.codes != MISSING
        return have

    @property
    def counts(self) -> IntArray:
        """(classes,) rows of each class."""
        return np.bincount(self.codes[self.known], minlength=len(self.classes))

    @property
    def nearly_all_differ(self) -> bool:
        """Whether more than every other row is of a class of its own: ids, or numbers."""
        return len(self.classes) > max(FEW, int(self.known.sum()) / 2)

    def taken(self, rows: Any) -> Classes:
        """Of some rows only; the classes stay."""
        return Classes(self.classes, self.codes[rows])

    def name(self, code: int) -> str:
        """A class for a message."""
        return repr(self.label(code))

    def label(self, code: int) -> Any:
        """A class as a plain value."""
        value = self.classes[code]
        return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True, slots=True)
class Numbers:
    """Labels that are numbers.

    Attributes:
        values: (n,), 0 where missing. known: (n,) which rows have one.
    """

    values: Float64Array
    known: npt.NDArray[np.bool_]

    def taken(self, rows: Any) -> Numbers:
        """Of some rows only."""
        return Numbers(self.values[rows], self.known[rows])


def read_labels(
    y: Any, count: int, task: Task = "auto", *, what: str = "y", rows: str = "X"
) -> Classes | Numbers:
    """``y`` as classes or numbers; None and NaN are missing.

    Args:
        y: (count,) labels, all numbers or all of one other kind.
        task: auto takes numbers of which some have a fraction as numbers, all else as classes.

    Raises:
        InvalidArgument: another number of labels, infinity, none at all, an unknown task.
        InvalidType: labels of several kinds, several labels a row, or no numbers to regress.

    Example:
        >>> read_labels(["b", "a", None], 3).codes.tolist()
        [1, 0, -1]
        >>> read_labels([1.5, float("nan")], 2).known.tolist()
        [True, False]
    """
    if task not in ("auto", "classification", "regression"):
        raise InvalidArgument(
            f"task must be 'auto', 'classification' or 'regression'; got {task!r}"
        )
    if isinstance(y, (str, bytes)) or not hasattr(y, "__iter__"):
        raise InvalidType(f"{what} must be a label a row; got {y!r:.60}")
    values = list(y.tolist() if isinstance(y, np.ndarray) else y)
    if len(values) != count:
        raise InvalidArgument(f"{what} has {len(values)} labels, {rows} has {count} rows")
    missing = np.fromiter((is_missing(value) for value in values), np.bool_, count)
    present = [value for value, gone in zip(values, missing, strict=True) if not gone]
    if not present:
        raise InvalidArgument(f"{what}: no row has a label; leave {what} out to look at rows alone")
    given = ((row, value) for row, value in enumerate(values) if not missing[row])
    kind = one_kind(given, what, several="audit one label at a time")
    if kind in ("bool", "number"):
        return _numbers(np.array(present, dtype=np.float64), present, ~missing, task, what)
    if task == "regression":
        raise InvalidType(f"{what}: regression needs numbers; got labels of type {kind}")
    return _classes(present, ~missing)


def codes_of(labels: Classes, known: Classes) -> IntArray:
    """The labels as places among the classes of ``known``; their number for one it has not.

    Example:
        >>> known = read_labels(["a", "b"], 2)
        >>> codes_of(read_labels(["b", None, "c"], 3), known).tolist()
        [1, -1, 2]
    """
    place = {label: code for code, label in enumerate(known.classes.tolist())}
    mapped = [place.get(label, len(known.classes)) for label in labels.classes.tolist()]
    return np.array([*mapped, MISSING], dtype=np.int64)[labels.codes]


def _numbers(
    present: Float64Array,
    given: list[Any],
    known: npt.NDArray[np.bool_],
    task: Task,
    what: str,
) -> Classes | Numbers:
    """Numbers as what the task makes of them."""
    if not np.isfinite(present).all():
        row = int(np.flatnonzero(known)[np.argmin(np.isfinite(present))])
        raise InvalidArgument(f"{what}: the label of row {row} is infinite; correct it first")
    if task == "regression" or (task == "auto" and (present != np.round(present)).any()):
        values = np.zeros(len(known))
        values[known] = present
        return Numbers(values, known)
    return _classes(given, known)


def _classes(present: list[Any], known: npt.NDArray[np.bool_]) -> Classes:
    ordered = sorted(set(present))
    place = {label: code for code, label in enumerate(ordered)}
    codes = np.full(len(known), MISSING, dtype=np.int64)
    codes[known] = [place[label] for label in present]
    classes = np.asarray(ordered)
    if classes.ndim != 1 or classes.tolist() != ordered:  # dates and the like stay what they are
        classes = np.empty(len(ordered), dtype=object)
        classes[:] = ordered
    return Classes(classes, codes)
