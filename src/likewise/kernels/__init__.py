"""k(x, y) as objects: kernels that compose, and the machines that use them.

`KERNELS` is the registry, a plain dict from name to class: a kernel joins by one line.
"""

from __future__ import annotations

from likewise.kernels._tiles import KernelPlan
from likewise.kernels.base import Kernel
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.composed import Constant, Product, Scaled, Sum
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.networks.empirical import EmpiricalNTK
from likewise.kernels.networks.labelled import LabelledNTK, LabelledRows
from likewise.kernels.networks.projected import ProjectedNTK
from likewise.kernels.operator import KernelOperator
from likewise.kernels.parameters import Hyperparameter

__all__ = [
    "KERNELS",
    "RBF",
    "Constant",
    "EmpiricalNTK",
    "FeatureMap",
    "Hyperparameter",
    "Kernel",
    "KernelOperator",
    "KernelPlan",
    "LabelledNTK",
    "LabelledRows",
    "Product",
    "ProjectedNTK",
    "RandomFourier",
    "Scaled",
    "Sum",
]

#: Every kernel by its name, those made of other kernels aside.
KERNELS: dict[str, type[Kernel]] = {
    kernel.name: kernel
    for kernel in (
        RBF,
        Constant,
        EmpiricalNTK,
        ProjectedNTK,
        LabelledNTK,
    )
}
