"""Its finite networks: gradients against finite differences, descent against the loss."""

import numpy as np
import pytest

from likewise.kernels import resolve_activation
from replications.data import DataFolder
from replications.infinite_width import REPLICATION, Network, expected
from replications.protocol import Progress, Setting, Verdict


def network(seed=0, width=7):
    return Network.drawn(resolve_activation("erf"), 2, width, np.random.default_rng(seed))


def test_the_tangent_kernel_is_that_of_finite_differences():
    made = network()
    X = np.random.default_rng(1).standard_normal((3, 10))
    gradients = []
    for parameters in [*made.weights, *made.biases]:
        for place in np.ndindex(parameters.shape):
            before = parameters[place]
            ends = []
            for step in (1e-5, -1e-5):
                parameters[place] = before + step
                ends.append(made.layers(X)[1][-1][:, 0])
            parameters[place] = before
            gradients.append((ends[0] - ends[1]) / 2e-5)
    J = np.array(gradients)
    np.testing.assert_allclose(made.tangent(X), J.T @ J, rtol=1e-6)


def test_a_step_goes_down():
    made = network()
    X = np.random.default_rng(1).standard_normal((3, 10))
    y = np.array([[1.0], [-1.0], [0.5]])
    losses = []
    for _ in range(4):
        errors = made.layers(X)[1][-1] - y
        losses.append(float((errors**2).sum()))
        made.step(X, errors, 0.05)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0]


def test_the_expected_error_falls_with_the_root_of_the_width():
    assert expected(40_000) / expected(10_000) == pytest.approx(0.5, rel=1e-3)


def test_the_quick_form_runs(tmp_path):
    said = []
    setting = Setting(True, DataFolder(tmp_path), progress=Progress(said.append))
    outcome = REPLICATION.run(setting)
    assert outcome.verdict in Verdict
    assert [len(table.rows) for table in outcome.tables] == [2, 2]
    assert said
