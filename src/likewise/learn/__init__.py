"""Decisions from neighbours and kernels: labels, numbers, probabilities, outliers, wrong labels.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.learn.deep_label_codes import DeepCodes
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
    from likewise.learn.neighbors_propensity import NeighborsPropensityClassifier
    from likewise.learn.prior_matcher import PriorMatcher
    from likewise.learn.prior_matching import estimate_prior, match_prior, matching_weights
    from likewise.learn.propensity import propensity_em, propensity_risk, propensity_weights
    from likewise.learn.propensity_classifier import PropensityClassifier


__all__ = [
    "DeepCodes",
    "LabelCodeNeighbors",
    "LabelMetricClassifier",
    "LinearCodes",
    "NeighborsPropensityClassifier",
    "PriorMatcher",
    "PropensityClassifier",
    "best_threshold",
    "decoded_votes",
    "estimate_prior",
    "frechet_labels",
    "match_prior",
    "matching_weights",
    "mean_squares",
    "metric_temperature",
    "propensity_em",
    "propensity_risk",
    "propensity_weights",
    "tree_distances",
    "vote_weights",
]

# Where each name lives, under likewise.learn: a member joins by one line here.
_HOMES: dict[str, tuple[str, ...]] = {
    "deep_label_codes": ("DeepCodes",),
    "label_code_neighbors": ("LabelCodeNeighbors",),
    "label_codes": ("LinearCodes", "decoded_votes"),
    "label_metric": ("frechet_labels", "mean_squares", "metric_temperature", "tree_distances"),
    "label_metric_classifier": ("LabelMetricClassifier",),
    "label_votes": ("best_threshold", "vote_weights"),
    "neighbors_propensity": ("NeighborsPropensityClassifier",),
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
