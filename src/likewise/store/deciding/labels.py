"""What a metadata field is as a label: classes or numbers, and what it may not be."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

import numpy as np

from likewise.errors import InvalidArgument, InvalidType
from likewise.filters import F, Filter
from likewise.store._column import BIG, BOOLEAN, FLOAT, INTEGER, LIST, MISSING, STRING, TIME
from likewise.store.selecting import check_fields
from likewise.store.view import View

Task = Literal["classify", "regress"]
TASKS = ("auto", "classify", "regress")

_WORDS = {
    INTEGER: "integers",
    BIG: "integers",
    FLOAT: "floats",
    STRING: "strings",
    BOOLEAN: "booleans",
    TIME: "times",
    LIST: "lists",
}
_NUMBERS = {INTEGER, BIG, FLOAT}


def check_task(task: Any) -> str:
    """``task`` if it is one of `TASKS`."""
    if task not in TASKS:
        raise InvalidArgument(f"task must be one of {', '.join(TASKS)}; got {task!r:.60}")
    return str(task)


def check_label(label: Any) -> str:
    """``label`` as the path of a metadata field."""
    if not isinstance(label, str):
        raise InvalidType(f"label must be the name of a metadata field; got {label!r:.60}")
    if label in ("id", "text", ""):
        raise InvalidArgument(f"label must be the name of a metadata field; got {label!r}")
    return label


def labelled(label: str) -> Filter:
    """The rows that have the label."""
    return F(label).exists()


def task_of(view: View, connection: sqlite3.Connection, label: str, task: str) -> Task:
    """What to do with a label: floats regress, the rest classify, unless ``task`` says it.

    Raises:
        UnknownField: no row has ever had it. InvalidArgument: no row that lives has it.
        InvalidType: values of several kinds, lists or times; or strings that are to regress.

    Cost: that of a column of the field, once.
    """
    check_fields(labelled(label), view, connection)
    kinds = _kinds(view, connection, label)
    if not kinds:
        raise InvalidArgument(f"label {label!r}: no row has one; nothing can be learnt from it")
    words = sorted({_WORDS[kind] for kind in kinds})
    if kinds & {LIST, TIME}:
        raise InvalidType(
            f"label {label!r}: rows hold {' and '.join(words)}; a label is a string, a number or "
            "a boolean, one a row"
        )
    if not (kinds <= _NUMBERS or len(kinds) == 1):
        raise InvalidType(
            f"label {label!r}: rows hold {' and '.join(words)}; labels must be of one kind: "
            f"find the others by a filter (such as \"{label} > ''\" for strings) and upsert them"
        )
    if task == "regress" and not kinds <= _NUMBERS:
        raise InvalidType(f"label {label!r} holds {words[0]}; task='regress' needs numbers")
    if task == "auto":
        return "regress" if FLOAT in kinds else "classify"
    return "regress" if task == "regress" else "classify"


def _kinds(view: View, connection: sqlite3.Connection, label: str) -> set[int]:
    """The kinds of value that live rows have there."""
    found: set[int] = set()
    for segment, alive in zip(view.segments, view.alive, strict=False):
        column = segment.fields.columns([label], connection)[label]
        found |= set(np.unique(column.kinds if alive is None else column.kinds[alive]).tolist())
    start = 0
    for block in view.tail.blocks:
        kinds = block.columns([label], connection)[label].kinds
        alive = view.alive[-1]
        if alive is not None:
            kinds = kinds[alive[start : start + len(kinds)]]
        found |= set(np.unique(kinds).tolist())
        start += len(block.rows)
    return found - {MISSING}
