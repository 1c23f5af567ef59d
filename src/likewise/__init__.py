"""Likewise: search that learns. Find what is alike, and decide likewise.

The names below are loaded at first use, so that importing the package costs next to nothing.

Example:
    >>> import likewise as lw
    >>> lw.metrics.resolve("l2").name
    'euclidean'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise import encode, errors, explain, index, kernels, learn, metrics
    from likewise.errors import CacheWarning, LikewiseError
    from likewise.filters import F, Filter
    from likewise.results import Branch, Hit, Neighbours, Results, SearchInfo
    from likewise.store import (
        BagField,
        Collection,
        EvaluationReport,
        GaussianField,
        Run,
        SparseField,
        VectorField,
        create,
        evaluate,
        open,
        read_qrels,
        read_run,
        restore,
    )

__version__ = "0.1.0"

__all__ = [
    "BagField",
    "Branch",
    "CacheWarning",
    "Collection",
    "EvaluationReport",
    "F",
    "Filter",
    "GaussianField",
    "Hit",
    "LikewiseError",
    "Neighbours",
    "Results",
    "Run",
    "SearchInfo",
    "SparseField",
    "VectorField",
    "__version__",
    "create",
    "encode",
    "errors",
    "evaluate",
    "explain",
    "index",
    "kernels",
    "learn",
    "metrics",
    "open",
    "read_qrels",
    "read_run",
    "restore",
]

# Where each name lives; a room is its own name.
_HOMES = {
    "errors": ("CacheWarning", "LikewiseError"),
    "filters": ("F", "Filter"),
    "results": ("Branch", "Hit", "Neighbours", "Results", "SearchInfo"),
    "store": (
        "BagField",
        "Collection",
        "EvaluationReport",
        "GaussianField",
        "Run",
        "SparseField",
        "VectorField",
        "create",
        "evaluate",
        "open",
        "read_qrels",
        "read_run",
        "restore",
    ),
}
_ROOMS = ("encode", "errors", "explain", "index", "kernels", "learn", "metrics")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"likewise.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise' has no attribute {name!r}")
    value = getattr(import_module(f"likewise.{_HOME_OF[name]}"), name)
    globals()[name] = value  # the next use finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
