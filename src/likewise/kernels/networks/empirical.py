"""`EmpiricalNTK`: the tangent kernel of a module as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument, OverLimit
from likewise.kernels._rows import FloatArray
from likewise.kernels.networks._gram import full_gram
from likewise.kernels.networks._kinds import KindKernel

if TYPE_CHECKING:
    import torch


class EmpiricalNTK(KindKernel):
    """Inner products of the gradients of a module's outputs by its parameters.

    With g_c(x) the gradient of output c at row x, and O outputs:

    - ``kind="trace"``: ``k(x, y) = sum_c g_c(x).g_c(y)``. ``normalise=True`` makes it the trace NTK
      of Engel and others.
    - ``kind="sum"``: ``k(x, y) = s(x).s(y)``, s the gradient of ``sum_c f_c / sqrt(O)``: the
      pseudo-NTK of Mohamadi and others. It is O times cheaper, and near ``trace / O`` for wide
      networks at initialisation.
    - ``kind=c``, an array (O,): the same with ``c.f`` in place of that sum: one output by its unit
      vector, or a random combination.

    The kernel of all outputs, an (n O, m O) matrix, is `full`.

    The kernel is that of the module's parameters at the time of a call. Dropout is off and
    batch norm uses its running statistics; the module itself is left as it is.

    Args:
        module: any ``torch.nn.Module`` that gives one tensor, with a row for each row it takes;
            outputs of a row are flattened. Its rows are arrays, lists or tensors of any shape.
            It is evaluated in its own precision and on its own device.
        kind: as above.
        normalise: divide by ``sqrt(k(x, x) k(y, y))``.
        sketch: how `features` projects gradients: "sparse", "rademacher" or "gaussian".
        parameters: names of parameters or of parts of the module to differentiate by; None is all
            that require a gradient. ``["2"]`` is the third part of a ``Sequential``.
        integers: rows are token numbers, which go to the module as int64.
        memory_limit: bytes of gradients held at a time (by each thread), beside the activations
            of a few hundred rows.

    Raises:
        InvalidType: no module. InvalidArgument: no parameters, or such of several precisions; batch
        norm in training mode; a module that torch.func cannot differentiate (in-place writes,
        branches on values). DimensionMismatch: rows that the module refuses. InvalidVector: NaN.
        OverLimit: gradients of two rows that are over ``memory_limit``. MissingExtra: no torch.

    Cost: R passes backward for each row of a tile, and R P multiplications a pair, for R = O
        ("trace") or 1 and P parameters. Products by `operator` take R (2 n + m).

    Features: a random projection of the gradients, never held as a matrix.

    Source: M. Mohamadi, W. Bae and D. Sutherland, "A fast, well-founded approximation to the
    empirical neural tangent kernel", ICML 2023; A. Engel and others, "Faithful and efficient
    explanations for neural networks via neural tangent kernel surrogate models", ICLR 2024.

    Example:
        >>> import torch
        >>> module = torch.nn.Linear(2, 3, bias=False).double()
        >>> k = EmpiricalNTK(module, kind="trace")  # of a linear map: O x.y
        >>> k([[1.0, 2.0], [0.0, 1.0]]).tolist()
        [[15.0, 6.0], [6.0, 3.0]]
        >>> EmpiricalNTK(module, kind="sum")([[1.0, 2.0], [0.0, 1.0]]).round(9).tolist()
        [[5.0, 2.0], [2.0, 1.0]]
    """

    name = "empirical_ntk"

    @suggest_arguments
    def __init__(
        self,
        module: torch.nn.Module,
        kind: str | npt.ArrayLike = "trace",
        *,
        normalise: bool = False,
        sketch: str = "sparse",
        parameters: Sequence[str] | None = None,
        integers: bool = False,
        memory_limit: float = 256e6,
    ) -> None:
        self.module = module
        self.kind = kind
        self.normalise = normalise
        self.sketch = sketch
        self.parameters = parameters
        self.integers = integers
        self.memory_limit = memory_limit
        self._check_parameters()

    @suggest_arguments
    def full(self, X: Any, Y: Any = None, *, memory_limit: float | None = None) -> FloatArray:
        """The kernel of all pairs of outputs: ``g_c(x_i).g_d(y_j)`` at ``[i O + c, j O + d]``.

        Whatever ``kind`` and ``normalise`` are: both are about one number a pair.

        Args:
            X, Y: as in a call. memory_limit: bytes of the answer; None is no limit.

        Returns:
            (n O, m O); symmetric where Y is None.

        Raises:
            OverLimit: the answer needs more than ``memory_limit``. And what a call raises.

        Cost: O passes backward a row, ``n m O^2 P`` multiplications; ``8 n m O^2`` bytes in
            float64, and gradients within the kernel's own ``memory_limit``.

        Example:
            >>> import torch
            >>> module = torch.nn.Linear(1, 2).double()
            >>> EmpiricalNTK(module).full([[3.0]]).tolist()
            [[10.0, 0.0], [0.0, 10.0]]
        """
        rows, columns = self._both(X, Y)
        other = rows if columns is None else columns
        if not len(rows) or not len(other):
            raise InvalidArgument("full: X and Y must have at least one row each")
        network = self._network()
        outputs = network.count_outputs(rows)
        needed = rows.itemsize * len(rows) * len(other) * outputs**2
        if memory_limit is not None and needed > memory_limit:
            raise OverLimit(
                f"the kernel of {len(rows):,} x {len(other):,} rows and {outputs} outputs takes "
                f"{needed / 1e6:,.1f} MB, over memory_limit = {memory_limit / 1e6:,.1f} MB; call "
                f'the kernel itself (kind="sum" or "trace"), which is {outputs**2} times smaller'
            )
        heads = network.weights(np.eye(outputs))
        left = self._rows(network, rows)._replace(heads=heads)
        right = None
        if columns is not None:
            right = self._rows(network, columns)._replace(heads=heads)
        out = full_gram(network, left, right, self.memory_limit).astype(rows.dtype, copy=False)
        return (out + out.T) / 2 if columns is None else out
