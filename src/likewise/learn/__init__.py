"""Decisions from neighbours and kernels: labels, numbers, probabilities, outliers, wrong labels.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.learn.abstention import abstention_level
    from likewise.learn.active.learner import ActiveLearner
    from likewise.learn.active.simulation import LabellingCurves, simulate_labelling
    from likewise.learn.active.suggesting import suggest
    from likewise.learn.calibrated import CalibratedClassifier
    from likewise.learn.calibration import (
        ReliabilityCurve,
        expected_calibration_error,
        log_loss,
        reliability_curve,
    )
    from likewise.learn.calibrators import Isotonic, Temperature, fit_isotonic, fit_temperature
    from likewise.learn.evidence import Answer, Evidence, Flip
    from likewise.learn.m_split import MSplitNeighborsClassifier, MSplitNeighborsRegressor
    from likewise.learn.neighbor_graph import NeighborGraph
    from likewise.learn.neighbors import NeighborsClassifier, NeighborsRegressor
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
    from likewise.learn.outliers.weights import MagnitudeOutliers


__all__ = [
    "ActiveLearner",
    "Answer",
    "CalibratedClassifier",
    "Evidence",
    "Flip",
    "Isotonic",
    "LabellingCurves",
    "LocalOutlierFactor",
    "MSplitNeighborsClassifier",
    "MSplitNeighborsRegressor",
    "MagnitudeOutliers",
    "MahalanobisOutliers",
    "NeighborGraph",
    "NeighborOutliers",
    "NeighborsClassifier",
    "NeighborsRegressor",
    "ReliabilityCurve",
    "ScoreStream",
    "Temperature",
    "abstention_level",
    "benjamini_hochberg",
    "conformal_p_values",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_temperature",
    "local_magnitude_growth",
    "local_outlier_factor",
    "log_loss",
    "magnitude_growth",
    "neighbor_distance",
    "reachability_density",
    "reliability_curve",
    "simulate_labelling",
    "suggest",
    "weighting_vector",
]

# Where each name lives, under likewise.learn: a member joins by one line here.
_HOMES: dict[str, tuple[str, ...]] = {
    "abstention": ("abstention_level",),
    "active.learner": ("ActiveLearner",),
    "active.simulation": ("LabellingCurves", "simulate_labelling"),
    "active.suggesting": ("suggest",),
    "calibrated": ("CalibratedClassifier",),
    "calibration": (
        "ReliabilityCurve",
        "expected_calibration_error",
        "log_loss",
        "reliability_curve",
    ),
    "calibrators": ("Isotonic", "Temperature", "fit_isotonic", "fit_temperature"),
    "evidence": ("Answer", "Evidence", "Flip"),
    "m_split": ("MSplitNeighborsClassifier", "MSplitNeighborsRegressor"),
    "neighbor_graph": ("NeighborGraph",),
    "neighbors": ("NeighborsClassifier", "NeighborsRegressor"),
    "outliers.kth": ("NeighborOutliers", "neighbor_distance"),
    "outliers.lof": ("LocalOutlierFactor", "local_outlier_factor", "reachability_density"),
    "outliers.magnitude": ("local_magnitude_growth", "magnitude_growth", "weighting_vector"),
    "outliers.mahalanobis": ("MahalanobisOutliers",),
    "outliers.p_values": ("ScoreStream", "benjamini_hochberg", "conformal_p_values"),
    "outliers.weights": ("MagnitudeOutliers",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.learn' has no attribute {name!r}")
    return getattr(import_module(f"likewise.learn.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
