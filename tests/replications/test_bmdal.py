"""Batch active learning: the quick form runs, and the verdict follows its rule."""

import numpy as np
import pytest

from replications import bmdal as study
from replications._tangent_network import TangentNetwork
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert isinstance(outcome.verdict, Verdict)
    assert all(len(row) == len(table.header) for table in outcome.tables for row in table.rows)


def test_the_network_learns_and_is_the_same_again():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = 5 + 3 * X[:, 0] * X[:, 1]
    one = TangentNetwork(width=32).fit(X[:100], y[:100])
    assert np.mean((one.predict(X[100:]) - y[100:]) ** 2) < 0.3 * y.var()
    two = TangentNetwork(width=32).fit(X[:100], y[:100])
    assert np.array_equal(one.predict(X), two.predict(X))


def test_the_gap_and_its_error_by_hand():
    one, other = np.array([[1.0, 3.0], [5.0, 5.0]]), np.zeros((2, 2))
    mean, error = study.gap(one, other)
    assert mean == 3.5
    assert error == pytest.approx(np.sqrt(2 / 2 + 0) / 2)


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ((0.0, -0.1, -0.2, -0.3), Verdict.REPRODUCED),
        ((0.0, -0.1, -0.4, -0.3), Verdict.PARTLY),
        ((0.0, -0.3, -0.2, -0.3), Verdict.PARTLY),
        ((0.0, 0.1, 0.2, 0.0), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(means, verdict):
    noise = np.linspace(-0.01, 0.01, 5) * np.arange(1, 5)[:, None]
    areas = np.tile(np.array(means)[:, None] + noise, (2, 1, 1))
    assert study.judged(("a", "b"), areas, areas).verdict is verdict
