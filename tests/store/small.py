"""Small limits, so that a few dozen rows are sealed, merged and given graphs."""

from __future__ import annotations

import pytest

from likewise.index import (
    CostModel,
    FixedDimensional,
    _part_links,
    _windows,
    graph,
    multivector,
    window,
)
from likewise.store import sealing, view
from likewise.store.fields import bag

TAIL_ROWS, GRAPH_ROWS = 40, 64

#: A machine on which scanning is dear and graphs are cheap, so that the graph is chosen.
GRAPH_FIRST = CostModel(call=1e-6, streamed=1e-3, gathered=1e-3, value=1e-3, graph={16: 1e-6})


def shrink(patch: pytest.MonkeyPatch) -> None:
    """Lower every limit at which the cache does something."""
    patch.setattr(sealing, "TAIL_ROWS", TAIL_ROWS)
    patch.setattr(sealing, "GRAPH_ROWS", GRAPH_ROWS)
    patch.setattr(sealing, "CLOSE_ROWS", 2 * GRAPH_ROWS)
    patch.setattr(sealing, "QUIET_SECONDS", 0.001)
    patch.setattr(sealing, "PATIENCE_SECONDS", 0.01)
    patch.setattr(graph, "SMALLEST_GRAPH", GRAPH_ROWS)
    patch.setattr(window, "SMALLEST", GRAPH_ROWS)
    patch.setattr(_windows, "NARROWEST", 8)
    patch.setattr(_part_links, "SMALLEST_PART", GRAPH_ROWS // 4)
    patch.setattr(view, "TAIL_BLOCK", 16)


def shrink_bags(patch: pytest.MonkeyPatch) -> None:
    """Let a few dozen sealed bags be proposed, by encodings of few numbers."""
    patch.setattr(multivector, "SMALLEST", 32)
    patch.setattr(bag, "ENCODING", FixedDimensional(repetitions=6, k_sim=3, d_proj=None))
