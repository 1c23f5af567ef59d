"""Decisions from neighbours and kernels: labels, numbers, probabilities, outliers, wrong labels.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.learn.abstention import abstention_level
    from likewise.learn.calibrated import CalibratedClassifier
    from likewise.learn.calibration import (
        ReliabilityCurve,
        expected_calibration_error,
        log_loss,
        reliability_curve,
    )
    from likewise.learn.calibrators import Isotonic, Temperature, fit_isotonic, fit_temperature
    from likewise.learn.conformal_classifier import ConformalClassifier
    from likewise.learn.conformal_regressor import ConformalRegressor
    from likewise.learn.interpolated import InterpolatedNeighbors
    from likewise.learn.m_split import MSplitNeighborsClassifier, MSplitNeighborsRegressor


__all__ = [
    "CalibratedClassifier",
    "ConformalClassifier",
    "ConformalRegressor",
    "InterpolatedNeighbors",
    "Isotonic",
    "MSplitNeighborsClassifier",
    "MSplitNeighborsRegressor",
    "ReliabilityCurve",
    "Temperature",
    "abstention_level",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_temperature",
    "log_loss",
    "reliability_curve",
]

# Where each name lives, under likewise.learn: a member joins by one line here.
_HOMES: dict[str, tuple[str, ...]] = {
    "abstention": ("abstention_level",),
    "calibrated": ("CalibratedClassifier",),
    "calibration": (
        "ReliabilityCurve",
        "expected_calibration_error",
        "log_loss",
        "reliability_curve",
    ),
    "calibrators": ("Isotonic", "Temperature", "fit_isotonic", "fit_temperature"),
    "conformal_classifier": ("ConformalClassifier",),
    "conformal_regressor": ("ConformalRegressor",),
    "interpolated": ("InterpolatedNeighbors",),
    "m_split": ("MSplitNeighborsClassifier", "MSplitNeighborsRegressor"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.learn' has no attribute {name!r}")
    return getattr(import_module(f"likewise.learn.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
