"""Writes ``docs/cli.md`` from the app itself: ``python docs/generate_cli.py``.

A test compares the file with what `render` gives, so that the two cannot part.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from likewise.cli.app import app
from likewise.cli.failures import EXIT_CODES

TARGET = Path(__file__).with_name("cli.md")

INTRODUCTION = """\
# The command line

<!-- Written by docs/generate_cli.py from the app; change the app, then run that file. -->

`likewise COMMAND --help` says the same as this page. Completion for your shell:
`likewise --install-completion`.

Answers go to stdout, remarks and progress to stderr. On a terminal answers are tables; in a
pipe they are tab-separated lines without headings; with `--json` they are one line of JSON.
With `--json` an error is `{"error": {"code": …, "message": …}}` on stderr.

```bash
likewise create papers.likewise --encoder minilm
likewise import papers.likewise papers.csv --text-column abstract --index-field year
likewise search papers.likewise "sleep and memory" -k 5 --where "year >= 2020"
```

## Exit codes
"""

FILES = """\
## Files

`import` reads, by suffix:

- `.jsonl` `.ndjson` (also `.gz`): one object a line. `{"$date": "2024-05-01"}` and
  `{"$datetime": "2024-05-01T12:00:00"}` are dates.
- `.csv` `.tsv` (also `.gz`): a header line, then rows. A column has one type for the whole
  file: integer, float, boolean, date or datetime if every cell fits, else string (`007` is a
  string). An empty cell is missing; a vector is a JSON list.
- `.parquet` (extra `arrow`): columns keep their types; null and NaN are missing. A list column
  called `vector` is the vector, and so is the only fixed-size list of numbers.
- `.npy`: vectors; ids from `NAME.ids.jsonl` beside it, else row numbers from 0.
- `.npz`: vectors in `vector`, `vectors` or `X`, ids in `id` or `ids`, other arrays of the same
  length as metadata.
- `.fvecs` `.bvecs`: vectors; ids are record numbers from 0.
- a folder: one row a text file. Its path is the id; `path`, `bytes` and `modified` are metadata.

`export` writes `.jsonl` (also `.gz`) and `.parquet` with everything, and `.npy` with the vectors
of one field beside a `NAME.ids.jsonl`. What is exported imports as the same rows; in Parquet,
null and missing are one.

A bad record stops the import with its file and line; what came before it stays. With
`--skip-bad` it goes to `FILE.rejects.jsonl` (`place`, `error`, `raw`) and the rest is imported.
"""


def render() -> str:
    """The page as Markdown."""
    codes = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    parts = [INTRODUCTION, "| code | meaning |\n|---|---|\n" + "\n".join(codes) + "\n", FILES]
    group: Any = typer.main.get_command(app)
    parts += [_command(name, command) for name, command in group.commands.items()]
    return "\n".join(parts)


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    usage = " ".join(["likewise", name, *map(_argument, arguments), "[OPTIONS]"])
    help_text = (command.help or "").strip()
    rows = [(f"`{_argument(p)}`", p.help or "") for p in arguments]
    rows += [(f"`{_option(p)}`", (p.help or "") + _default(p)) for p in options]
    return f"## likewise {name}\n\n{help_text}\n\n```\n{usage}\n```\n\n{_table(rows)}\n"


def _argument(parameter: Any) -> str:
    word = parameter.metavar or parameter.name.upper()
    word = word if parameter.required else f"[{word}]"
    return f"{word}..." if parameter.nargs == -1 else word


def _option(parameter: Any) -> str:
    value = "" if parameter.is_flag else " " + (parameter.metavar or parameter.name.upper())
    return ", ".join(parameter.opts) + value


def _default(parameter: Any) -> str:
    return f" Default: {parameter.default}." if parameter.default else ""


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {name} | {text.replace('|', chr(92) + '|')} |" for name, text in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
