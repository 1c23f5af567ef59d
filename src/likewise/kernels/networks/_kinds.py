"""`KindKernel`: a kernel of gradients whose outputs are weighted by ``kind``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.kernels.networks._gradient_kernel import GradientKernel
from likewise.kernels.networks._network import Network

if TYPE_CHECKING:
    import torch

KINDS = ("trace", "sum")
ELSEWHERE = {
    "full": "the kernel of all outputs is EmpiricalNTK(module).full(X)",
    "projected": "projected gradients are ProjectedNTK(module)",
}


class KindKernel(GradientKernel):
    """Heads are all outputs, their sum over sqrt(O), or one combination."""

    kind: str | npt.ArrayLike

    def _check_parameters(self) -> None:
        check_kind(self.kind)
        super()._check_parameters()

    def _count_heads(self, outputs: int) -> int:
        return outputs if isinstance(self.kind, str) and self.kind == "trace" else 1

    def _heads(self, network: Network, rows: Any) -> torch.Tensor:
        outputs = network.count_outputs(self._numbers(rows))
        return network.weights(heads_of(self.kind, outputs))


def heads_of(kind: str | npt.ArrayLike, outputs: int) -> npt.NDArray[np.float64]:
    """(R, O) weights of outputs."""
    if isinstance(kind, str):
        if kind == "trace":
            return np.eye(outputs)
        return np.full((1, outputs), 1 / np.sqrt(outputs))
    weights = np.asarray(kind, dtype=np.float64)
    if len(weights) != outputs:
        raise DimensionMismatch(
            f"kind has {len(weights)} weights, the module {outputs} outputs for each row"
        )
    return weights[None]


def check_kind(kind: Any) -> None:
    """Refuse what is neither a name nor weights of outputs."""
    if isinstance(kind, str):
        if kind not in KINDS:
            hint = f"; {ELSEWHERE[kind]}" if kind in ELSEWHERE else ""
            raise InvalidArgument(
                f"kind must be one of {', '.join(KINDS)}, or an array of weights of the outputs; "
                f"got {kind!r}{hint}"
            )
        return
    try:
        weights = np.asarray(kind, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"kind must be a name or an array of numbers; got {kind!r:.60}") from None
    if weights.ndim != 1 or not np.isfinite(weights).all() or not weights.any():
        raise InvalidArgument(
            "kind as weights of the outputs must be a 1-d array of finite numbers, not all 0; "
            f"got {kind!r:.60}"
        )
