"""Which loops a graph runs: compiled ones, or plain ones for a metric that has none."""

from __future__ import annotations

from types import SimpleNamespace

from likewise.index import _compiled, _plain
from likewise.index._compiled.values import METRIC_NUMBERS
from likewise.metrics import Metric


def is_compiled(metric: Metric) -> bool:
    """Whether kernels know the metric."""
    return metric.name in METRIC_NUMBERS


def at_hand(metric: Metric) -> bool:
    """Whether the loops can run at once; plain ones always can."""
    return not is_compiled(metric) or _compiled.ready()


def loops(metric: Metric) -> SimpleNamespace:
    """The loops as attributes of one object; waits for kernels that are not loaded yet."""
    return _compiled.kernels() if is_compiled(metric) else _plain.functions(metric)
