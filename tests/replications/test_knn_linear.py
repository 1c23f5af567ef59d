"""Neighbours and a line: the quick form runs; the verdict is what its words say."""

import numpy as np
import pytest

from replications import knn_linear as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    (table,) = outcome.tables
    assert [row[:2] for row in table.rows] == [("letter", "5"), ("letter", "10")]
    assert all(0.4 < float(cell) < 0.9 for row in table.rows for cell in row[2:5])


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ((0.02, 0.02), Verdict.REPRODUCED),
        ((0.02, 0.0), Verdict.REPRODUCED),
        ((0.02, -0.02), Verdict.NOT_REPRODUCED),
        ((0.02, 0.0, 0.0), Verdict.PARTLY),
        ((0.0, 0.0), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(gains, verdict):
    wobble = np.array([0.001, -0.001, 0.0005, -0.0005])
    lines = []
    for shots, gain in enumerate(gains):
        accuracy = np.full((4, 3), 0.5)
        accuracy[:, 2] += gain + wobble
        loss = np.ones((4, 3))
        lines.append(study.Line("set", shots, accuracy, loss, loss, np.full(4, 0.5)))
    assert study.judged(lines).verdict is verdict
