"""Writes the generated parts of the pages in ``docs/``: ``python docs/generate.py``.

A generated part lies between ``<!-- generated: NAME -->`` and ``<!-- end -->``; all else on a
page is written by hand. A test compares the pages with what `render` gives, so that they
cannot part from the code.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from likewise import errors, metrics
from likewise.cli.app import app
from likewise.cli.failures import EXIT_CODES
from likewise.filters import CONNECTIVES, OPERATORS
from likewise.store import sealing

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parent / "src" / "likewise"
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str) -> str:
    """``page`` (its text) with every generated part written anew."""
    return PART.sub(lambda m: f"{m[1]}\n{PARTS[m[2]]()}\n{m[3]}", page)


def pages() -> list[Path]:
    """The pages that have a generated part."""
    texts = {page: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
    return [page for page, text in texts.items() if PART.search(text)]


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [list(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# -- filters ------------------------------------------------------------------------

#: The right side of an example, by what the operator takes: as a string, as a dict, in Python.
RIGHT = {
    "value": ("'en'", '"en"', "'en'"),
    "ordered": ("2020", "2020", "2020"),
    "list": ("('en', 'fr')", '["en", "fr"]', "['en', 'fr']"),
    "pair": ("2010 and 2020", "[2010, 2020]", "2010, 2020"),
    "member": ("'nlp'", '"nlp"', "'nlp'"),
    "nothing": ("", "true", ""),
}
FIELD = {"value": "lang", "list": "lang", "member": "tags"}
METHODS = {"in": "isin", "nin": "notin", "eq": "=="}


def operators() -> str:
    """Every comparison and connective in its three spellings."""
    rows = [_operator(name, entry) for name, entry in OPERATORS.items()]
    rows += [_connective(joint) for joint in CONNECTIVES.values()]
    return table(["string", "dict", "Python", "meaning"], rows)


def _connective(joint: Any) -> list[str]:
    if joint.symbol == "not":
        return [code("not a"), code(f'{{"{joint.key}": a}}'), code("~a"), joint.sentence]
    sign = {"and": "&", "or": "|"}[joint.symbol]
    spelled = f'{{"{joint.key}": [a, b]}}'
    return [code(f"a {joint.symbol} b"), code(spelled), code(f"a {sign} b"), joint.sentence]


def _operator(name: str, entry: Any) -> list[str]:
    text, value, python = RIGHT[entry.takes]
    field = FIELD.get(entry.takes, "year")
    string = f"{field} {entry.symbol} {text}" if text else f"{entry.symbol}({field})"
    symbol = METHODS.get(name, entry.symbol)
    call = (
        f'F("{field}").{symbol}({python})'
        if symbol.isidentifier()
        else f'F("{field}") {symbol} {python}'
    )
    also = f" (also `{'`, `'.join(entry.synonyms)}`)" if entry.synonyms else ""
    spelled = f'{{"{field}": {{"{entry.key}": {value}}}}}'
    return [code(string) + also, code(spelled), code(call.replace("'", '"')), entry.sentence]


# -- metrics and errors ---------------------------------------------------------------


def metric_table() -> str:
    """Every metric with its synonyms and formulas."""
    rows = []
    for name in metrics.names():
        metric = metrics.METRICS[name]
        synonyms = [s for s, found in metrics.METRICS.items() if found is metric and s != name]
        zero = "refused" if metric.unit else "a vector like others"
        listed = ", ".join(map(code, synonyms))
        rows.append([code(name), listed, code(metric.formula), code(metric.score_formula), zero])
    return table(["metric", "synonyms", "distance", "score", "the zero vector"], rows)


def error_table() -> str:
    """Every error class, in the order of the file."""
    rows = []
    for kind in vars(errors).values():
        if not (inspect.isclass(kind) and issubclass(kind, errors.LikewiseError)):
            continue
        ours = [base for base in kind.__bases__ if issubclass(base, errors.LikewiseError)]
        builtin = [b for b in kind.__mro__ if b.__module__ == "builtins"]
        others = [b.__name__ for b in builtin if b not in errors.LikewiseError.__mro__]
        meaning = " ".join((kind.__doc__ or "").partition("\n\n")[0].split()).replace("``", "`")
        rows.append(
            [
                code(kind.__name__),
                code(kind.code),
                str(kind.exit_status),
                ", ".join(code(base.__name__) for base in ours),
                ", ".join(map(code, others)),
                meaning,
            ]
        )
    heads = ["class", "code", "exit", "child of", "also caught as", "meaning"]
    return table(heads, rows)


# -- the command line -------------------------------------------------------------------


def exit_codes() -> str:
    """The exit codes of the command line."""
    return table(["code", "meaning"], [[str(c), text] for c, text in EXIT_CODES.items()])


def commands() -> str:
    """A section a command, from the app itself."""
    group: Any = typer.main.get_command(app)
    return "\n".join(_command(name, command) for name, command in group.commands.items())


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    usage = " ".join(["likewise", name, *map(_argument, arguments), "[OPTIONS]"])
    help_text = (command.help or "").strip()
    rows = [[code(_argument(p)), p.help or ""] for p in arguments]
    rows += [[code(_option(p)), (p.help or "") + _default(p)] for p in options]
    return f"## likewise {name}\n\n{help_text}\n\n```\n{usage}\n```\n\n{table(['', ''], rows)}"


def _argument(parameter: Any) -> str:
    word = parameter.metavar or parameter.name.upper()
    word = word if parameter.required else f"[{word}]"
    return f"{word}..." if parameter.nargs == -1 else word


def _option(parameter: Any) -> str:
    value = "" if parameter.is_flag else " " + (parameter.metavar or parameter.name.upper())
    return ", ".join(parameter.opts) + value


def _default(parameter: Any) -> str:
    return f" Default: {parameter.default}." if parameter.default else ""


# -- the house --------------------------------------------------------------------------

SEALING = {
    "TAIL_ROWS": "a longer tail is sealed in the background",
    "GRAPH_ROWS": "a smaller segment gets no graph: scanning it is as fast",
    "CLOSE_ROWS": "`close` builds graphs of at most this many rows, so that it takes seconds",
    "DEAD_SHARE": "a segment with a larger share of deleted rows is written anew",
    "MUCH_CHANGED": "after so many rows came or went, the sealer looks for such segments",
    "QUIET_SECONDS": "the sealer starts when nothing was committed for so long",
    "PATIENCE_SECONDS": "or when it has waited so long",
}


def sealing_table() -> str:
    """The constants of the sealing policy, with their values."""
    rows = [[code(name), f"{getattr(sealing, name):,}", why] for name, why in SEALING.items()]
    return table(["constant", "value", "meaning"], rows)


#: What the benchmark of that name wrote, kept beside the pages.
MEASURED = FOLDER / "index_families.json"


def index_families() -> str:
    """The measured families of indexes."""
    (run,) = json.loads(MEASURED.read_text(encoding="utf-8"))["runs"]
    (measured,) = run["tables"]
    return table(measured["header"], measured["rows"])


def files_of(room: str) -> Callable[[], str]:
    """A table of the files of a room, each with the first sentence of its docstring."""

    def files() -> str:
        paths = [p for p in sorted((SOURCE / room).rglob("*.py")) if p.name != "__init__.py"]
        return table(["file", "what it does"], [_file(path, SOURCE / room) for path in paths])

    return files


def _file(path: Path, room: Path) -> list[str]:
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(told.partition("\n\n")[0].split()).replace("``", "`")
    return [code(str(path.relative_to(room))), first]


def code(text: str) -> str:
    """``text`` as code."""
    return f"`{text}`"


PARTS: dict[str, Callable[[], str]] = {
    "operators": operators,
    "metrics": metric_table,
    "errors": error_table,
    "exit_codes": exit_codes,
    "commands": commands,
    "sealing": sealing_table,
    "store_files": files_of("store"),
    "index_files": files_of("index"),
    "index_families": index_families,
}

if __name__ == "__main__":
    for path in pages():
        path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
