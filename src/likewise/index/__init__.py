"""The k most similar: one protocol, many indexes, and the planner that chooses.

`INDEXES` is the registry: an index joins by one line. Those of `SPARSE_INDEXES` hold rows of
weighted terms, which have no dimensions and no metric.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from likewise._arrays import open_arrays
from likewise.errors import InvalidFile
from likewise.index._compiled import WarmReport
from likewise.index._statistics import Statistics
from likewise.index._warm import warm
from likewise.index.base import FILE_FORMAT, Index, IndexPlan
from likewise.index.choosing import Recommendation, recommend
from likewise.index.exact import Exact
from likewise.index.gaussian import Gaussian
from likewise.index.graph import Graph
from likewise.index.hashing import Hash
from likewise.index.inverted import Inverted
from likewise.index.multivector import MultiVector
from likewise.index.muvera import FixedDimensional
from likewise.index.planner import CostModel, Plan, choose
from likewise.index.prefix import Prefix
from likewise.index.recall import RecallCurve
from likewise.index.rotation import Rotation
from likewise.index.scanning import PreparedRows, Scan, prepare, scan
from likewise.index.sparse import SPARSE_FORMAT, Sparse
from likewise.index.sweep import Measured, Sweep, sweep
from likewise.index.tree import Tree
from likewise.index.window import Window

INDEXES: dict[str, type[Index]] = {
    index.name: index for index in (Exact, Graph, Inverted, Hash, Tree, Window, Prefix, Gaussian)
}
SPARSE_INDEXES: dict[str, type[Sparse]] = {Sparse.name: Sparse}


def load(path: str | Path, **options: Any) -> Index | Sparse:
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
    if kind in SPARSE_INDEXES:
        return SPARSE_INDEXES[kind].load(path, **options)
    if kind == MultiVector.name:
        raise InvalidFile(f"{path}: it holds bags of vectors; load it with MultiVector.load")
    if kind not in INDEXES:
        known = ", ".join([*INDEXES, *SPARSE_INDEXES])
        raise InvalidFile(f"{path}: expected one of {known}; got {kind!r}")
    return INDEXES[kind].load(path, **options)


def is_current(path: str | Path) -> bool:
    """Whether the index in ``path`` is of a kind and format that `load` takes.

    A file of another version of Likewise is not: build the index again from its rows.

    Raises:
        DamagedFile: cut short or overwritten.

    Cost: the header is read.

    Example:
        >>> Exact("euclidean").fit([[0, 0], [3, 4]]).save("two.index")
        >>> is_current("two.index")
        True
    """
    header = open_arrays(Path(path)).attributes
    if header.get("index") in SPARSE_INDEXES:
        return bool(header.get("format") == SPARSE_FORMAT)
    return header.get("index") in INDEXES and header.get("format") == FILE_FORMAT


__all__ = [
    "INDEXES",
    "SPARSE_INDEXES",
    "CostModel",
    "Exact",
    "FixedDimensional",
    "Gaussian",
    "Graph",
    "Hash",
    "Index",
    "IndexPlan",
    "Inverted",
    "Measured",
    "MultiVector",
    "Plan",
    "Prefix",
    "PreparedRows",
    "RecallCurve",
    "Recommendation",
    "Rotation",
    "Scan",
    "Sparse",
    "Statistics",
    "Sweep",
    "Tree",
    "WarmReport",
    "Window",
    "choose",
    "is_current",
    "load",
    "prepare",
    "recommend",
    "scan",
    "sweep",
    "warm",
]
