"""The Nadaraya-Watson head: the quick form runs, and the verdict follows its rule."""

import numpy as np
import pytest

from replications import nw_head
from replications.data import DataFolder
from replications.nw_head import CLUSTER, FULL, LINEAR, NEAR, Score
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = nw_head.run(setting)
    assert isinstance(outcome.verdict, Verdict)
    assert all(len(row) == len(table.header) for table in outcome.tables for row in table.rows)


@pytest.mark.parametrize(
    ("accuracy", "calibration", "gap", "verdict"),
    [
        (0.955, 0.01, 1e-12, Verdict.REPRODUCED),
        (0.955, 0.03, 1e-12, Verdict.PARTLY),
        (0.90, 0.01, 1e-12, Verdict.PARTLY),
        (0.955, 0.01, 0.1, Verdict.PARTLY),
        (0.90, 0.03, 1e-12, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule(accuracy, calibration, gap, verdict):
    other = [Score(0.96, 0.02, 0.1)]
    scores = {LINEAR: other, FULL: [Score(accuracy, calibration, 0.1)], NEAR: other, CLUSTER: other}
    assert nw_head.judged(scores, gap).verdict is verdict


def test_the_calibration_error():
    hit = np.array([True, True, False, False])
    assert nw_head.calibration_error(np.full(4, 0.5), hit) == 0.0
    assert nw_head.calibration_error(np.array([1.0, 1.0, 0.5, 0.5]), hit) == 0.25
