"""The corpus of ``likewise demo``: the docstrings of this Python and its packages.

Files are parsed, never imported, so nothing of them runs; only a fixed list of modules that
are written in C is inspected. Objects go by the shortest public name under which they are
offered (``numpy.linalg.svd``, not ``numpy.linalg._linalg.svd``).
"""

from __future__ import annotations

import importlib
import inspect
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from likewise.cli._names import public_definitions
from likewise.cli._source import Definition, Module, is_public, read_module, summarise

FIRST_RUN = 4000
STANDARD = "python"  # the package of the standard library's rows
# Shares of the first run: what most people have and search. Those that are not installed, or
# have less than their share, leave it to the others.
SHARES = {
    STANDARD: 20,
    "numpy": 8,
    "scipy": 12,
    "sklearn": 5,
    "pandas": 3,
    "networkx": 2,
    **dict.fromkeys(("joblib", "requests", "httpx", "urllib3", "rich", "typer", "click"), 1),
    **dict.fromkeys(("huggingface_hub", "filelock", "threadpoolctl", "jinja2", "yaml"), 1),
}
# Written in C, part of every Python, and harmless to import.
BUILT_IN = (
    *("builtins", "math", "cmath", "itertools", "time", "array", "binascii", "zlib"),
    *("select", "unicodedata", "atexit", "errno", "gc", "marshal"),
)
LEFT_OUT = {
    *("site-packages", "dist-packages", "test", "tests", "testing", "__pycache__", "idlelib"),
    *("lib2to3", "turtledemo", "pydoc_data", "encodings", "ensurepip", "distutils", "msilib"),
    *("_vendor", "vendor", "externals", "node_modules", "conftest.py", "this.py", "antigravity.py"),
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row, and how many words its whole docstring has."""

    row: Row
    words: int


@dataclass(frozen=True, slots=True)
class Package:
    """A top-level package: its name, and the files or folders that make it."""

    name: str
    roots: tuple[Path, ...]


def collect(
    *, everything: bool = False, progress: Callable[[int, int], None] | None = None
) -> list[Row]:
    """Rows ``id, text, package, module, kind``, and ``lines, year`` where there is a file.

    Args:
        everything: all installed packages and all objects; otherwise `FIRST_RUN` rows of the
            standard library and well-known packages, chosen by one rule (see `choose`).
        progress: called with (packages done, packages).

    Returns:
        Rows with unique ids, always the same ones in the same order for one installation.

    Cost: 6 to 10 MB of source a second: a few seconds for the first run.
    """
    packages = installed_packages()
    if not everything:
        known = {package.name: package for package in packages}
        packages = [known[name] for name in SHARES if name in known]
    found: dict[str, list[Entry]] = {}
    for done, package in enumerate(packages):
        if progress is not None:
            progress(done, len(packages))
        found[package.name] = entries_of(package)
    if progress is not None:
        progress(len(packages), len(packages))
    chosen = chain.from_iterable(found.values()) if everything else choose(found)
    return [entry.row for entry in chosen]


def installed_packages() -> list[Package]:
    """The standard library first, then every package of this environment by name."""
    standard = Path(sysconfig.get_paths()["stdlib"])
    found: dict[str, Path] = {}
    for key in ("purelib", "platlib"):
        for path in _children(Path(sysconfig.get_paths()[key])):
            name = path.stem if path.suffix == ".py" else path.name
            if is_public(name) and name.isidentifier() and name not in LEFT_OUT:
                found.setdefault(name, path)
    packages = [Package(name, (found[name],)) for name in sorted(found, key=str.lower)]
    return [Package(STANDARD, tuple(_children(standard))), *packages]


def entries_of(package: Package) -> list[Entry]:
    """All rows of a package, by module and then by place in the file."""
    modules: dict[str, Module] = {}
    for root in package.roots:
        for name, path in _files(root):
            module = read_module(path, name)
            if module is not None:
                modules[name] = module
    entries = {e.row["id"]: e for e in _builtin_entries()} if package.name == STANDARD else {}
    for module, definition, name in public_definitions(modules):
        row = _row(package.name, module, definition, name)
        entries.setdefault(name, Entry(row, definition.words))
    return sorted(entries.values(), key=lambda entry: entry.row["module"])  # stable


def choose(found: dict[str, list[Entry]], size: int = FIRST_RUN) -> list[Entry]:
    """``size`` entries, shared by the packages as `SHARES` says (1 for one not listed).

    Within a package modules give rows in turn, a module a third as often as one a level above
    it; each gives itself first, then functions and classes, the longest docstring first
    (authors write most about what matters most), and methods when all else is there.
    """
    quota: dict[str, int] = {}
    left = size
    # Those with the fewest rows for their share come first, and leave what they do not need.
    order = sorted(found, key=lambda name: (len(found[name]) / SHARES.get(name, 1), name))
    for i, name in enumerate(order):
        waiting = sum(SHARES.get(other, 1) for other in order[i:])
        quota[name] = min(len(found[name]), left * SHARES.get(name, 1) // waiting)
        left -= quota[name]
    return [entry for name, entries in found.items() for entry in _in_turn(entries)[: quota[name]]]


def _in_turn(entries: list[Entry]) -> list[Entry]:
    seen: Counter[tuple[bool, str]] = Counter()
    turns: list[tuple[bool, int, str, Entry]] = []
    for entry in sorted(entries, key=lambda e: (e.row["kind"] != "module", -e.words, e.row["id"])):
        method, module = entry.row["kind"] == "method", entry.row["module"]
        seen[method, module] += 1
        turns.append((method, seen[method, module] * 3 ** module.count("."), module, entry))
    return [entry for *_, entry in sorted(turns, key=lambda turn: turn[:3])]


def _children(folder: Path) -> Iterator[Path]:
    """Modules and packages right under ``folder``, by name."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT:
            continue
        if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").is_file()):
            yield path


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """(module name, file) of a module or package, those below it included."""
    if root.is_file():
        yield root.stem, root
        return
    stack = [(root.name, root)]
    while stack:
        name, folder = stack.pop()
        yield name, folder / "__init__.py"
        for path in _children(folder):
            if path.is_dir():
                stack.append((f"{name}.{path.name}", path))
            elif path.name not in ("__init__.py", "__main__.py"):
                yield f"{name}.{path.stem}", path


def _row(package: str, module: Module, definition: Definition, name: str) -> Row:
    public = (
        name.rsplit(".", 2 if definition.kind == "method" else 1)[0] if definition.name else name
    )
    return {
        "id": name,
        "text": f"{name}{definition.signature}: {definition.summary}",
        "package": package,
        "module": public,
        "kind": definition.kind,
        "lines": max(definition.lines, 1),
        "year": module.year,
    }


def _builtin_entries() -> Iterator[Entry]:
    """Entries of modules that are written in C: no file, so neither lines nor year."""
    for name in BUILT_IN:
        if name in sys.stdlib_module_names:  # some are not there on every system
            module = importlib.import_module(name)
            yield from _builtin_entry(module, name, name, "module")
            yield from _members(name, name, vars(module).items())


def _members(module: str, owner: str, members: Iterable[tuple[str, Any]]) -> Iterator[Entry]:
    for name, member in sorted(members, key=lambda item: item[0]):
        if not is_public(name) or not callable(member):
            continue
        is_class = inspect.isclass(member)
        if is_class and issubclass(member, BaseException):
            continue  # some seventy of them, all alike
        kind = "class" if is_class else "function" if owner == module else "method"
        yield from _builtin_entry(member, module, f"{owner}.{name}", kind)
        if is_class and owner == module:
            yield from _members(module, f"{owner}.{name}", vars(member).items())


def _builtin_entry(member: Any, module: str, name: str, kind: str) -> Iterator[Entry]:
    docstring = inspect.getdoc(member) or ""
    if summary := summarise(docstring):
        text = f"{name.removeprefix('builtins.')}: {summary}"
        row = {"id": name, "text": text, "package": STANDARD, "module": module, "kind": kind}
        yield Entry(row, len(docstring.split()))
