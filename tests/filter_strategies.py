"""Random metadata and random filters that meet often: few fields, few values, all kinds."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import strategies as st

from likewise.filters import F, Filter

FIELDS = ["a", "b", "n.x", "in", "odd name", "date"]

NUMBERS = [
    *(-1, 0, 1, 2, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400, -(10**400)),
    *(-0.0, 0.0, 0.5, 1.0, 1.5, 2.0**53, 2.0**53 + 2, 2.0**63, 1e30, 1e300),
    *(sys.float_info.max, -sys.float_info.max, sys.float_info.min),
]
STRINGS = [
    "",
    "a",
    "b",
    "ab",
    "aab",
    "xa",
    "1",
    "true",
    "é",
    "eé",
    "\ud800",
    "\uffff",
    "\U0001f600",
]
ODD_STRINGS = ["it's", 'say "x"', "back\\slash", "two\nlines", "`", "a' or b = 'x", "\x00"]
TIMES = [
    date(2020, 1, 31),
    datetime(2020, 1, 31),
    datetime(2020, 1, 31, tzinfo=UTC),
    datetime(2020, 1, 31, 2, tzinfo=timezone(timedelta(hours=2))),
    datetime(2020, 1, 31, 0, 0, 0, 1),
    date.min,
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
]
# sampled_from would merge 1, 1.0 and True into one: each goes in as its own strategy.
scalars = st.one_of(
    st.integers(0, len(NUMBERS) - 1).map(NUMBERS.__getitem__),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(STRINGS + ODD_STRINGS),
    st.text(max_size=5),
    st.integers(0, len(TIMES) - 1).map(TIMES.__getitem__),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.booleans(),
)
values = st.one_of(scalars, st.none(), st.lists(scalars | st.none(), max_size=3))


def _nested(flat: dict[str, object]) -> dict[str, object]:
    row = {key: value for key, value in flat.items() if key != "n.x"}
    return {**row, "n": {"x": flat["n.x"]}} if "n.x" in flat else row


rows = st.dictionaries(st.sampled_from(FIELDS), values, max_size=4).map(_nested)


@st.composite
def comparisons(draw: st.DrawFn) -> Filter:
    field = F(draw(st.sampled_from(FIELDS)))
    operand = scalars | st.lists(scalars, max_size=3)
    match draw(
        st.sampled_from(["eq", "ne", "order", "in", "nin", "between", "exists", "contains"])
    ):
        case "eq":
            return field == draw(operand)
        case "ne":
            return field != draw(operand)
        case "order":
            name = draw(st.sampled_from(["__lt__", "__le__", "__gt__", "__ge__"]))
            return getattr(field, name)(draw(scalars))
        case "in":
            return field.isin(draw(st.lists(operand, max_size=12)))
        case "nin":
            return field.notin(draw(st.lists(operand, min_size=1, max_size=12)))
        case "between":
            low = draw(scalars)
            return field.between(low, draw(scalars.filter(lambda high: _alike(low, high))))
        case "exists":
            return field.exists()
        case _:
            return field.contains(draw(scalars))


def _alike(low: object, high: object) -> bool:
    groups = [(bool,), (int, float), (str,), (date,)]
    return next(g for g in groups if isinstance(low, g)) == next(
        g for g in groups if isinstance(high, g)
    )


filters = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.builds(lambda x, y: x & y, inner, inner),
        st.builds(lambda x, y: x | y, inner, inner),
        st.builds(lambda x: ~x, inner),
    ),
    max_leaves=6,
)
