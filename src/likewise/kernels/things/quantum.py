"""`QuantumFidelity`: the overlap of quantum states that rows are turned into, simulated."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument, OverLimit
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.parameters import Bounds, Float64Array

ComplexArray = npt.NDArray[np.complex128]
#: A state has 2^q complex numbers; one row of more qubits than this has over 16 MB.
MOST_QUBITS = 20
ENTANGLEMENTS = ("full", "linear", "circular")


class QuantumFidelity(Kernel):
    """``k(x, y) = |<psi(x)|psi(y)>|^2`` for states of as many qubits as rows have numbers.

    ``psi(x) = (U(x) H)^repetitions |0...0>`` with H a Hadamard gate on every qubit and U(x) the
    diagonal of ``exp(i (sum_i x_i z_i + sum_(i,j) (pi - x_i)(pi - x_j) z_i z_j))`` with z_i = 1 or
    -1 the bits of the basis state, and the pairs (i, j) of the entanglement. Numbers of x are
    multiplied by ``scale`` first. With many qubits and a scale near 1 all states are nearly
    orthogonal and the kernel is the identity matrix: a scale near 1 / q keeps it informative.

    This is a simulation: it shows what such a kernel does, and makes no claim of an advantage.

    Args:
        scale: what rows are multiplied by; positive. bounds: see `Kernel`.
        entanglement: the pairs: "full" (all), "linear" (neighbours), "circular" (and the last
            with the first).
        repetitions: how often the layer is applied.

    Raises:
        OverLimit: rows of more than 20 numbers.

    Cost: ``2^q (q + pairs)`` a row and 2^q products an entry, with 16 2^q bytes a row of a tile.

    Source: V. Havlicek et al., "Supervised learning with quantum-enhanced feature spaces",
    Nature, 2019.

    Example:
        >>> k = QuantumFidelity()
        >>> k([[0.1, 0.2], [0.1, 0.2], [1.5, 3.0]]).round(3)[0, :2].tolist()
        [1.0, 1.0]
    """

    name = "quantum_fidelity"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"scale": (1e-3, 1e2)}

    @suggest_arguments
    def __init__(
        self,
        scale: float = 1.0,
        *,
        entanglement: Literal["full", "linear", "circular"] = "full",
        repetitions: int = 2,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.scale = scale
        self.entanglement = entanglement
        self.repetitions = repetitions
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if np.ndim(self.scale):
            raise InvalidArgument("scale must be one number")
        check_count("repetitions", self.repetitions)
        if self.entanglement not in ENTANGLEMENTS:
            raise InvalidArgument(
                f"entanglement must be one of {', '.join(ENTANGLEMENTS)}; got {self.entanglement!r}"
            )

    def states(self, X: Any) -> ComplexArray:
        """The states of n rows, (n, 2^q) complex; bit q - 1 - i of a column's number is qubit i."""
        return self._states(self._as_rows(X, "X"))

    @suggest_arguments
    def estimate(
        self, X: Any, Y: Any = None, *, shots: int, random_state: int | None = None
    ) -> Float64Array:
        """k(X, Y) as a device would measure it: shares of ``shots`` runs that end in all zeros.

        Unbiased, with variance k (1 - k) / shots an entry. Of X alone the matrix is symmetric
        with ones on its diagonal, and may have negative eigenvalues.
        """
        count = check_count("shots", shots)
        rng = np.random.default_rng(random_state)
        exact = np.clip(np.asarray(self(X, Y), dtype=np.float64), 0.0, 1.0)
        measured: Float64Array = rng.binomial(count, exact) / count
        if Y is None:
            upper = np.triu(measured, 1)
            measured = upper + upper.T + np.eye(len(measured))
        return measured

    def _pairs(self, qubits: int) -> list[tuple[int, int]]:
        if self.entanglement == "full":
            return list(combinations(range(qubits), 2))
        neighbours = [(i, i + 1) for i in range(qubits - 1)]
        closes = self.entanglement == "circular" and qubits > 2
        return [*neighbours, (0, qubits - 1)] if closes else neighbours

    def _states(self, X: FloatArray) -> ComplexArray:
        n, qubits = X.shape
        if qubits > MOST_QUBITS:
            raise OverLimit(
                f"{qubits} qubits: a state has 2^{qubits} complex numbers, "
                f"{16 * 2.0**qubits / 1e6:,.0f} MB a row; at most {MOST_QUBITS} are simulated, so "
                "reduce the rows first (by PCA, for example)"
            )
        rows = X.astype(np.float64) * float(self.scale)
        bits = np.arange(2**qubits)[:, None] >> np.arange(qubits - 1, -1, -1)
        z = 1.0 - 2.0 * (bits & 1)
        phases = rows @ z.T
        for i, j in self._pairs(qubits):
            phases += np.outer((np.pi - rows[:, i]) * (np.pi - rows[:, j]), z[:, i] * z[:, j])
        turn = np.exp(1j * phases)
        states = np.zeros((n, 2**qubits), dtype=np.complex128)
        states[:, 0] = 1.0
        for _ in range(self.repetitions):
            states = turn * _hadamard(states, qubits)
        return states

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        overlaps = self._states(X).conj() @ self._states(Y).T
        return (overlaps.real**2 + overlaps.imag**2).astype(X.dtype)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return np.ones(len(X), dtype=X.dtype)

    def _tile(self, rows: Any) -> int:
        # The states of a tile's rows and columns, about 16 MB each.
        return int(np.clip(2**20 // 2 ** min(rows.shape[1], MOST_QUBITS), 1, 256))


def _hadamard(states: ComplexArray, qubits: int) -> ComplexArray:
    """A Hadamard gate on every qubit: the Walsh-Hadamard transform of each row."""
    shape = states.shape
    for qubit in range(qubits):
        pairs = states.reshape(shape[0], 2**qubit, 2, -1)
        states = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], 2)
    out: ComplexArray = states.reshape(shape) / 2 ** (qubits / 2)
    return out
