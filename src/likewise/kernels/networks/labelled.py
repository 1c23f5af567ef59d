"""`LabelledNTK`: how much a step on one labelled row helps or hurts another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.kernels._rows import FloatArray
from likewise.kernels.networks._gradient_kernel import GradientKernel, as_module_rows
from likewise.kernels.networks._network import Network

if TYPE_CHECKING:
    import torch

RESIDUALS = ("sign", "loss")


class LabelledRows:
    """n rows of a module with a label each: what `LabelledNTK` is called on.

    Args:
        X: rows of any shape, as for `EmpiricalNTK`.
        y: (n,) labels: the number of the output that a row belongs to, from 0.

    Raises:
        InvalidType: labels that are no integers. DimensionMismatch: not one a row.
        InvalidArgument: a label below 0. And what rows are refused for.

    Example:
        >>> rows = LabelledRows([[0.5], [1.5], [2.5]], [0, 1, 1])
        >>> len(rows), rows[1:].y.tolist()
        (3, [1, 1])
    """

    def __init__(self, X: Any, y: Any) -> None:
        self.X = as_module_rows(X, "X")
        labels = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
        if labels.shape != (len(self.X),):
            raise DimensionMismatch(
                f"y: expected a label for each of {len(self.X)} rows; got shape {labels.shape}"
            )
        if labels.dtype.kind not in "iu" and len(labels):
            raise InvalidType(f"y: expected integers; got values of type {labels.dtype}")
        self.y: npt.NDArray[np.int64] = labels.astype(np.int64)
        if len(labels) and self.y.min() < 0:
            raise InvalidArgument(f"y: labels count outputs from 0; got {self.y.min()}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the rows."""
        return self.X.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of a number of the rows."""
        return self.X.itemsize

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the rows."""
        return self.X.shape

    @property
    def ndim(self) -> int:
        """That of the rows."""
        return self.X.ndim

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, places: Any) -> LabelledRows:
        if isinstance(places, (int, np.integer)):
            if not -len(self) <= places < len(self):
                raise IndexError(places)  # so that a loop over the rows ends
            places = [places]
        return LabelledRows(self.X[places], self.y[places])


class LabelledNTK(GradientKernel):
    """``k((x, y), (x', y')) = v(x, y).v(x', y')``, v a gradient that knows the label.

    - ``residual="sign"``: ``v = (1/sqrt(O)) sum_c s_c grad f_c(x)``, s_c = 1 for c = y and -1 for
      the others: the labelled pseudo-NTK of Guo and others.
    - ``residual="loss"``: ``v`` is the gradient of the cross-entropy at (x, y), which the signs
      stand for early in training.

    Positive: a small step of gradient descent on one row improves the other too. Near 0: the rows
    have nothing to do with each other. Negative: they contradict each other. With many outputs
    the signs of two labels differ in two places only, so negative values are rare; a mislabelled
    row shows by small values with the rows of its own label.

    A row without a label has no value, so the kernel is called on `LabelledRows`.

    Args:
        module, normalise, sketch, parameters, integers, memory_limit: as for `EmpiricalNTK`;
            outputs are logits.
        residual: as above.

    Raises:
        InvalidType: plain rows. InvalidArgument: a label that the module has no output for. And
        what `EmpiricalNTK` raises.

    Cost: one pass backward for each row of a tile, and P multiplications a pair.

    Source: S. Guo, Y. Ren, S. Albrecht and K. Smith, "Sample relationship from learning dynamics
    matters for generalisation", ICLR 2024.

    Example:
        >>> import torch
        >>> module = torch.nn.Linear(1, 2, bias=False).double()
        >>> k = LabelledNTK(module)
        >>> k(LabelledRows([[1.0], [2.0]], [0, 1])).round(9).tolist()  # alike, with other labels
        [[1.0, -2.0], [-2.0, 4.0]]
    """

    name = "labelled_ntk"

    @suggest_arguments
    def __init__(
        self,
        module: torch.nn.Module,
        residual: str = "sign",
        *,
        normalise: bool = False,
        sketch: str = "sparse",
        parameters: Sequence[str] | None = None,
        integers: bool = False,
        memory_limit: float = 256e6,
    ) -> None:
        self.module = module
        self.residual = residual
        self.normalise = normalise
        self.sketch = sketch
        self.parameters = parameters
        self.integers = integers
        self.memory_limit = memory_limit
        self._check_parameters()

    def _check_parameters(self) -> None:
        if self.residual not in RESIDUALS:
            raise InvalidArgument(
                f"residual must be one of {', '.join(RESIDUALS)}; got {self.residual!r}"
            )
        super()._check_parameters()

    def _as_rows(self, values: Any, what: str) -> Any:
        if not isinstance(values, LabelledRows):
            raise InvalidType(
                f"{what}: rows have no value without their labels; pass LabelledRows({what}, y)"
            )
        self._check_rows(values, what)
        if len(values):
            outputs = self._network().count_outputs(values.X, what)
            if values.y.max() >= outputs:
                raise InvalidArgument(
                    f"{what}: the module has {outputs} outputs; there is a label {values.y.max()}"
                )
        return values

    def _numbers(self, rows: Any) -> FloatArray:
        numbers: FloatArray = rows.X
        return numbers

    def _same(self, X: Any, Y: Any) -> bool:
        return super()._same(X, Y) and np.array_equal(X.y, Y.y)

    def _heads(self, network: Network, rows: Any) -> torch.Tensor:
        outputs = network.count_outputs(rows.X)
        own = np.eye(outputs)[rows.y]
        if self.residual == "sign":
            return network.weights((2 * own - 1)[:, None] / np.sqrt(outputs))
        residual: torch.Tensor = network.outputs(rows.X).softmax(dim=1) - network.weights(own)
        return residual[:, None]
