"""k(x, y) as objects: kernels that compose, and the machines that use them.

`KERNELS` is the registry, a plain dict from name to class: a kernel joins by one line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from likewise.kernels import machines
from likewise.kernels._tiles import KernelPlan
from likewise.kernels.base import Kernel
from likewise.kernels.classical.arc_cosine import ArcCosine
from likewise.kernels.classical.laplace import Laplace
from likewise.kernels.classical.matern import Matern
from likewise.kernels.classical.periodic import Periodic
from likewise.kernels.classical.products import Cosine, Linear, Polynomial
from likewise.kernels.classical.rational_quadratic import RationalQuadratic
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.classical.spectral_mixture import SpectralMixture
from likewise.kernels.composed import Constant, Product, Scaled, Sum
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.networks.empirical import EmpiricalNTK
from likewise.kernels.networks.labelled import LabelledNTK, LabelledRows
from likewise.kernels.networks.projected import ProjectedNTK
from likewise.kernels.operator import KernelOperator
from likewise.kernels.parameters import Hyperparameter
from likewise.kernels.things.bags import SlicedWasserstein
from likewise.kernels.things.distance_correlation import (
    DependenceTest,
    distance_correlation,
    distance_correlation_test,
    distance_covariance,
    partial_distance_correlation,
    unbiased_distance_correlation,
    unbiased_distance_covariance,
)
from likewise.kernels.things.gaussian_distances import gaussian_distances
from likewise.kernels.things.gaussians import ProbabilityProduct, WassersteinRBF
from likewise.kernels.things.graphs import GraphProximity, largest_component, proximity_grid
from likewise.kernels.things.quantum import QuantumFidelity
from likewise.kernels.things.sets import Intersection, Jaccard, Tanimoto
from likewise.kernels.things.strings import Spectrum
from likewise.kernels.wide.activations import ACTIVATIONS, Activation, resolve_activation
from likewise.kernels.wide.conv import ConvNNGP, ConvNTK
from likewise.kernels.wide.depth_limit import DepthLimit, depth_limit
from likewise.kernels.wide.finite_width import FiniteWidth
from likewise.kernels.wide.fully_connected import NNGP, NTK
from likewise.kernels.wide.hermite import hermite_coefficients
from likewise.kernels.wide.hierarchical import HierarchicalNNGP, HierarchicalNTK
from likewise.kernels.wide.limits import LimitClass, limit_class, optimal_activation
from likewise.kernels.wide.singular_limit import SingularLimit, to_sphere

if TYPE_CHECKING:
    from likewise.kernels.for_sklearn import SklearnKernel
    from likewise.kernels.things.distance_selector import DistanceCorrelationSelector

__all__ = [
    "ACTIVATIONS",
    "KERNELS",
    "NNGP",
    "NTK",
    "RBF",
    "Activation",
    "ArcCosine",
    "Constant",
    "ConvNNGP",
    "ConvNTK",
    "Cosine",
    "DependenceTest",
    "DepthLimit",
    "DistanceCorrelationSelector",
    "EmpiricalNTK",
    "FeatureMap",
    "FiniteWidth",
    "GraphProximity",
    "HierarchicalNNGP",
    "HierarchicalNTK",
    "Hyperparameter",
    "Intersection",
    "Jaccard",
    "Kernel",
    "KernelOperator",
    "KernelPlan",
    "LabelledNTK",
    "LabelledRows",
    "Laplace",
    "LimitClass",
    "Linear",
    "Matern",
    "Periodic",
    "Polynomial",
    "ProbabilityProduct",
    "Product",
    "ProjectedNTK",
    "QuantumFidelity",
    "RandomFourier",
    "RationalQuadratic",
    "Scaled",
    "SingularLimit",
    "SklearnKernel",
    "SlicedWasserstein",
    "SpectralMixture",
    "Spectrum",
    "Sum",
    "Tanimoto",
    "WassersteinRBF",
    "depth_limit",
    "distance_correlation",
    "distance_correlation_test",
    "distance_covariance",
    "gaussian_distances",
    "hermite_coefficients",
    "largest_component",
    "limit_class",
    "machines",
    "optimal_activation",
    "partial_distance_correlation",
    "proximity_grid",
    "resolve_activation",
    "to_sphere",
    "unbiased_distance_correlation",
    "unbiased_distance_covariance",
]

#: Every kernel by its name, but for those made of another kernel, a graph or a network.
KERNELS: dict[str, type[Kernel]] = {
    kernel.name: kernel
    for kernel in (
        RBF,
        Laplace,
        Matern,
        RationalQuadratic,
        Periodic,
        Linear,
        Polynomial,
        Cosine,
        ArcCosine,
        NNGP,
        NTK,
        Constant,
        WassersteinRBF,
        ProbabilityProduct,
        SlicedWasserstein,
        Jaccard,
        Intersection,
        Tanimoto,
        Spectrum,
        QuantumFidelity,
        ConvNNGP,
        ConvNTK,
        HierarchicalNNGP,
        HierarchicalNTK,
        SingularLimit,
        SpectralMixture,
    )
}

# What needs scikit-learn, which is loaded when one of these is first asked for.
_HOME_OF = {
    "DistanceCorrelationSelector": "things.distance_selector",
    "SklearnKernel": "for_sklearn",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.kernels' has no attribute {name!r}")
    return getattr(import_module(f"likewise.kernels.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
