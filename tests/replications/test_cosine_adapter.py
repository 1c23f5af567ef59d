"""The quick form runs; precision, calibration and the verdict are what their words say."""

import numpy as np
import pytest

from replications import cosine_adapter as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert isinstance(outcome.verdict, Verdict)
    precision, thresholds = outcome.tables
    assert [row[0].partition(",")[0] for row in precision.rows][:2] == ["cosine", "rank (top k)"]
    assert len(thresholds.rows) == 5


def test_precision_is_counted_over_all_pairs():
    score = np.array([[0.9, 0.4], [0.8, 0.3]])
    relevant = np.array([[True, False], [False, True]])
    found = study.measure("x", score, relevant, threshold=0.5)
    assert found.precision == (1.0, 1.0, 0.5, 0.5)  # the second relevant pair comes last
    assert found.average == pytest.approx(0.75)
    assert found.kept == (0.5, 0.5, 0.0)


def test_calibration_error_bin_by_bin():
    p = np.array([[0.01, 0.01, 0.95, 0.95]])
    relevant = np.array([[False, False, True, False]])
    assert study.calibration_error(p, relevant) == pytest.approx((0.02 + 0.90) / 4)


@pytest.mark.parametrize(
    ("adapter", "top", "verdict"),
    [
        ((0.5, 0.5, 0.3, 0.1), (0.4, 0.4, 0.2, 0.1), Verdict.REPRODUCED),
        ((0.5, 0.5, 0.3, 0.1), (0.5, 0.5, 0.2, 0.1), Verdict.PARTLY),
        ((0.4, 0.3, 0.2, 0.1), (0.1, 0.1, 0.1, 0.1), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(adapter, top, verdict):
    ways = [
        study.Measured("cosine", (0.4, 0.4, 0.2, 0.1), 0.3),
        study.Measured("rank (top k)", top, 0.3),
        study.Measured("adapter, linear", adapter, sum(adapter) / 4 + 0.01),
    ]
    assert study.verdict(ways) is verdict
