"""What the parser of filter strings says when a token is not the one it expected."""

from __future__ import annotations

from difflib import get_close_matches

from likewise._filters.operators import FOREIGN_SYMBOLS, OPERATORS, SYMBOLS
from likewise._filters.tokens import Token
from likewise._filters.write import RESERVED

NULLS = frozenset({"null", "none", "nil", "na"})
NOT_FINITE = frozenset({"nan", "inf", "infinity"})
EXPECTED = ", ".join(entry.symbol for entry in OPERATORS.values())


def unknown_operator(field: str, token: Token) -> str:
    """``token`` stands where an operator should, after ``field``."""
    said = f"expected an operator after {field!r}; got {token}"
    if token.word == "is":
        return f"{said}; did you mean '='? (for null: exists({field}), not exists({field}))"
    close = get_close_matches(token.word, SYMBOLS, n=1) if token.word.isalpha() else []
    guess = FOREIGN_SYMBOLS.get(token.word) or (close[0] if close else None)
    if guess in SYMBOLS:
        return f"{said}; did you mean {guess!r}?"
    return f"{said}; the operators are {EXPECTED}"


def after_condition(token: Token, depth: int) -> str:
    """``token`` stands where a condition ended, within ``depth`` parentheses."""
    choice = "'and', 'or' or ')'" if depth else "'and', 'or' or the end"
    said = f"expected {choice}; got {token}"
    guess = FOREIGN_SYMBOLS.get(token.word)
    if guess in ("and", "or"):
        return f"{said}; did you mean {guess!r}?"
    if token.word in SYMBOLS:
        return f"{said}; for a range write: field between low and high"
    return said


def no_value(token: Token) -> str:
    """``token`` stands where a value should."""
    if token.word in NULLS:
        return f"nothing compares with {token.text}; write exists(field) or not exists(field)"
    if token.word in NOT_FINITE:
        return f"{token.text} is no finite number; leave that side of the range open"
    if token.text[:1] == "`":
        return f"expected a value; got the name {token}; strings take ' or \""
    if token.kind == "word" and token.word not in RESERVED:
        return f"expected a value; got {token}; strings need quotes: '{token.text}'"
    return f"expected a value (text in quotes, a number, true, date '…', a list); got {token}"
