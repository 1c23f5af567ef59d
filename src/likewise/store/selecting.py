"""Which rows a search may find: a filter as a mask a part, or as a span of an order.

A range on a field with windows, alone or and-ed with other conditions, needs no mask: two
bisections in the sorted values say which rows it takes, and how many. The other conditions are
a mask, as all of a filter is that has no such range.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from likewise._filters.tree import conjunction
from likewise.errors import UnknownField
from likewise.filters import And, Comparison, Filter
from likewise.store.columns import Order, Span, is_range
from likewise.store.settings import Settings
from likewise.store.view import View

MaskArray = npt.NDArray[np.bool_]
RowArray = npt.NDArray[np.int64]

KEPT_MASKS = 32
#: Fields of a filter that are no metadata.
OWN_FIELDS = frozenset({"id", "text"})


@dataclass(frozen=True, slots=True)
class Within:
    """The rows of one part at the places ``span`` of the order of metadata ``path``."""

    path: str
    order: Order
    span: Span

    @property
    def places(self) -> npt.NDArray[np.integer]:
        """The rows, in their order."""
        return self.order.places[slice(*self.span)]


@dataclass(slots=True)
class Part:
    """The rows to consider of one part of a view.

    Attributes:
        mask: (n,) rows to consider; None: all.
        within: further, only these rows; None: all.
        count: how many there are.
    """

    mask: MaskArray | None
    count: int
    within: Within | None = None
    _whole: MaskArray | None = field(default=None, repr=False)

    def whole(self) -> MaskArray | None:
        """Both as one mask, made when it is first asked for."""
        if self.within is None:
            return self.mask
        if self._whole is None:
            whole = self.within.order.mask(self.within.span)
            self._whole = whole if self.mask is None else whole & self.mask
        return self._whole

    def without(self, position: int, size: int) -> Part:
        """Leave out one row of the ``size`` rows there are."""
        whole = self.whole()
        if whole is not None and not whole[position]:
            return self
        mask = np.ones(size, dtype=np.bool_) if self.mask is None else self.mask.copy()
        mask[position] = False
        return replace(self, mask=mask, count=self.count - 1, _whole=None)


@dataclass(frozen=True, slots=True)
class Selected:
    """Per part of a view the rows to consider, and how many there are in all."""

    parts: Sequence[Part]
    matching: int

    def row_numbers(self, view: View) -> RowArray:
        """The row numbers of them all."""
        masks = [part.whole() for part in self.parts]
        parts = zip(view.parts, masks, strict=True)
        return np.concatenate([rows if mask is None else rows[mask] for rows, mask in parts])

    def without(self, view: View, row: int) -> Selected:
        """Leave out one live row, for "more like this"."""
        place = view.locate(row)
        if place is None:
            return self
        number, position = place
        parts = list(self.parts)
        parts[number] = parts[number].without(position, len(view.parts[number]))
        return Selected(parts, self.matching + parts[number].count - self.parts[number].count)


def select(
    view: View, where: Filter | None, connection: sqlite3.Connection, using: str | None = None
) -> Selected:
    """The live rows that pass ``where``; remembered with the view.

    Args:
        view, connection: of one transaction.
        where: the filter.
        using: the vector field that will be searched, whose windows are wanted; None for any.

    Raises:
        UnknownField: no row has ever had one of the filter's fields.

    Cost: two bisections a segment for a range on a field with windows; else a mask.
    """
    known: Selected | None = view.selected.get((where, using))
    if known is not None:
        return known
    if where is None:
        selected = _everything(view)
    else:
        check_fields(where, view, connection)
        selected = _selected(view, where, connection, using)
    view.selected[where, using] = selected
    while len(view.selected) > KEPT_MASKS:
        view.selected.popitem(last=False)
    return selected


def check_fields(where: Filter, view: View, connection: sqlite3.Connection) -> None:
    """Refuse fields that no row has ever had (an empty collection knows none, and accepts all)."""
    if view.live == 0:
        return
    known = {record[0] for record in connection.execute("SELECT path FROM known_fields")}
    unknown = sorted(set(where.fields()) - known - OWN_FIELDS)
    if unknown:
        inside = sorted(path for path in known if path.startswith(unknown[0] + "."))
        listed = ", ".join(inside or sorted(known | OWN_FIELDS))
        close = get_close_matches(unknown[0], known | OWN_FIELDS, n=1)
        hint = "it holds nested values" if inside else "no row has had it"
        if close and not inside:
            hint = f"did you mean {close[0]!r}?"
        raise UnknownField(
            f"unknown field {unknown[0]!r} in {str(where)!r}: {hint}; there are {listed}"
        )


def _everything(view: View) -> Selected:
    return Selected([_part(view, i, None, None) for i in range(len(view.parts))], view.live)


def _selected(
    view: View, where: Filter, connection: sqlite3.Connection, using: str | None
) -> Selected:
    ranges = _narrowest(view, where, connection, using)
    parts: list[Part] = []
    for i, segment in enumerate(view.segments):
        rest, within = (where, None) if ranges is None else (ranges.rest, ranges.within[i])
        mask = None if rest is None else segment.fields.mask(rest, connection)
        parts.append(_part(view, i, mask, within))
    blocks = [block.mask(where, connection) for block in view.tail.blocks]
    tail = np.concatenate(blocks) if blocks else np.empty(0, dtype=np.bool_)
    parts.append(_part(view, -1, tail, None))
    return Selected(parts, sum(part.count for part in parts))


def _part(view: View, i: int, mask: MaskArray | None, within: Within | None) -> Part:
    """Part ``i``: the rows of ``mask`` (None: all) that live and are ``within``."""
    alive, every = view.alive[i], mask is None
    if mask is None:
        mask = alive
    elif alive is not None:
        mask = mask & alive
    first, stop = (0, len(view.parts[i])) if within is None else within.span
    if mask is None:
        return Part(None, stop - first, within)
    if within is None:
        return Part(mask, int(np.count_nonzero(mask)))
    if every:
        living = _living(view, i, within, mask)
        return Part(mask, int(living[stop] - living[first]), within)
    return Part(mask, int(np.count_nonzero(mask[within.places])), within)


def _living(view: View, i: int, within: Within, alive: MaskArray) -> RowArray:
    """(m + 1,) how many rows live before each place of the order."""
    found = view.living.get((i, within.path))
    if found is None:
        found = np.concatenate([[0], np.cumsum(alive[within.order.places])])
        view.living[i, within.path] = found
    return found


# -- ranges -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ranges:
    """A filter as the ranges on one field, a span a segment, and the rest of it."""

    within: list[Within]
    rest: Filter | None

    @property
    def rows(self) -> int:
        """How many rows of all segments are within, deleted ones among them."""
        return sum(within.span[1] - within.span[0] for within in self.within)


def _narrowest(
    view: View, where: Filter, connection: sqlite3.Connection, using: str | None
) -> _Ranges | None:
    """The ranges on the field with windows that leave the fewest rows; None: there is none."""
    conditions = where.children if isinstance(where, And) else (where,)
    wanted = _with_windows(view.settings, using)
    by_path: dict[str, list[Comparison]] = {}
    for leaf in conditions:
        if isinstance(leaf, Comparison) and leaf.field in wanted and is_range(leaf):
            by_path.setdefault(leaf.field, []).append(leaf)
    found = [
        _Ranges(
            [
                _within(path, segment.fields.order(path, connection), leaves)
                for segment in view.segments
            ],
            _joined(leaf for leaf in conditions if leaf not in leaves),
        )
        for path, leaves in by_path.items()
    ]
    return min(found, key=lambda ranges: ranges.rows, default=None)


def _with_windows(settings: Settings, using: str | None) -> Iterable[str]:
    return settings.windows if using is None else settings.windows_of(using)


def _within(path: str, order: Order, leaves: list[Comparison]) -> Within:
    spans = [order.span(leaf) for leaf in leaves]
    first = max(first for first, _ in spans)
    return Within(path, order, (first, max(first, min(stop for _, stop in spans))))


def _joined(filters: Iterable[Filter]) -> Filter | None:
    children = list(filters)
    return conjunction(children) if children else None
