"""`Window` does what every index must, with a number for each row or without."""

from __future__ import annotations

from typing import Any, ClassVar

from likewise.index import CostModel, Window
from likewise.index._compiled.values import METRIC_NUMBERS
from likewise.testing.index import IndexConformance

#: A machine on which a window is walked through rather than scanned.
WALKS = CostModel(call=1e-4, streamed=1e-8, gathered=1e-8, value=1e-8, graph={16: 1e-6})


class TestWindow(IndexConformance):
    index = Window
    metrics = tuple(METRIC_NUMBERS)
    fixed: ClassVar[dict[str, Any]] = {"costs": CostModel()}


class TestWindowWalks(IndexConformance):
    index = Window
    metrics = tuple(METRIC_NUMBERS)
    fixed: ClassVar[dict[str, Any]] = {"costs": WALKS}
