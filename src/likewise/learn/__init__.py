"""Decisions from neighbours and kernels: labels, numbers, probabilities, outliers, wrong labels.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.learn.density import Density
    from likewise.learn.evidence import Answer, Evidence, Flip
    from likewise.learn.neighbors_classifier import NeighborsClassifier
    from likewise.learn.neighbors_regressor import NeighborsRegressor


__all__ = [
    "Answer",
    "Density",
    "Evidence",
    "Flip",
    "NeighborsClassifier",
    "NeighborsRegressor",
]

# Where each name lives, under likewise.learn: a member joins by one line here.
_HOMES: dict[str, tuple[str, ...]] = {
    "density": ("Density",),
    "evidence": ("Answer", "Evidence", "Flip"),
    "neighbors_classifier": ("NeighborsClassifier",),
    "neighbors_regressor": ("NeighborsRegressor",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.learn' has no attribute {name!r}")
    return getattr(import_module(f"likewise.learn.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
