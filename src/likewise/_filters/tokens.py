"""Cuts a filter string into tokens that know where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from likewise._filters.write import BARE_NAME
from likewise.errors import InvalidFilter

TokenKind = Literal["word", "quoted", "number", "symbol", "end"]

SPACE = re.compile(r"\s*")
# A run of operator characters is one token, so that '=>' is named whole in an error.
SYMBOL = re.compile(r"[=<>!&|~:]+|[()\[\],]")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
INTEGER = re.compile(r"[+-]?[0-9]+")
QUOTES = "'\"`"
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"', "`": "`"}
WINDOW = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the string: ``text`` as written, ``value`` as meant, and its ``start``."""

    kind: TokenKind
    text: str
    value: Any
    start: int

    @property
    def word(self) -> str:
        """The keyword or symbol in lower case; empty for quoted strings and numbers."""
        return self.text.lower() if self.kind in ("word", "symbol") else ""

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text[:WINDOW])


def fail(source: str, position: int, message: str) -> NoReturn:
    """Raise `InvalidFilter` with ``message`` and a caret below ``position``."""
    start = max(0, position - WINDOW // 2)
    piece = source[start : start + WINDOW]
    line = "".join(" " if character.isspace() else character for character in piece)
    before, after = "…" * (start > 0), "…" * (start + WINDOW < len(source))
    caret = " " * (len(before) + position - start) + "^"
    raise InvalidFilter(
        f"filter, character {position}: {message}\n  {before}{line}{after}\n  {caret}", position
    )


def tokenize(source: str) -> list[Token]:
    """The tokens of ``source``, the last of kind ``end``.

    Raises:
        InvalidFilter: with the position of what cannot be read.

    Example:
        >>> [(token.kind, token.value) for token in tokenize("year >= 2020")][:3]
        [('word', 'year'), ('symbol', '>='), ('number', 2020)]
    """
    tokens: list[Token] = []
    position = 0
    while True:
        position = _end(SPACE, source, position)
        if position == len(source):
            tokens.append(Token("end", "", None, position))
            return tokens
        token = _next(source, position)
        tokens.append(token)
        position += len(token.text)


def _next(source: str, start: int) -> Token:
    if source[start] in QUOTES:
        return _quoted(source, start)
    if (end := _end(NUMBER, source, start)) > start:
        return _number(source, start, end)
    if (end := _end(BARE_NAME, source, start)) > start:
        return Token("word", source[start:end], source[start:end], start)
    if (end := _end(SYMBOL, source, start)) > start:
        return Token("symbol", source[start:end], source[start:end], start)
    return fail(source, start, f"{source[start]!r} has no meaning here; strings need quotes")


def _end(pattern: re.Pattern[str], source: str, start: int) -> int:
    found = pattern.match(source, start)
    return found.end() if found else start


def _number(source: str, start: int, end: int) -> Token:
    text = source[start:end]
    if end < len(source) and (source[end].isalnum() or source[end] in "_."):
        fail(source, start, "a number runs into other characters; quote it if it is a string")
    try:
        value = int(text) if INTEGER.fullmatch(text) else float(text)
    except ValueError:  # Python refuses integers of thousands of digits
        fail(source, start, f"an integer of {len(text)} digits is too long")
    return Token("number", text, value, start)


def _quoted(source: str, start: int) -> Token:
    mark = source[start]
    parts: list[str] = []
    position = start + 1
    while position < len(source):
        character = source[position]
        if character == "\\":
            parts.append(_escape(source, position))
            position += 2
        elif character != mark:
            parts.append(character)
            position += 1
        elif source[position + 1 : position + 2] == mark:
            parts.append(mark)
            position += 2
        else:
            text = source[start : position + 1]
            return Token("quoted", text, "".join(parts), start)
    return fail(source, start, f"this quote is never closed; expected another {mark}")


def _escape(source: str, position: int) -> str:
    letter = source[position + 1 : position + 2]
    if letter not in ESCAPES:
        fail(
            source,
            position,
            f"'\\{letter}' is no escape; a backslash is written '\\\\', and the escapes are "
            f"\\n \\r \\t and \\ before a quote",
        )
    return ESCAPES[letter]
