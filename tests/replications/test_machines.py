"""Scale mixtures and distillation: quick forms run, and verdicts follow their rules."""

import pytest

from replications import data_distillation, scale_mixture, self_distillation
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


@pytest.mark.parametrize("study", [data_distillation, scale_mixture, self_distillation])
def test_the_quick_form_runs_without_data(study, tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert outcome.verdict in set(Verdict)
    assert len(outcome.tables[0].rows) >= 2


@pytest.mark.parametrize(
    ("kurtosis", "near", "beyond", "verdict"),
    [
        (4.6, 0.5, 0.9, Verdict.REPRODUCED),
        (4.6, 0.5, 0.99, Verdict.PARTLY),
        (4.6, 0.6, 0.9, Verdict.NOT_REPRODUCED),
        (4.6, 0.5, 1.1, Verdict.NOT_REPRODUCED),
        (3.0, 0.5, 0.9, Verdict.NOT_REPRODUCED),
    ],
)
def test_scale_mixtures_by_the_rule(kurtosis, near, beyond, verdict):
    line = scale_mixture.Line("x", (0.5, near), (1.0, beyond), (0.9, 0.95))
    assert scale_mixture.judged(kurtosis, [line]).verdict is verdict


@pytest.mark.parametrize(
    ("limit", "distilled", "verdict"),
    [
        (1e-12, 0.51, Verdict.REPRODUCED),
        (1e-12, 0.6, Verdict.PARTLY),
        (1e-3, 0.51, Verdict.NOT_REPRODUCED),
    ],
)
def test_self_distillation_by_the_rule(limit, distilled, verdict):
    errors = [dict.fromkeys(self_distillation.FACTORS, v) for v in (0.55, distilled, 0.505)]
    line = self_distillation.Line("x", 1e-12, limit, *errors)
    assert self_distillation.judged([line]).verdict is verdict


@pytest.mark.parametrize(
    ("off", "learnt", "verdict"),
    [
        (1e-12, 0.8, Verdict.REPRODUCED),
        (1e-12, 0.6, Verdict.PARTLY),
        (1e-3, 0.8, Verdict.NOT_REPRODUCED),
    ],
)
def test_data_distillation_by_the_rule(off, learnt, verdict):
    linear = data_distillation.Linear(10, off, 0.8, 0.8, 0.1)
    lines = [data_distillation.Line(10, 0.7, learnt, 0.6)]
    assert data_distillation.judged(linear, lines, 0.9).verdict is verdict
