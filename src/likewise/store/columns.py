"""Metadata fields as typed columns, and filters evaluated on them.

`Column` holds one field of all rows, of any mixture of kinds, in arrays that a file of
arrays can map; `evaluate` answers a filter on them as ``Filter.matches`` would, row by row.
"""

from __future__ import annotations

from likewise.store._column import Column
from likewise.store._masks import evaluate

__all__ = ["Column", "evaluate"]
