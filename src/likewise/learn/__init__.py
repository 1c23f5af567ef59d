"""Decisions from neighbours and kernels: labels, numbers, probabilities, outliers, wrong labels.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


__all__ = [
    "AuditReport",
    "HealthFinding",
    "LabelIssues",
    "Rarity",
    "Separability",
    "ShapleyValues",
    "TargetIssues",
    "ambiguity",
    "audit",
    "audit_neighbours",
    "copy_radius",
    "disagreement",
    "duplicate_clusters",
    "knn_shapley",
    "label_issues",
    "label_probabilities",
    "linear_probabilities",
    "neighbour_shapley",
    "rarity",
    "self_confidence",
    "separability",
    "target_issues",
]

# Where each name lives, under likewise.learn: a member joins by one line here.
_HOMES: dict[str, tuple[str, ...]] = {
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
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.learn' has no attribute {name!r}")
    return getattr(import_module(f"likewise.learn.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
