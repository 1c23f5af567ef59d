from __future__ import annotations

from functools import reduce
from itertools import combinations

import numpy as np
import pytest

from likewise.errors import InvalidArgument, OverLimit
from likewise.kernels import QuantumFidelity
from likewise.testing.kernel import KernelConformance

H = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
Z = np.diag([1.0, -1.0])


def on(gate, places, qubits):
    """The tensor product with ``gate`` at ``places``."""
    return reduce(np.kron, [gate if i in places else np.eye(2) for i in range(qubits)])


def circuit(kernel, x):
    """The state by full matrices, gate after gate."""
    x = np.asarray(x, dtype=float) * kernel.scale
    q = len(x)
    pairs = {
        "full": list(combinations(range(q), 2)),
        "linear": [(i, i + 1) for i in range(q - 1)],
        "circular": [(i, (i + 1) % q) for i in range(q)],
    }[kernel.entanglement]
    generator = sum(x[i] * on(Z, [i], q) for i in range(q))
    for i, j in pairs:
        generator = generator + (np.pi - x[i]) * (np.pi - x[j]) * on(Z, [i], q) @ on(Z, [j], q)
    layer = np.diag(np.exp(1j * np.diag(generator))) @ on(H, range(q), q)
    start = np.zeros(2**q, dtype=complex)
    start[0] = 1.0
    return np.linalg.matrix_power(layer, kernel.repetitions) @ start


class TestQuantumFidelity(KernelConformance):
    gradient_tolerance = 1e-4  # the scale turns phases of about pi^2
    tolerance32 = 5e-3  # phases grow with pi^2 and the number of pairs

    def make(self):
        return QuantumFidelity(0.7)

    def variants(self):
        return [
            QuantumFidelity(0.3, entanglement="linear", repetitions=1),
            QuantumFidelity(entanglement="circular", repetitions=3),
        ]

    def plain(self, kernel, x, y):
        return abs(np.vdot(circuit(kernel, x), circuit(kernel, y))) ** 2


def test_states_have_length_one_and_are_the_circuits():
    k = QuantumFidelity()
    X = np.random.default_rng(0).uniform(0, 2 * np.pi, (5, 3))
    states = k.states(X)
    np.testing.assert_allclose(np.linalg.norm(states, axis=1), 1.0)
    np.testing.assert_allclose(states, [circuit(k, x) for x in X], atol=1e-12)


def test_shots_are_unbiased_with_the_variance_of_a_binomial():
    k, X = QuantumFidelity(0.4), np.random.default_rng(1).uniform(0, 2 * np.pi, (6, 2))
    exact = k(X)
    many = np.array([k.estimate(X, shots=50, random_state=s) for s in range(400)])
    deviation = np.sqrt(exact * (1 - exact) / 50)
    np.testing.assert_array_less(np.abs(many.mean(0) - exact), 5 * deviation / 20 + 1e-9)
    np.testing.assert_allclose(many.std(0), deviation, atol=0.02)
    assert np.array_equal(many[0], many[0].T)
    assert np.array_equal(many[0], k.estimate(X, shots=50, random_state=0))


def test_with_many_qubits_all_states_part_unless_the_scale_shrinks():
    X = np.random.default_rng(2).uniform(0, 2 * np.pi, (40, 8))
    off = ~np.eye(40, dtype=bool)
    assert QuantumFidelity(1.0)(X)[off].mean() < 0.02
    assert QuantumFidelity(0.02)(X)[off].mean() > 5 * QuantumFidelity(1.0)(X)[off].mean()


def test_too_many_qubits():
    with pytest.raises(OverLimit, match="2\\^21 complex numbers"):
        QuantumFidelity()(np.zeros((2, 21)))


@pytest.mark.parametrize(
    "arguments", [{"entanglement": "none"}, {"repetitions": 0}, {"scale": [1.0, 2.0]}]
)
def test_impossible_arguments(arguments):
    with pytest.raises(InvalidArgument):
        QuantumFidelity(**arguments)
