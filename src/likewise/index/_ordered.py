"""Rows in the order of a number each, and where a window of that number lies among them.

Ordered rows have places 0, 1, ... by their number, equal ones by slot, those without a number
last. Rows that came later have the places after these, in the order they came.
"""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile, InvalidArgument, InvalidType

IdArray = npt.NDArray[np.int64]
PlaceArray = npt.NDArray[np.int32]
Values = npt.NDArray[Any]

#: Which bounds belong to a window: both, the first, the second, none.
INCLUSIVE = ("both", "left", "right", "neither")
#: Dates are kept as microseconds since 1970.
DATES = np.dtype("datetime64[us]")
DATE_KIND, REAL_KIND, WHOLE_KIND = "datetime64[us]", "float64", "int64"
#: Whole numbers up to this are floats exactly.
EXACT_FLOATS = 2**53


class Ordered:
    """The order of n rows by ``attribute`` (n,), and the rows added since.

    Attributes:
        kind: "float64", "int64" or "datetime64[us]".
        order: (n,) int32, the slot of each ordered place.
    """

    def __init__(self, attribute: Values) -> None:
        self.kind = str(attribute.dtype)
        self._attribute = attribute
        order, self._values = _sorted(attribute)
        self.order: PlaceArray = order.astype(np.int32)
        self._late: PlaceArray = np.empty(0, dtype=np.int32)
        self._late_values = self._values[:0]

    @property
    def attribute(self) -> Values:
        """(slots,) the number of every slot."""
        return self._attribute

    @property
    def ordered(self) -> int:
        """How many rows are in order."""
        return len(self.order)

    @property
    def late(self) -> PlaceArray:
        """Places of the rows that came later, in the order of their number."""
        return self._late

    def slots(self) -> PlaceArray:
        """(slots,) the slot of every place."""
        came = np.arange(self.ordered, len(self._attribute), dtype=np.int32)
        return np.concatenate([self.order, came])

    def add(self, attribute: Values) -> None:
        """Take more rows, which are late."""
        self._attribute = np.concatenate([self._attribute, attribute])
        order, self._late_values = _sorted(self._attribute[self.ordered :])
        self._late = (order + self.ordered).astype(np.int32)

    def cut(self, count: int) -> None:
        """Forget late rows, so that ``count`` rows stay."""
        self._attribute = self._attribute[: max(count, self.ordered)]
        self.add(self._attribute[:0])

    def everything(self) -> IdArray:
        """(1, 4) the window of all rows, those without a number too."""
        return np.array([[0, self.ordered, 0, len(self._late)]], dtype=np.int64)

    def windows(self, window: Any, inclusive: str) -> IdArray:
        """(1 or b, 4) int64: from and up to which ordered place, and the same in `late`.

        Args:
            window: (low, high), each a number, None, or an array (b,).
            inclusive: of `INCLUSIVE`.

        Raises:
            InvalidType, InvalidArgument: no pair, bounds that are no numbers, of two lengths.
        """
        lows, highs = _bounds(window)
        if inclusive not in INCLUSIVE:
            raise InvalidArgument(
                f"inclusive must be one of {', '.join(INCLUSIVE)}; got {inclusive!r}"
            )
        with_low, with_high = inclusive in ("both", "left"), inclusive in ("both", "right")
        low = _bounded(lows, self.kind, upward=with_low)
        high = _bounded(highs, self.kind, upward=not with_high)
        count = len(high) if len(low) == 1 else len(low)
        found = np.zeros((count, 4), dtype=np.int64)
        for column, values in ((0, self._values), (2, self._late_values)):
            if len(values):
                found[:, column] = _places(values, low, 0)
                found[:, column + 1] = _places(values, high, len(values))
        # An inverted window holds nothing.
        np.maximum(found[:, 1::2], found[:, ::2], out=found[:, 1::2])
        return found

    # -- files ---------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps."""
        plain = self._attribute.view(np.int64) if self.kind == DATE_KIND else self._attribute
        return {"attribute": plain, "order": self.order}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], kind: str, count: int) -> Ordered:
        """The inverse of `to_arrays`, for ``count`` rows.

        Raises:
            DamagedFile: the arrays are not such.
        """
        attribute, order = arrays["attribute"], arrays["order"]
        attribute = attribute.view(DATES) if kind == DATE_KIND else attribute
        ordered = len(order)
        if len(attribute) != count or ordered > count or str(attribute.dtype) != kind:
            raise DamagedFile("the numbers of the rows are not theirs; build the index again")
        new = cls(attribute[:ordered])
        if not (new.order == order).all():
            raise DamagedFile("the rows are not in the order of their numbers; build it again")
        new.add(attribute[ordered:])
        return new


def as_attribute(given: Any, rows: int, kind: str | None = None) -> Values:
    """A number, or a date, for each of ``rows`` rows, as float64, int64 or datetime64[us].

    Args:
        given: (rows,) numbers; NaN or NaT is none.
        kind: what the other rows have; the numbers are brought to it.

    Raises:
        InvalidType, InvalidArgument: no numbers, not one a row, or not of that kind.
    """
    values = np.asarray(given)
    if values.dtype.kind not in "iufM" and values.size:
        raise InvalidType(f"attribute must be numbers or dates; got an array of {values.dtype}")
    if values.shape != (rows,):
        raise InvalidArgument(f"attribute must be one number a row ({rows},); got {values.shape}")
    if kind is None:
        kind = {"M": DATE_KIND, "i": "int64", "u": "int64"}.get(values.dtype.kind, "float64")
    if (kind == DATE_KIND) != (values.dtype.kind == "M") and values.size:
        raise InvalidType(f"attribute must be {kind} as before; got an array of {values.dtype}")
    with np.errstate(invalid="ignore"):
        made = values.astype(kind)
    if kind == "int64" and not (made == values).all():
        raise InvalidArgument("attribute must be whole numbers below 2^63, as those before")
    return made


