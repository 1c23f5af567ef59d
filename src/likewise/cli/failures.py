"""Failures as the shell sees them: a message on stderr and a documented exit code."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import typer

from likewise._arguments import FOREIGN_NAMES
from likewise.errors import LikewiseError

EXIT_CODES = {
    0: "all went well",
    1: "something unexpected, or a declined question",
    2: "the call was wrong",
    3: "the data or the collection is wrong, or check found something",
    4: "another process holds the collection",
    5: "the machine lacks something: an extra, disk or memory",
    130: "interrupted",
}
UNEXPECTED = 1
WRONG_CALL = 2
INTERRUPTED = 130

# Messages name Python arguments; on the command line the same things are options.
_OPTIONS = (
    (r"\bupsert=True", "--upsert"),
    (r"\bskip_bad=True", "--skip-bad"),
    (r"\boverwrite=True", "--force"),
    (r"\bskip=(\d+)", r"--skip \1"),
    (r"\bmin_score=", "--min-score"),
    (r"\bweights=", "--weight"),
    (r"\brename=\{'([^']*)': None\}", r"--rename '\1='"),
    (r"\b(id|text|vector)=(?=$|[\s,;.)])", r"--\1-column"),
    (r"\b(using|where|encoder|dim|metric|recall|radius|fuse|depth|cutoff)=(?=$|[\s,;.)])", r"--\1"),
)


def report(error: Exception, *, as_json: bool) -> int:
    """Say on stderr what went wrong and give the exit code for it."""
    code, status, message = _described(error)
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message}}), file=sys.stderr)
    elif code == "usage":
        error.show()  # type: ignore[attr-defined]  # with the usage line of the command
    else:
        print(f"likewise: {message}", file=sys.stderr)
    return status


def _described(error: Exception) -> tuple[str, int, str]:
    if isinstance(error, LikewiseError):
        return error.code, error.exit_status, in_shell_words(_text(error))
    if hasattr(error, "format_message"):  # a word or option that the app does not know
        _suggest_our_word(error)
        return "usage", WRONG_CALL, str(error.format_message())
    if isinstance(error, typer.Abort):
        return "interrupted", INTERRUPTED, "interrupted; what was committed stays"
    return (
        "unexpected",
        UNEXPECTED,
        f"unexpected {type(error).__name__}: {error}\n"
        "Set LIKEWISE_TRACEBACK=1 to see where, and please report it",
    )


def _suggest_our_word(error: Any) -> None:
    """Add our name for an option that goes by another name elsewhere: ``-k`` for ``--top-k``."""
    unknown = str(getattr(error, "option_name", "")).lstrip("-").replace("-", "_")
    ours = FOREIGN_NAMES.get(unknown)
    command = getattr(getattr(error, "ctx", None), "command", None)
    if ours is None or command is None:
        return
    for parameter in command.params:
        if parameter.name == ours and parameter.param_type_name == "option":
            error.possibilities = [parameter.opts[-1]]


def _text(error: LikewiseError) -> str:
    # A KeyError would show its message in quotes.
    return str(error.args[0]) if error.args else str(error)


def in_shell_words(message: str) -> str:
    """``message`` with Python arguments replaced by the options that do the same.

    Example:
        >>> in_shell_words("run again with upsert=True, or leave it out with rename={'x': None}")
        "run again with --upsert, or leave it out with --rename 'x='"
    """
    for pattern, option in _OPTIONS:
        message = re.sub(pattern, option, message)
    return message
