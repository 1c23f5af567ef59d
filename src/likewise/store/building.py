"""The indexes of a segment that is being written: a graph or windows, or a scan for few rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index import CostModel, Graph, Index, Window
from likewise.index.exact import Exact
from likewise.store.columns import Order
from likewise.vectors import Float32Array

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Built:
    """The index of a vector field and, by metadata path, its windows.

    The first window is the index too: it searches without a window as a graph does.
    """

    index: Index
    windows: Mapping[str, Window] = field(default_factory=dict)


def build_scan(vectors: Float32Array, metric: str) -> Built:
    """No graph: the rows are few, or there are no kernels."""
    return Built(Exact(metric).fit(vectors))


def build_graph(
    vectors: Float32Array,
    metric: str,
    orders: Mapping[str, Order],
    *,
    random_state: int,
    costs: CostModel | None,
    keys: npt.NDArray[np.int64],
    asked: Float32Array,
    progress: Progress | None,
) -> Built:
    """A window for each of ``orders``, else a graph.

    Args:
        vectors, metric: what is searched, and how.
        orders: metadata path to the order of the rows by it.
        random_state, costs: as in `Graph`.
        keys: (n,) a hash of each row's id.
        asked: queries of users, to measure recall with.
        progress: as in `Graph.fit`, for each index anew.
    """
    # All cores: the graph is the same, and searches of other threads get their turn.
    options: dict[str, Any] = {"random_state": random_state, "costs": costs, "n_jobs": -1}
    queries = asked if len(asked) else None
    data: dict[str, Any] = {"sample_keys": keys, "queries": queries, "progress": progress}
    # By its place a row has a number of its own, whatever kind of value it has.
    windows = {
        path: Window(metric, **options).fit(vectors, attribute=order.attribute(), **data)
        for path, order in orders.items()
    }
    for first in windows.values():
        return Built(first, windows)
    return Built(Graph(metric, **options).fit(vectors, **data))
