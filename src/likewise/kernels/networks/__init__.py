"""Kernels of finite networks: of the gradients of any ``torch.nn.Module``, and of single layers.

Gradients need torch (extra ``torch``), estimators scikit-learn; both are loaded at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.kernels.networks.bundled import BundledClassifier, BundledRegressor
    from likewise.kernels.networks.empirical import EmpiricalNTK
    from likewise.kernels.networks.gradient_features import gradient_features
    from likewise.kernels.networks.labelled import LabelledNTK, LabelledRows
    from likewise.kernels.networks.projected import ProjectedNTK
    from likewise.kernels.networks.scalable import LayerFeatures, NetworkFeatures
    from likewise.kernels.networks.surrogate import Evidence, KernelSurrogate, faithfulness

__all__ = [
    "BundledClassifier",
    "BundledRegressor",
    "EmpiricalNTK",
    "Evidence",
    "KernelSurrogate",
    "LabelledNTK",
    "LabelledRows",
    "LayerFeatures",
    "NetworkFeatures",
    "ProjectedNTK",
    "faithfulness",
    "gradient_features",
]

_HOMES = {
    "bundled": ("BundledClassifier", "BundledRegressor"),
    "empirical": ("EmpiricalNTK",),
    "gradient_features": ("gradient_features",),
    "labelled": ("LabelledNTK", "LabelledRows"),
    "projected": ("ProjectedNTK",),
    "scalable": ("LayerFeatures", "NetworkFeatures"),
    "surrogate": ("Evidence", "KernelSurrogate", "faithfulness"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise.kernels.networks' has no attribute {name!r}")
    value = getattr(import_module(f"likewise.kernels.networks.{_HOME_OF[name]}"), name)
    # Kept, or a function would be hidden by the file of its name once that is imported.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
