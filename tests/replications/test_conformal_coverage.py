"""Coverage: the quick form runs; hits, sizes and verdict are what their words say."""

import numpy as np
import pytest

from replications import conformal_coverage as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    (table,) = study.run(setting).tables
    assert len(table.rows) == 2 * 4 + 2 * 3
    assert all(0.6 < float(row[2]) <= 1 for row in table.rows)


class Known:
    """Answers that are known."""

    def predict_interval(self, Q, coverage):
        return np.array([[0.0, 1.0], [0.0, 3.0]])

    def predict_set(self, Q, coverage):
        return [np.array([1, 0]), np.array([], dtype=int)]


def test_hits_and_sizes_by_hand():
    assert study.covered(Known(), "numbers", None, np.array([1.0, 4.0])) == (0.5, 2.0)
    assert study.covered(Known(), "classes", None, np.array([0, 1])) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("coverages", "verdict"),
    [
        ([0.9] * 4 + [0.909], Verdict.REPRODUCED),
        ([0.9] * 4 + [0.92], Verdict.PARTLY),
        ([0.9] * 4 + [0.79], Verdict.NOT_REPRODUCED),
        ([0.9] * 3 + [0.92] * 2, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(coverages, verdict):
    lines = [study.Line("set", "numbers", "left out", [c], 1.0) for c in coverages]
    lines.append(study.Line("set", "classes", "left out, no chance", [0.97], 2.0))
    assert study.judged(lines).verdict is verdict
