"""The k most similar: one protocol, many indexes, and the planner that chooses.

`INDEXES` is the registry: an index joins by one line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from likewise._arrays import open_arrays
from likewise.errors import InvalidFile
from likewise.index.base import Index, IndexPlan
from likewise.index.exact import Exact
from likewise.index.graph import Graph
from likewise.index.planner import CostModel, Plan, choose
from likewise.index.recall import RecallCurve
from likewise.index.scanning import PreparedRows, Scan, prepare, scan

INDEXES: dict[str, type[Index]] = {"exact": Exact, "graph": Graph}


def load(path: str | Path, **options: Any) -> Index:
    """The index in ``path``, whichever kind it is; ``options`` as in `Index.load`.

    Raises:
        InvalidFile: the file names no index of the registry.
        DamagedFile: cut short or overwritten.

    Cost: as `Index.load`.

    Example:
        >>> Exact("euclidean").fit([[0, 0], [3, 4]]).save("two.index")
        >>> load("two.index")
        Exact(metric='euclidean', 2 rows)
    """
    kind = open_arrays(Path(path)).attributes.get("index")
    if kind not in INDEXES:
        raise InvalidFile(f"{path}: expected one of {', '.join(INDEXES)}; got {kind!r}")
    return INDEXES[kind].load(path, **options)


__all__ = [
    "INDEXES",
    "CostModel",
    "Exact",
    "Graph",
    "Index",
    "IndexPlan",
    "Plan",
    "PreparedRows",
    "RecallCurve",
    "Scan",
    "choose",
    "load",
    "prepare",
    "scan",
]
