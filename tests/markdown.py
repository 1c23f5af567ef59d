"""Runs the Python of a Markdown page, block after block, and holds it to what it says.

Two comments at the end of a statement are checked: ``# -> TEXT`` states the value of an
expression (its repr, with ``...`` for what may vary), ``# raises NAME`` the error of a statement.
"""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VALUE = re.compile(r"#\s*->\s*(.+)$")
RAISES = re.compile(r"#\s*raises (\w+)\s*$")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[int, str]]:
    """The fenced Python blocks of ``page`` with the lines they begin at."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start(1)), m.group(1)) for m in BLOCK.finditer(text)]


def links(page: Path) -> list[str]:
    """What ``page`` links to within the project, code left out."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def run(page: Path) -> int:
    """Run every block of ``page`` in one namespace; the number of comments that were checked."""
    names: dict[str, Any] = {"__name__": page.stem}
    return sum(_run_block(page, line, source, names) for line, source in blocks(page))


def _run_block(page: Path, line: int, source: str, names: dict[str, Any]) -> int:
    tree = ast.parse(source, filename=str(page))
    lines = source.splitlines()
    checked = 0
    for statement in tree.body:
        said = lines[(statement.end_lineno or 1) - 1]
        ast.increment_lineno(statement, line)
        place = f"{page.name}, line {statement.lineno}"
        if error := RAISES.search(said):
            _must_raise(statement, names, error[1], place)
        elif value := VALUE.search(said):
            _must_be(statement, names, value[1], place)
        else:
            exec(compile(ast.Module([statement], []), str(page), "exec"), names)
            continue
        checked += 1
    return checked


def _must_raise(statement: ast.stmt, names: dict[str, Any], wanted: str, place: str) -> None:
    found: Exception | None = None
    try:
        exec(compile(ast.Module([statement], []), place, "exec"), names)
    except Exception as error:
        found = error
    kinds = [kind.__name__ for kind in type(found).__mro__]
    assert wanted in kinds, f"{place}: expected {wanted}; got {found!r}"


def _must_be(statement: ast.stmt, names: dict[str, Any], wanted: str, place: str) -> None:
    assert isinstance(statement, ast.Expr), f"{place}: '# ->' states the value of an expression"
    found = repr(eval(compile(ast.Expression(statement.value), place, "eval"), names))
    same = doctest.OutputChecker().check_output(wanted + "\n", found + "\n", doctest.ELLIPSIS)
    assert same, f"{place}: expected {wanted}; got {found}"
