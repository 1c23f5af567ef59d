"""What commands print: tables on a terminal, stable lines in a pipe, JSON when asked.

Answers go to stdout. Remarks (summaries, progress, warnings) go to stderr, so that a pipe
carries answers only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer


def show_json(value: Any) -> None:
    """``value`` as one line of JSON; dates as ISO text."""
    from likewise.store._json_values import readable  # not before a command needs it

    answer([json.dumps(readable(value), ensure_ascii=False, allow_nan=False)])


def answer(lines: Iterable[str]) -> None:
    """Lines on stdout; whoever reads them may have had enough at any time, which is no error."""
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
        raise typer.Exit() from None


def forget_stdout() -> None:
    """Send what is left for stdout nowhere: it would raise once more when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, wide: str = "") -> None:
    """Rows under headings on a terminal; tab-separated lines without headings elsewhere.

    Args:
        columns: the headings.
        rows: the cells; tabs and line breaks within one become spaces.
        wide: the column that gives way when the terminal is narrow.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        answer("\t".join(row) for row in cells)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, no_wrap=True, ratio=1 if name == wide else None)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def show_fields(fields: Mapping[str, Any]) -> None:
    """A ``name<TAB>value`` line a field, aligned on a terminal; nested fields by dotted names."""
    show_table(["field", "value"], flattened(fields), wide="value")


def remark(message: str) -> None:
    """A line for the person who watches, on stderr."""
    print(message, file=sys.stderr)


def one_line(value: Any) -> str:
    """``value`` as text in one line, without tabs.

    Example:
        >>> one_line("two\\nlines"), one_line(0.123456789), one_line(None), one_line(True)
        ('two lines', '0.123457', '', 'true')
    """
    from likewise.store._json_values import readable

    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(readable(value), ensure_ascii=False)
    return " ".join(str(readable(value)).split())


def flattened(fields: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested mappings as dotted names and their values; lists of mappings count from 1.

    Example:
        >>> flattened({"rows": 2, "fields": {"dense": {"dim": 3}}, "segments": [{"rows": 2}]})
        [('rows', 2), ('fields.dense.dim', 3), ('segments.1.rows', 2)]
    """
    flat: list[tuple[str, Any]] = []
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            flat.extend(flattened(value, f"{prefix}{name}."))
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            numbered = {str(number): item for number, item in enumerate(value, start=1)}
            flat.extend(flattened(numbered, f"{prefix}{name}."))
        else:
            flat.append((f"{prefix}{name}", value))
    return flat


def shortened(text: str | None, width: int = 200) -> str:
    """The beginning of ``text`` in one line."""
    line = one_line((text or "")[: 4 * width])
    return line if len(line) <= width else line[: width - 1] + "…"


def counted(number: int, noun: str) -> str:
    """A number and its noun.

    Example:
        >>> counted(1, "row"), counted(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
