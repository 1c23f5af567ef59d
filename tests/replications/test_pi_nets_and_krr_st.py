"""Products of units, and distilled rows: formulas hold, quick forms run, verdicts by the rules."""

import numpy as np
import pytest

from likewise.kernels import NTK
from likewise.kernels.networks import EmpiricalNTK
from replications import krr_st, pi_nets
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


@pytest.mark.parametrize("study", [pi_nets, krr_st])
def test_the_quick_form_runs_without_data(study, tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert outcome.verdict in set(Verdict)
    assert len(outcome.tables[0].rows) >= 5


def test_the_kernel_of_products_is_that_of_wide_networks():
    X = pi_nets.circle(7)
    assert np.square(X).sum(axis=1) == pytest.approx(1)
    one = pi_nets.pi_kernel(X @ X.T, 1)
    known = NTK(depth=1)(X)
    np.testing.assert_allclose(one / one[0, 0], known / known[0, 0], atol=1e-12)
    for degree in (1, 2):
        found = np.mean(
            [EmpiricalNTK(pi_nets.network(degree, 2_000, s))(X) for s in range(12)], axis=0
        )
        np.testing.assert_allclose(found, pi_nets.pi_kernel(X @ X.T, degree), rtol=0.15, atol=0.05)


def test_the_spectrum_is_that_of_the_matrix():
    X = pi_nets.circle(24)
    K = X @ X.T  # constant, one sine and one cosine
    found = pi_nets.spectrum(K[0])
    np.testing.assert_allclose(found[:3], [0.5, 0.5, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("decay", "steps", "verdict"),
    [
        (-1.5, 50, Verdict.REPRODUCED),
        (-1.95, 50, Verdict.PARTLY),
        (-1.5, 500, Verdict.NOT_REPRODUCED),
    ],
)
def test_products_by_the_rule(decay, steps, verdict):
    lines = [
        pi_nets.Line("a", 1, [0.1] * 6, -2.0),
        pi_nets.Line("b", 2, [0.2] * 6, decay),
        pi_nets.Line("deep", 0, [0.9] * 6, -1.0),
    ]
    runs = {d: [pi_nets.Trained(dict.fromkeys(pi_nets.FREQUENCIES, float(s)), 0.1)]
            for d, s in ((1, 100), (2, steps))}  # fmt: skip
    assert pi_nets.judged(lines, runs).verdict is verdict


@pytest.mark.parametrize(
    ("source", "other", "verdict"),
    [
        (0.9, 0.9, Verdict.REPRODUCED),
        (0.9, 0.5, Verdict.PARTLY),
        (0.5, 0.9, Verdict.NOT_REPRODUCED),
    ],
)
def test_distilled_rows_by_the_rule(source, other, verdict):
    means = {name: [0.6, 0.6] for name in krr_st.NAMES} | {"distilled": [source, other]}
    assert krr_st.judged(["a", "b"], means).verdict is verdict


def test_networks_learn_more_from_distilled_rows():
    import torch

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, krr_st.SIDE**2))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    Y = np.tanh(8 * X[:, :2])

    def error(rows, targets):
        body = krr_st.pretrained(rows, targets, 60, 5)
        with torch.inference_mode():
            F, B = (body(torch.from_numpy(part).float()).numpy() for part in (rows, X))
        K = F @ F.T
        ridge = krr_st.RIDGE * np.diag(K).mean() * np.eye(len(K))
        return np.square(Y - B @ F.T @ np.linalg.solve(K + ridge, targets)).mean()

    before = error(X[:8], Y[:8])
    assert error(*krr_st.distilled(X, Y, X[:8], Y[:8], 60, 60, 0)) < 0.95 * before