def _sorted(attribute: Values) -> tuple[IdArray, Values]:
    """The stable order, rows without a number last; and the numbers there are, ascending."""
    order = np.argsort(attribute, kind="stable")  # NaN and NaT come last
    values = attribute[order]
    numbered = len(values)
    if attribute.dtype.kind != "i" and numbered:
        numbered -= int(
            np.count_nonzero(
                np.isnan(attribute) if attribute.dtype.kind == "f" else np.isnat(attribute)
            )
        )
    return order, values[:numbered]


def _bounds(window: Any) -> tuple[Any, Any]:
    """Both sides, each a list or an array of numbers."""
    try:
        low, high = window
    except (TypeError, ValueError):
        raise InvalidType(
            f"window must be a pair (low, high), None being open; got {window!r}"
        ) from None
    sides = [_listed(side) for side in (low, high)]
    if len({len(side) for side in sides} - {1}) > 1:
        raise InvalidArgument(
            f"the bounds of window must be as many as the queries; got {len(sides[0])} and "
            f"{len(sides[1])}"
        )
    return sides[0], sides[1]


def _listed(side: Any) -> Any:
    if isinstance(side, (list, tuple)):
        return list(side)
    if hasattr(side, "__array__") and not isinstance(side, np.generic):
        side = np.asarray(side)  # such as a column of a table
        if side.ndim > 1:
            raise InvalidArgument(f"the bounds of window must lie in a row; got {side.shape}")
        return side if side.ndim else [side[()]]
    return [side]


def _bounded(side: Any, kind: str, *, upward: bool) -> Any:
    """The bounds as `_bound` makes them: an array where all are plain, else a list."""
    if not isinstance(side, np.ndarray):
        return [_bound(value, kind, upward=upward) for value in side]
    whole, real = side.dtype.kind in "iu", side.dtype.kind == "f"
    plain = (whole or real) and kind != DATE_KIND
    if plain and kind == REAL_KIND and bool((np.abs(side) <= EXACT_FLOATS).all()):
        numbers = side.astype(np.float64)
        return numbers if upward else np.nextafter(numbers, np.inf)
    if plain and whole and kind == WHOLE_KIND and bool((np.abs(side) <= EXACT_FLOATS).all()):
        return side.astype(np.int64) + (not upward)
    # Not `tolist`, which makes numbers of some dates, and None of NaT.
    return [_bound(value, kind, upward=upward) for value in side]


def _bound(value: Any, kind: str, *, upward: bool) -> Any:
    """The least number of that kind which is not below ``value`` (or, not upward, is above it).

    None is open. So places are found by one rule, exactly, for numbers of any type.
    """
    if value is None:
        return None
    if kind == DATE_KIND:
        return _date(value, upward=upward)
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise InvalidType(f"the bounds of window must be numbers or None; got {value!r}")
    plain = value.item() if isinstance(value, np.generic) else value
    if plain != plain:
        raise InvalidArgument("the bounds of window must be numbers; got NaN")
    if kind == REAL_KIND:
        return _real(plain, upward=upward)
    if isinstance(plain, float) and math.isinf(plain):
        return plain
    return math.ceil(plain) if upward else math.floor(plain) + 1


def _real(value: int | float, *, upward: bool) -> float:
    try:
        near = float(value)
    except OverflowError:
        return math.inf if value > 0 else -sys.float_info.max
    if near == math.inf and not upward:
        return math.nan  # which numpy puts after all numbers
    # Python compares a whole number with a float exactly.
    if near < value or (near == value and not upward):
        return math.nextafter(near, math.inf)
    return near


def _date(value: Any, *, upward: bool) -> Any:
    if not isinstance(value, (str, np.datetime64, datetime.date)):
        raise InvalidType(f"the bounds of window must be dates or None; got {value!r}")
    try:
        given = np.datetime64(value)
        date = given.astype(DATES)
    except ValueError as error:
        raise InvalidArgument(f"the bounds of window must be dates; got {value!r}") from error
    if np.isnat(date):
        raise InvalidArgument("the bounds of window must be dates; got NaT")
    return date if upward and date == given else date + np.timedelta64(1, "us")


def _places(values: Values, bounds: Any, unbounded: int) -> Any:
    """How many of ``values`` (ascending) lie below each bound; ``unbounded`` where it is None."""
    if isinstance(bounds, np.ndarray):
        return values.searchsorted(bounds)
    return [unbounded if bound is None else _place(values, bound) for bound in bounds]


def _place(values: Values, bound: Any) -> int:
    if values.dtype.kind == "i":
        if bound > _LARGEST_WHOLE:
            return len(values)
        bound = np.int64(max(bound, -_LARGEST_WHOLE - 1))
    return int(values.searchsorted(bound))


_LARGEST_WHOLE = 2**63 - 1
