"""The canonical string spelling of filters, which the parser reads back to an equal tree."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from likewise._filters.operators import OPERATORS

BARE_NAME = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
# Words that cannot be a bare field name.
RESERVED = frozenset({"and", "or", "not", "in", "between", "exists", "contains"})


def comparison(name: str, operator: str, value: Any) -> str:
    """One comparison, such as ``year >= 2020``."""
    entry = OPERATORS[operator]
    match entry.takes:
        case "nothing":
            return f"{entry.symbol}({field(name)})"
        case "list":
            return f"{field(name)} {entry.symbol} ({', '.join(map(literal, value))})"
        case "pair":
            low, high = map(literal, value)
            return f"{field(name)} {entry.symbol} {low} and {high}"
        case _:
            return f"{field(name)} {entry.symbol} {literal(value)}"


def field(name: str) -> str:
    """The name as it stands, or in double quotes where it must be."""
    if BARE_NAME.fullmatch(name) and name.lower() not in RESERVED:
        return name
    return quoted(name, '"')


def literal(value: Any) -> str:
    """A plain value, or a tuple of them, as strings spell it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value, "'")
    if isinstance(value, datetime):
        return f"datetime '{value.isoformat()}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    return repr(value)


def quoted(text: str, mark: str) -> str:
    """``text`` between two marks, with marks doubled and backslashes escaped."""
    escaped = text.replace("\\", "\\\\").replace(mark, mark * 2)
    return f"{mark}{escaped}{mark}"


def listed(value: Any) -> Any:
    """Tuples as lists, all the way down: what dicts spell."""
    return [listed(item) for item in value] if isinstance(value, tuple) else value


def shorten(text: str, length: int = 80) -> str:
    """At most ``length`` characters of ``text``."""
    return text if len(text) <= length else text[: length - 1] + "…"
