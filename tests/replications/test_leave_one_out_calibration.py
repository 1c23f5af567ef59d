"""Calibration: the quick form runs; the verdict is what its words say."""

import pytest

from replications import leave_one_out_calibration as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    (table,) = study.run(setting).tables
    assert [row[1] for row in table.rows] == ["10 neighbours", "1 neighbour"] * 2
    for row in table.rows:
        assert float(row[7]) < float(row[6])  # the log loss of temperature and as it is


@pytest.mark.parametrize(
    ("errors", "accuracy", "verdict"),
    [
        ((0.02, 0.02, 0.02, 0.05), 0.8, Verdict.REPRODUCED),
        ((0.02, 0.05, 0.05, 0.05), 0.8, Verdict.PARTLY),
        ((0.02, 0.02, 0.02, 0.2), 0.8, Verdict.PARTLY),
        ((0.02, 0.02, 0.2, 0.2), 0.8, Verdict.NOT_REPRODUCED),
        ((0.02, 0.02, 0.02, 0.05), 0.7, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(errors, accuracy, verdict):
    lines = [
        study.Line(
            "set",
            "10 neighbours",
            {"as it is": 0.1, "temperature": error, "isotonic": 0.1},
            {"as it is": 2.0, "temperature": 1.0, "isotonic": 1.0},
            {"as it is": 0.8, "temperature": accuracy, "isotonic": 0.8},
        )
        for error in errors
    ]
    assert study.judged(lines).verdict is verdict
