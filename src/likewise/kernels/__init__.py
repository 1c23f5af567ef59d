"""k(x, y) as objects: kernels that compose, and the machines that use them.

`KERNELS` is the registry, a plain dict from name to class: a kernel joins by one line.
"""

from __future__ import annotations

from likewise.kernels._tiles import KernelPlan
from likewise.kernels.base import Kernel
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.composed import Constant, Product, Scaled, Sum
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.operator import KernelOperator
from likewise.kernels.parameters import Hyperparameter
from likewise.kernels.wide.activations import ACTIVATIONS, Activation, resolve_activation
from likewise.kernels.wide.conv import ConvNNGP, ConvNTK
from likewise.kernels.wide.depth_limit import DepthLimit, depth_limit
from likewise.kernels.wide.finite_width import FiniteWidth
from likewise.kernels.wide.fully_connected import NNGP, NTK
from likewise.kernels.wide.hermite import hermite_coefficients
from likewise.kernels.wide.hierarchical import HierarchicalNNGP, HierarchicalNTK
from likewise.kernels.wide.limits import LimitClass, limit_class, optimal_activation
from likewise.kernels.wide.singular_limit import SingularLimit, to_sphere

__all__ = [
    "ACTIVATIONS",
    "KERNELS",
    "NNGP",
    "NTK",
    "RBF",
    "Activation",
    "Constant",
    "ConvNNGP",
    "ConvNTK",
    "DepthLimit",
    "FeatureMap",
    "FiniteWidth",
    "HierarchicalNNGP",
    "HierarchicalNTK",
    "Hyperparameter",
    "Kernel",
    "KernelOperator",
    "KernelPlan",
    "LimitClass",
    "Product",
    "RandomFourier",
    "Scaled",
    "SingularLimit",
    "Sum",
    "depth_limit",
    "hermite_coefficients",
    "limit_class",
    "optimal_activation",
    "resolve_activation",
    "to_sphere",
]

#: Every kernel by its name, those made of other kernels aside.
KERNELS: dict[str, type[Kernel]] = {
    kernel.name: kernel
    for kernel in (
        RBF,
        NNGP,
        NTK,
        Constant,
        ConvNNGP,
        ConvNTK,
        HierarchicalNNGP,
        HierarchicalNTK,
        SingularLimit,
    )
}
