"""The quick form runs; MaxSim, recall and the verdict are what their words say."""

import numpy as np
import pytest

from replications import _scifact
from replications import cross_encoder_cur as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert [len(table.rows) for table in outcome.tables] == [5, 5, 5]
    values = [float(cell) for table in outcome.tables for row in table.rows for cell in row[1:]]
    assert all(0 <= value <= 1 for value in values)


def test_maxsim_is_the_best_cosine_of_each_token_of_the_query():
    rng = np.random.default_rng(0)
    tokens, query = rng.normal(size=(7, 3)), rng.normal(size=(4, 3))
    bags = _scifact.Bags(tokens, np.array([0, 2, 3, 7]))
    expected = [sum(max(t @ q for t in bags.of(i)) for q in query) for i in range(3)]
    assert study.maxsim(bags, query) == pytest.approx(expected, rel=1e-6)


def test_recall_counts_items_as_good_as_the_last():
    truth = np.array([[3.0, 2.0, 2.0, 1.0]])
    assert study.share_found(truth, [np.array([0, 2])], 2) == 1.0
    assert study.share_found(truth, [np.array([3, 0])], 2) == 0.5
    assert study.share_found(truth, [np.array([3, 0])], 1) == 0.0


@pytest.mark.parametrize(
    ("anncur", "adacur", "verdict"),
    [
        (0.7, 0.8, Verdict.REPRODUCED),
        (0.7, 0.7, Verdict.PARTLY),
        (0.6, 0.6, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(anncur, adacur, verdict):
    levels = dict(zip(study.WAYS, (0.6, 0.1, anncur, adacur, 0.6), strict=True))
    recalls = {
        (way, budget): (0.0, level, level)
        for way, level in levels.items()
        for budget in study.BUDGETS
    }
    assert study.verdict(recalls) is verdict
