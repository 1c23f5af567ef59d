"""k(x, y) as objects: kernels that compose, and the machines that use them.

`KERNELS` is the registry, a plain dict from name to class: a kernel joins by one line.
"""

from __future__ import annotations

from likewise.kernels._tiles import KernelPlan
from likewise.kernels.base import Kernel
from likewise.kernels.classical.arc_cosine import ArcCosine
from likewise.kernels.classical.laplace import Laplace
from likewise.kernels.classical.matern import Matern
from likewise.kernels.classical.periodic import Periodic
from likewise.kernels.classical.products import Cosine, Linear, Polynomial
from likewise.kernels.classical.rational_quadratic import RationalQuadratic
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.composed import Constant, Product, Scaled, Sum
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.operator import KernelOperator
from likewise.kernels.parameters import Hyperparameter

__all__ = [
    "KERNELS",
    "RBF",
    "ArcCosine",
    "Constant",
    "Cosine",
    "FeatureMap",
    "Hyperparameter",
    "Kernel",
    "KernelOperator",
    "KernelPlan",
    "Laplace",
    "Linear",
    "Matern",
    "Periodic",
    "Polynomial",
    "Product",
    "RandomFourier",
    "RationalQuadratic",
    "Scaled",
    "Sum",
]

#: Every kernel by its name, those made of other kernels aside.
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
        Constant,
    )
}
