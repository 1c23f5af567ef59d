"""Decisions from neighbours and kernels: labels, numbers, probabilities, outliers, wrong labels.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.learn.outliers.kth import NeighborOutliers, neighbor_distance
    from likewise.learn.outliers.lof import (
        LocalOutlierFactor,
        local_outlier_factor,
        reachability_density,
    )
    from likewise.learn.outliers.magnitude import (
        local_magnitude_growth,
        magnitude_growth,
        weighting_vector,
    )
    from likewise.learn.outliers.mahalanobis import MahalanobisOutliers
    from likewise.learn.outliers.p_values import ScoreStream, benjamini_hochberg, conformal_p_values
    from likewise.learn.outliers.sage import SageOutliers
    from likewise.learn.outliers.weights import MagnitudeOutliers


__all__ = [
    "LocalOutlierFactor",
    "MagnitudeOutliers",
    "MahalanobisOutliers",
    "NeighborOutliers",
    "SageOutliers",
    "ScoreStream",
    "benjamini_hochberg",
    "conformal_p_values",
    "local_magnitude_growth",
    "local_outlier_factor",
    "magnitude_growth",
    "neighbor_distance",
    "reachability_density",
    "weighting_vector",
]

# Where each name lives, under likewise.learn: a member joins by one line here.
_HOMES: dict[str, tuple[str, ...]] = {
    "outliers.kth": ("NeighborOutliers", "neighbor_distance"),
    "outliers.lof": ("LocalOutlierFactor", "local_outlier_factor", "reachability_density"),
    "outliers.magnitude": ("local_magnitude_growth", "magnitude_growth", "weighting_vector"),
    "outliers.mahalanobis": ("MahalanobisOutliers",),
    "outliers.p_values": ("ScoreStream", "benjamini_hochberg", "conformal_p_values"),
    "outliers.sage": ("SageOutliers",),
    "outliers.weights": ("MagnitudeOutliers",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.learn' has no attribute {name!r}")
    return getattr(import_module(f"likewise.learn.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
