"""Reads the string spelling of filters: a recursive-descent parser, one method a rule.

filter     = conjunct { "or" conjunct }
conjunct   = unary { "and" unary }
unary      = { "not" } ( "(" filter ")" | exists | comparison )
exists     = "exists" ( "(" field ")" | field )
comparison = field ( symbol value | ["not"] "in" list | "between" value "and" value
                   | "contains" value | ["not"] "exists" )
value      = 'text' | "text" | number | true | false | date 'YYYY-MM-DD'
           | datetime 'YYYY-MM-DDTHH:MM:SS' | list
list       = "(" [ value { "," value } ] ")"   or the same in square brackets
field      = name { "." name } | "any name" | `any name`
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NoReturn

from likewise._filters.hints import after_condition, no_value, unknown_operator
from likewise._filters.operators import OPERATORS, SYMBOLS
from likewise._filters.tokens import Token, fail, tokenize
from likewise._filters.tree import (
    MAX_DEPTH,
    Comparison,
    Filter,
    conjunction,
    disjunction,
    negation,
)
from likewise._filters.write import RESERVED
from likewise.errors import InvalidFilter

CLOSING = {"(": ")", "[": "]"}


@lru_cache(maxsize=512)
def parse_string(source: str) -> Filter | None:
    """The filter that ``source`` spells; None when it is blank. Trees are immutable, so cached.

    Raises:
        InvalidFilter: with ``position``, a caret below it, and what was expected.
    """
    tokens = tokenize(source)
    return None if len(tokens) == 1 else Parser(source, tokens).parse()


class Parser:
    """One walk over the tokens of one string."""

    def __init__(self, source: str, tokens: list[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.index = 0
        self.depth = 0

    # -- the walk -----------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        self.index += token.kind != "end"
        return token

    def accept(self, *words: str) -> Token | None:
        return self.advance() if self.token.word in words else None

    def expect(self, word: str, after: str) -> Token:
        return self.accept(word) or self.fail(f"expected {word!r} {after}; got {self.token}")

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        fail(self.source, (token or self.token).start, message)

    # -- the rules ----------------------------------------------------------------------

    def parse(self) -> Filter:
        found = self.filter()
        if self.token.kind != "end":
            self.fail(after_condition(self.token, self.depth))
        return found

    def filter(self) -> Filter:
        return self._chain(self.conjunct, "or", disjunction)

    def conjunct(self) -> Filter:
        return self._chain(self.unary, "and", conjunction)

    def _chain(
        self, rule: Callable[[], Filter], word: str, join: Callable[[list[Filter]], Filter]
    ) -> Filter:
        start = self.token
        parts = [rule()]
        while self.accept(word):
            parts.append(rule())
        return self._build(start, lambda: join(parts))

    def unary(self) -> Filter:
        start, negated = self.token, False
        while self.accept("not"):
            negated = not negated
        found = self.atom()
        return self._build(start, lambda: negation(found)) if negated else found

    def atom(self) -> Filter:
        if self.token.word == "(":
            return self.group()
        if self.accept("exists"):
            return self.exists()
        return self.comparison()

    def group(self) -> Filter:
        opening = self.advance()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"parentheses are nested more than {MAX_DEPTH} deep", opening)
        found = self.filter()
        if not self.accept(")"):
            said = after_condition(self.token, self.depth)
            self.fail(f"{said} (the '(' at {opening.start} is open)")
        self.depth -= 1
        return found

    def exists(self) -> Filter:
        inside = self.accept("(")
        name, start = self.field()
        if inside:
            self.expect(")", "after the field of exists(")
        return self.leaf(start, name, "exists", None)

    def comparison(self) -> Filter:
        name, start = self.field()
        if self.token.word == "not":
            return self.negated(name, start)
        operator = SYMBOLS.get(self.token.word)
        if operator is None:
            self.fail(unknown_operator(name, self.token))
        self.advance()
        return self.leaf(start, name, operator, self.right_side(operator))

    def negated(self, name: str, start: Token) -> Filter:
        self.advance()
        if self.accept("in"):
            return self.leaf(start, name, "nin", self.list_of("nin"))
        if self.accept("exists"):
            return self._build(start, lambda: negation(self.leaf(start, name, "exists", None)))
        return self.fail(
            f"expected 'in' or 'exists' after 'not'; got {self.token}; to turn another condition "
            f"round, write 'not' before the field: not {start.text} …"
        )

    def right_side(self, operator: str) -> Any:
        match OPERATORS[operator].takes:
            case "nothing":
                return None
            case "list":
                return self.list_of(operator)
            case "pair":
                low = self.value()
                self.expect("and", "between the two bounds of 'between'")
                return (low, self.value())
            case _:
                return self.value()

    # -- names and values ---------------------------------------------------------------

    def field(self) -> tuple[str, Token]:
        token = self.token
        if token.kind == "quoted" and token.text[0] != "'":
            return str(self.advance().value), token
        if token.kind == "word" and token.word not in RESERVED:
            return str(self.advance().value), token
        if token.kind in ("number", "quoted"):
            self.fail(
                f"expected a field name on the left; got the value {token}; field names are bare, "
                "or in double quotes or backticks"
            )
        if token.word in RESERVED:
            self.fail(f'expected a field name; got {token}; a field of that name is "{token.text}"')
        return self.fail(f"expected a field name; got {token}")

    def list_of(self, operator: str) -> tuple[Any, ...]:
        opening = self.accept(*CLOSING)
        if opening is None:
            self.fail(
                f"expected a list such as ('a', 'b') after {OPERATORS[operator].symbol!r}; "
                f"got {self.token}"
            )
        closing = CLOSING[opening.text]
        values: list[Any] = []
        while not self.accept(closing):
            values.append(self.value())
            if not self.accept(",") and self.token.word != closing:
                self.fail(f"expected ',' or {closing!r} in the list; got {self.token}")
        return tuple(values)

    def value(self) -> Any:
        token = self.token
        if token.word in CLOSING:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                self.fail(f"lists are nested more than {MAX_DEPTH} deep")
            values = self.list_of("in")
            self.depth -= 1
            return values
        self.advance()
        if token.kind in ("quoted", "number") and token.text[0] != "`":
            return token.value
        if token.word in ("true", "false"):
            return token.word == "true"
        if token.word in ("date", "datetime") and self.token.kind == "quoted":
            return self.time(token, self.advance())
        return self.fail(no_value(token), token)

    def time(self, kind: Token, token: Token) -> date:
        read, shape = (
            (date.fromisoformat, "2020-01-31")
            if kind.word == "date"
            else (datetime.fromisoformat, "2020-01-31T10:00:00+02:00")
        )
        try:
            return read(token.value)
        except ValueError as error:
            self.fail(f"expected a {kind.word} such as '{shape}'; {error}", token)

    def leaf(self, start: Token, field: str, operator: str, value: Any) -> Filter:
        return self._build(start, lambda: Comparison(field, operator, value))

    def _build(self, start: Token, make: Callable[[], Filter]) -> Filter:
        try:
            return make()
        except InvalidFilter as error:
            if error.position is not None:
                raise
            self.fail(str(error), start)
