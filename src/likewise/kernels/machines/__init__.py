"""Machines on any kernel: ridge, Gaussian processes, and what is distilled from them.

The estimators need scikit-learn, which is loaded when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.kernels.machines._marginal import Learning
    from likewise.kernels.machines.data_distillation import (
        Distilled,
        distil_linear,
        distil_rows,
        solve_labels,
    )
    from likewise.kernels.machines.deep_kernel_machine import DeepKernelMachine
    from likewise.kernels.machines.gaussian_process import GaussianProcessRegressor
    from likewise.kernels.machines.gp_classifier import GaussianProcessClassifier
    from likewise.kernels.machines.grid_pde import GridPDESolver
    from likewise.kernels.machines.kernel_kmeans import KernelKMeans
    from likewise.kernels.machines.pde import PDESolver
    from likewise.kernels.machines.planning import METHODS, Candidate, MachinePlan
    from likewise.kernels.machines.positive_part import PositivePart
    from likewise.kernels.machines.ridge import KernelRidge, KernelRidgeClassifier
    from likewise.kernels.machines.scale_mixture import ScaleMixture
    from likewise.kernels.machines.self_distillation import (
        SelfDistilledRidge,
        distilled_filter,
        optimal_weight,
    )
    from likewise.kernels.machines.vector_field import VectorFieldRegressor

__all__ = [
    "METHODS",
    "Candidate",
    "DeepKernelMachine",
    "Distilled",
    "GaussianProcessClassifier",
    "GaussianProcessRegressor",
    "GridPDESolver",
    "KernelKMeans",
    "KernelRidge",
    "KernelRidgeClassifier",
    "Learning",
    "MachinePlan",
    "PDESolver",
    "PositivePart",
    "ScaleMixture",
    "SelfDistilledRidge",
    "VectorFieldRegressor",
    "distil_linear",
    "distil_rows",
    "distilled_filter",
    "optimal_weight",
    "solve_labels",
]

_HOMES = {
    "_marginal": ("Learning",),
    "deep_kernel_machine": ("DeepKernelMachine",),
    "gaussian_process": ("GaussianProcessRegressor",),
    "gp_classifier": ("GaussianProcessClassifier",),
    "grid_pde": ("GridPDESolver",),
    "kernel_kmeans": ("KernelKMeans",),
    "pde": ("PDESolver",),
    "planning": ("METHODS", "Candidate", "MachinePlan"),
    "positive_part": ("PositivePart",),
    "scale_mixture": ("ScaleMixture",),
    "self_distillation": ("SelfDistilledRidge", "distilled_filter", "optimal_weight"),
    "data_distillation": ("Distilled", "distil_linear", "distil_rows", "solve_labels"),
    "ridge": ("KernelRidge", "KernelRidgeClassifier"),
    "vector_field": ("VectorFieldRegressor",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.kernels.machines' has no attribute {name!r}")
    return getattr(import_module(f"likewise.kernels.machines.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
