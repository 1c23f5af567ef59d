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
    from likewise.learn.conformal_classifier import ConformalClassifier
    from likewise.learn.conformal_regressor import ConformalRegressor
    from likewise.learn.deep_label_codes import DeepCodes
    from likewise.learn.density import Density
    from likewise.learn.evidence import Answer, Evidence, Flip
    from likewise.learn.health.audit import audit, audit_neighbours
    from likewise.learn.health.duplicates import copy_radius, duplicate_clusters
    from likewise.learn.health.findings import AuditReport, HealthFinding
    from likewise.learn.health.label_quality import (
        LabelIssues,
        disagreement,
        label_issues,
        label_probabilities,
        self_confidence,
    )
    from likewise.learn.health.linear import linear_probabilities
    from likewise.learn.health.rarity import Rarity, ambiguity, rarity
    from likewise.learn.health.separability import Separability, separability
    from likewise.learn.health.shapley import ShapleyValues, knn_shapley, neighbour_shapley
    from likewise.learn.health.target_quality import TargetIssues, target_issues
    from likewise.learn.interpolated import InterpolatedNeighbors
    from likewise.learn.label_code_neighbors import LabelCodeNeighbors
    from likewise.learn.label_codes import LinearCodes, decoded_votes
    from likewise.learn.label_metric import (
        frechet_labels,
        mean_squares,
        metric_temperature,
        tree_distances,
    )
    from likewise.learn.label_metric_classifier import LabelMetricClassifier
    from likewise.learn.label_votes import best_threshold, vote_weights
    from likewise.learn.m_split import MSplitNeighbors, MSplitNeighborsRegressor
    from likewise.learn.means.discriminant import LinearDiscriminant, QuadraticDiscriminant
    from likewise.learn.means.naive_bayes import GaussianNaiveBayes
    from likewise.learn.means.nearest_mean import NearestMean
    from likewise.learn.means.ranpac import RanPAC
    from likewise.learn.neighbor_graph import NeighborGraph
    from likewise.learn.neighbors_classifier import NeighborsClassifier
    from likewise.learn.neighbors_propensity import NeighborsPropensityClassifier
    from likewise.learn.neighbors_regressor import NeighborsRegressor
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
    from likewise.learn.prior_matcher import PriorMatcher
    from likewise.learn.prior_matching import estimate_prior, match_prior, matching_weights
    from likewise.learn.propensity import propensity_em, propensity_risk, propensity_weights
    from likewise.learn.propensity_classifier import PropensityClassifier


__all__ = [
    "ActiveLearner",
    "Answer",
    "AuditReport",
    "CalibratedClassifier",
    "ConformalClassifier",
    "ConformalRegressor",
    "DeepCodes",
    "Density",
    "Evidence",
    "Flip",
    "GaussianNaiveBayes",
    "HealthFinding",
    "InterpolatedNeighbors",
    "Isotonic",
    "LabelCodeNeighbors",
    "LabelIssues",
    "LabelMetricClassifier",
    "LabellingCurves",
    "LinearCodes",
    "LinearDiscriminant",
    "LocalOutlierFactor",
    "MSplitNeighbors",
    "MSplitNeighborsRegressor",
    "MagnitudeOutliers",
    "MahalanobisOutliers",
    "NearestMean",
    "NeighborGraph",
    "NeighborOutliers",
    "NeighborsClassifier",
    "NeighborsPropensityClassifier",
    "NeighborsRegressor",
    "PriorMatcher",
    "PropensityClassifier",
    "QuadraticDiscriminant",
    "RanPAC",
    "Rarity",
    "ReliabilityCurve",
    "SageOutliers",
    "ScoreStream",
    "Separability",
    "ShapleyValues",
    "TargetIssues",
    "Temperature",
    "abstention_level",
    "ambiguity",
    "audit",
    "audit_neighbours",
    "benjamini_hochberg",
    "best_threshold",
    "conformal_p_values",
    "copy_radius",
    "decoded_votes",
    "disagreement",
    "duplicate_clusters",
    "estimate_prior",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_temperature",
    "frechet_labels",
    "knn_shapley",
    "label_issues",
    "label_probabilities",
    "linear_probabilities",
    "local_magnitude_growth",
    "local_outlier_factor",
    "log_loss",
    "magnitude_growth",
    "match_prior",
    "matching_weights",
    "mean_squares",
    "metric_temperature",
    "neighbor_distance",
    "neighbour_shapley",
    "propensity_em",
    "propensity_risk",
    "propensity_weights",
    "rarity",
    "reachability_density",
    "reliability_curve",
    "self_confidence",
    "separability",
    "simulate_labelling",
    "suggest",
    "target_issues",
    "tree_distances",
    "vote_weights",
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
    "conformal_classifier": ("ConformalClassifier",),
    "conformal_regressor": ("ConformalRegressor",),
    "deep_label_codes": ("DeepCodes",),
    "density": ("Density",),
    "evidence": ("Answer", "Evidence", "Flip"),
    "health.audit": ("audit", "audit_neighbours"),
    "health.duplicates": ("copy_radius", "duplicate_clusters"),
    "health.findings": ("AuditReport", "HealthFinding"),
    "health.label_quality": (
        "LabelIssues",
        "disagreement",
        "label_issues",
        "label_probabilities",
        "self_confidence",
    ),
    "health.linear": ("linear_probabilities",),
    "health.rarity": ("Rarity", "ambiguity", "rarity"),
    "health.separability": ("Separability", "separability"),
    "health.shapley": ("ShapleyValues", "knn_shapley", "neighbour_shapley"),
    "health.target_quality": ("TargetIssues", "target_issues"),
    "interpolated": ("InterpolatedNeighbors",),
    "label_code_neighbors": ("LabelCodeNeighbors",),
    "label_codes": ("LinearCodes", "decoded_votes"),
    "label_metric": ("frechet_labels", "mean_squares", "metric_temperature", "tree_distances"),
    "label_metric_classifier": ("LabelMetricClassifier",),
    "label_votes": ("best_threshold", "vote_weights"),
    "m_split": ("MSplitNeighbors", "MSplitNeighborsRegressor"),
    "means.discriminant": ("LinearDiscriminant", "QuadraticDiscriminant"),
    "means.naive_bayes": ("GaussianNaiveBayes",),
    "means.nearest_mean": ("NearestMean",),
    "means.ranpac": ("RanPAC",),
    "neighbor_graph": ("NeighborGraph",),
    "neighbors_classifier": ("NeighborsClassifier",),
    "neighbors_propensity": ("NeighborsPropensityClassifier",),
    "neighbors_regressor": ("NeighborsRegressor",),
    "outliers.kth": ("NeighborOutliers", "neighbor_distance"),
    "outliers.lof": ("LocalOutlierFactor", "local_outlier_factor", "reachability_density"),
    "outliers.magnitude": ("local_magnitude_growth", "magnitude_growth", "weighting_vector"),
    "outliers.mahalanobis": ("MahalanobisOutliers",),
    "outliers.p_values": ("ScoreStream", "benjamini_hochberg", "conformal_p_values"),
    "outliers.sage": ("SageOutliers",),
    "outliers.weights": ("MagnitudeOutliers",),
    "prior_matcher": ("PriorMatcher",),
    "prior_matching": ("estimate_prior", "match_prior", "matching_weights"),
    "propensity": ("propensity_em", "propensity_risk", "propensity_weights"),
    "propensity_classifier": ("PropensityClassifier",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.learn' has no attribute {name!r}")
    return getattr(import_module(f"likewise.learn.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
