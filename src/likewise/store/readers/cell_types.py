"""The type of a column of text cells: the narrowest that every cell fits."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from typing import Any

Parser = Callable[[str], Any]

_SHAPES = {
    "integer": re.compile(r"-?(0|[1-9][0-9]{0,17})"),  # no leading zeros: 007 is a name
    "float": re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
    "boolean": re.compile(r"true|false", re.IGNORECASE),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "datetime": re.compile(
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{3}|\.\d{6})?)?(Z|[+-]\d\d:\d\d)?"
    ),
}
_PARSERS: dict[str, Parser] = {
    "integer": int,
    "float": float,
    "boolean": lambda cell: cell.lower() == "true",
    "date": dt.date.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
}
# A leading zero, or an integer beyond 18 digits, says more than a float would keep of it.
_DIGITS_LOST = re.compile(r"-?(0[0-9]|[0-9]{19,}$)")


class ColumnTypes:
    """Learns the type of each column from its cells, then parses them.

    A column is, in this order, integer, float, boolean, date or datetime when all its
    cells are; else string. Cells that are empty say nothing.

    Example:
        >>> types = ColumnTypes()
        >>> for cell in ("1", "", "2.5"):
        ...     types.see("price", cell)
        >>> types.parse("price", "1")
        1.0
    """

    def __init__(self) -> None:
        self._fixed: dict[str, Parser] = {}
        self._possible: dict[str, list[str]] = {}

    def see(self, column: str, cell: str, fixed: Parser | None = None) -> None:
        """Take note of one cell; ``fixed`` is the parser where a column's role decides."""
        if fixed is not None:
            self._fixed[column] = fixed
        elif cell:
            possible = self._possible.setdefault(column, list(_SHAPES))
            if possible:
                possible[:] = [kind for kind in possible if _fits(kind, cell)]

    def parse(self, column: str, cell: str) -> Any:
        """The value of one cell of ``column``.

        Raises:
            ValueError: the cell of a column with a fixed parser does not fit.
        """
        if column in self._fixed:
            return self._fixed[column](cell)
        possible = self._possible.get(column)
        return _PARSERS[possible[0]](cell) if possible else cell


def parse_vector(cell: str) -> Any:
    """The numbers of a vector's cell, a JSON list.

    Example:
        >>> parse_vector("[0.5, 1]")
        [0.5, 1]
    """
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        raise ValueError(f"expected a vector as a JSON list such as [0.1, 0.2]; got {cell[:40]!r}")
    return values


def _fits(kind: str, cell: str) -> bool:
    if not _SHAPES[kind].fullmatch(cell) or not cell.isascii():
        return False
    if kind == "float":
        return not _DIGITS_LOST.match(cell) and abs(float(cell)) != float("inf")
    try:  # 2024-13-45 has the shape of a date and is none
        _PARSERS[kind](cell)
    except ValueError:
        return False
    return True
