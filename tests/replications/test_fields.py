"""Vector fields and differential equations: quick forms run, and verdicts follow their rules."""

import pytest

from replications import gp_pde, vector_fields
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def quick(study, tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    return study.run(setting)


def test_vector_fields_run_without_data(tmp_path):
    outcome = quick(vector_fields, tmp_path)
    assert outcome.verdict in set(Verdict)
    assert len(outcome.tables[0].rows) == len(vector_fields.SURFACES)


def test_equations_run_without_data(tmp_path):
    pytest.importorskip("torch")
    outcome = quick(gp_pde, tmp_path)
    assert outcome.verdict in set(Verdict)
    assert len(outcome.tables[0].rows) == 1


@pytest.mark.parametrize(
    ("others", "verdict"),
    [
        ((0.3, 0.3), Verdict.REPRODUCED),
        ((0.3, 0.1), Verdict.PARTLY),
        ((0.1, 0.1), Verdict.NOT_REPRODUCED),
    ],
)
def test_vector_fields_by_the_rule(others, verdict):
    lines = [
        vector_fields.Line("x", 0.1, dict(zip(vector_fields.METHODS, errors, strict=True)))
        for errors in ((0.2, 0.3, others[0], 0.3), (0.2, 0.3, others[1], 0.3))
    ]
    assert vector_fields.judged(lines).verdict is verdict


@pytest.mark.parametrize(
    ("rbf", "pinn", "verdict"),
    [
        (0.5, 0.5, Verdict.REPRODUCED),
        (0.05, 0.5, Verdict.PARTLY),
        (0.5, 0.05, Verdict.NOT_REPRODUCED),
    ],
)
def test_equations_by_the_rule(rbf, pinn, verdict):
    errors = dict(zip(gp_pde.METHODS, (0.01, rbf, pinn), strict=True))
    line = gp_pde.Line("x", errors, dict.fromkeys(gp_pde.METHODS, 1.0), 10)
    assert gp_pde.judged([line]).verdict is verdict
