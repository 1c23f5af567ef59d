"""What a Python file offers, read from its syntax tree: nothing of it runs."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

WORDS = 50  # of a docstring: at most about 90 tokens with the name and the signature
RULE = re.compile(r"\s*[-=~*#^+]{3,}\s*")
HEADING = re.compile(
    r"(?m)^\s*(?:[-=~*#^+]{3,}\s*$|:(?:param|type|arg|return)|@param|>>>|\.\. |```|#+ "
    r"|(?:Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Attributes|Notes?)\s*:?\s*$)"
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Definition:
    """A module, class, function or method with a docstring.

    ``name`` is relative to the module (empty for the module itself); ``lines`` counts the
    lines of code without the docstring, ``words`` those of the whole docstring.
    """

    name: str
    kind: str
    signature: str
    summary: str
    lines: int
    words: int


@dataclass(slots=True)
class Module:
    """One file: what it defines, and what it takes from elsewhere and may offer again."""

    name: str
    is_package: bool
    year: int
    declared: set[str] | None = None
    taken: dict[str, tuple[str, str]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)


def read_module(path: Path, name: str) -> Module | None:
    """The module of a file, or None where the file is no Python that this Python can read."""
    try:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(source)
        year = datetime.fromtimestamp(path.stat().st_mtime, UTC).year
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    module = Module(name, path.name == "__init__.py", year)
    docstring = ast.get_docstring(tree) or ""
    if summary := summarise(docstring):
        lines = source.count(b"\n") - _docstring_lines(tree)
        module.definitions.append(
            Definition("", "module", "", summary, lines, len(docstring.split()))
        )
    for statement in _top_level(tree.body):
        _read_statement(module, statement)
    return module


def summarise(docstring: str) -> str:
    """The first paragraphs, up to a heading or `WORDS` words; empty when they say too little."""
    lines = docstring.strip().splitlines()
    # A title may come first, underlined, overlined or both: its words count, its lines do not.
    text = "\n".join([line for line in lines[:3] if not RULE.fullmatch(line)] + lines[3:])
    if found := HEADING.search(text):
        text = text[: found.start()]
        if RULE.match(found.group().strip()):
            text = text.rstrip().rpartition("\n")[0]  # the heading is the line above
    words = text.split()
    return " ".join(words[:WORDS]) if len(words) >= 3 else ""


def is_public(name: str) -> bool:
    """Whether no part of a dotted name is private or of a test."""
    return not any(
        part.startswith("_")
        or part in ("test", "tests", "testing", "conftest")
        or part.startswith("test_")
        for part in name.split(".")
    )


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of the module itself, those under ``if`` and ``try`` included."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from _top_level(statement.body)
            yield from _top_level(statement.orelse)
        elif isinstance(statement, ast.Try):
            yield from _top_level(statement.body)
            for handler in statement.handlers:
                yield from _top_level(handler.body)
            yield from _top_level(statement.orelse)
        else:
            yield statement


def _read_statement(module: Module, statement: ast.stmt) -> None:
    if isinstance(statement, Function):
        _add(module, statement, statement.name, "function")
    elif isinstance(statement, ast.ClassDef):
        _add(module, statement, statement.name, "class")
        for member in statement.body:
            if isinstance(member, Function) and is_public(member.name):
                _add(module, member, f"{statement.name}.{member.name}", "method")
    elif isinstance(statement, ast.ImportFrom):
        _read_import(module, statement)
    elif isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        _read_all(module, statement)


def _add(module: Module, node: Function | ast.ClassDef, name: str, kind: str) -> None:
    docstring = ast.get_docstring(node) or ""
    summary = summarise(docstring)
    if not summary:
        return
    lines = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
    signature = _signature(node, kind) if isinstance(node, Function) else ""
    words = len(docstring.split())
    module.definitions.append(Definition(name, kind, signature, summary, lines, words))


def _docstring_lines(node: ast.Module | ast.ClassDef | Function) -> int:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


def _signature(node: Function, kind: str) -> str:
    """Names of the arguments only: defaults and annotations say little about meaning."""
    arguments = node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if kind == "method" and names and names[0] in ("self", "cls"):
        names = names[1:]
    shown = [name for name in names if not name.startswith("_")]
    return f"({', '.join(shown[:6])}{', ...' if len(shown) > 6 else ''})"


def _read_import(module: Module, statement: ast.ImportFrom) -> None:
    source = statement.module or ""
    if statement.level:
        parts = module.name.split(".")
        keep = len(parts) - statement.level + (1 if module.is_package else 0)
        if keep < 1:
            return
        source = ".".join([*parts[:keep], *([source] if source else [])])
    for alias in statement.names:
        if alias.name == "*":
            module.stars.append(source)
        else:
            module.taken[alias.asname or alias.name] = (source, alias.name)


def _read_all(module: Module, statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
    """``__all__ = [...]`` and ``__all__ += [...]``, as far as they are written out."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
        return
    if isinstance(statement.value, (ast.List, ast.Tuple)):
        listed = [item.value for item in statement.value.elts if isinstance(item, ast.Constant)]
        declared = module.declared or set()
        module.declared = declared | {name for name in listed if isinstance(name, str)}
