"""Metadata fields as typed columns, and filters evaluated on them.

`Column` holds one field of all rows, of any mixture of kinds, in arrays that a file of
arrays can map; `evaluate` answers a filter on them as ``Filter.matches`` would, row by row.
`Order` is a column sorted, in which a range of values is a span of places.
"""

from __future__ import annotations

from likewise.store._column import Column
from likewise.store._masks import evaluate
from likewise.store._order import Order, Span, is_range

__all__ = ["Column", "Order", "Span", "evaluate", "is_range"]
