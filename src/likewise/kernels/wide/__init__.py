"""Kernels of networks of infinite width, and the activations they are made of.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.kernels.wide.mixture import FiniteWidthRegressor
    from likewise.kernels.wide.multi_layer import MultiLayerFeatures
    from likewise.kernels.wide.singular_votes import SingularClassifier, SingularRegressor

__all__ = [
    "FiniteWidthRegressor",
    "MultiLayerFeatures",
    "SingularClassifier",
    "SingularRegressor",
]

_HOME_OF = {
    "FiniteWidthRegressor": "mixture",
    "MultiLayerFeatures": "multi_layer",
    "SingularClassifier": "singular_votes",
    "SingularRegressor": "singular_votes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.kernels.wide' has no attribute {name!r}")
    return getattr(import_module(f"likewise.kernels.wide.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
