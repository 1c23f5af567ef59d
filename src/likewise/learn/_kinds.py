"""What a label is: missing, or of a kind; labels of several kinds have no order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from likewise.errors import InvalidType


def plain(label: Any) -> Any:
    """A label as a Python value, for messages.

    Example:
        >>> plain(np.int64(3)), plain("a"), plain(np.datetime64("2020-01-02", "ns"))
        (3, 'a', '2020-01-02T00:00:00.000000000')
    """
    if isinstance(label, (np.datetime64, np.timedelta64)):
        return str(label)  # in nanoseconds its item would be a bare number
    return label.item() if isinstance(label, np.generic) else label


def is_missing(label: Any) -> bool:
    """Whether it is None, NaN, NaT or pandas' NA."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except (TypeError, ValueError):  # pandas' NA has no truth; an array is no label at all
        return not hasattr(label, "__len__")


def kind_of(label: Any) -> str:
    """Its kind, in a word: bool, number, string, or the name of its type.

    Example:
        >>> kind_of(True), kind_of(np.float32(1)), kind_of(np.str_("a")), kind_of(b"a")
        ('bool', 'number', 'string', 'bytes')
    """
    if isinstance(label, str):
        return "string"
    if isinstance(label, (bool, np.bool_)):
        return "bool"
    number = isinstance(label, (int, float, np.integer, np.floating))
    # numpy counts spans of time among the integers
    return "number" if number and not isinstance(label, np.timedelta64) else type(label).__name__


def one_kind(
    labels: Iterable[tuple[int, Any]],
    what: str = "y",
    several: str = "for several labels a row see LabelCodeNeighbors",
) -> str:
    """The kind of all these (row, label), none of them missing; "number" where there are none.

    Raises:
        InvalidType: several kinds, or several labels a row.
    """
    kinds: dict[str, int] = {}
    for row, label in labels:
        if isinstance(label, (list, tuple, set, dict, np.ndarray)):
            raise InvalidType(
                f"{what} must be one label a row; row {row} holds {label!r:.60}; {several}"
            )
        kinds.setdefault(kind_of(label), row)
    if len(kinds) > 1:
        (one, i), (two, j) = list(kinds.items())[:2]
        raise InvalidType(
            f"{what}: labels of one kind expected; row {i} holds a {one}, row {j} a {two}; "
            "turn all into strings"
        )
    return next(iter(kinds), "number")


def check_kinds(known: Any, new: Any) -> None:
    """Refuse labels of another kind than the known ones."""
    if not (len(known) and len(new)):
        return
    one, other = kind_of(known.flat[0]), kind_of(new.flat[0])
    if one != other:
        raise InvalidType(
            f"y: labels of one kind expected; the known ones hold a {one}, the new ones a "
            f"{other}; turn all into strings"
        )


def check_classes(known: Any, new: Any) -> None:
    """Refuse classes of another kind, and integers that would become floats among the others.

    Floats merge whole numbers above 2**53; and what `predict` answers would change its type.
    """
    check_kinds(known, new)
    if not (len(known) and len(new)):
        return
    types = known.dtype, new.dtype, np.result_type(known.dtype, new.dtype)
    if len({one.kind == "f" for one in types}) > 1:
        raise InvalidType(
            f"y: labels of type {types[1]} expected to go with those known, {types[0]}; together "
            f"they would be {types[2]}; turn them into {types[0]}, or all into strings"
        )
