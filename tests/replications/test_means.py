"""Continual learning and naive Bayes: quick forms run, measures and verdicts follow their words."""

import numpy as np
import pytest

from replications import _frozen, naive_bayes_logistic, nearest_mean_continual
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


@pytest.mark.parametrize("study", [naive_bayes_logistic, nearest_mean_continual])
def test_the_quick_form_runs_without_data(study, tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert outcome.verdict in set(Verdict)
    assert len(outcome.tables[0].rows) >= 2


class Told(nearest_mean_continual.Learner):
    """Knows the classes of the last step alone."""

    def learn(self, X, y):
        self.known = np.unique(y)

    def predict(self, Q):
        return np.where(np.isin(Q[:, 0].astype(int), self.known), Q[:, 0].astype(int), -1)


def test_a_course_by_hand():
    y = np.repeat(np.arange(4), 5)
    X = y[:, None].astype(np.float32)
    f = _frozen.Features("x", X, y, X, y, True)
    found = nearest_mean_continual.course(Told(), f, np.array([2, 0, 3, 1]), 2)
    assert (found.average, found.last, found.forgotten) == (0.75, 0.5, 1.0)


def test_a_reservoir_holds_each_row_as_likely():
    rng = np.random.default_rng(0)
    times = np.zeros(20)
    for _ in range(600):
        kept = nearest_mean_continual.Reservoir(5, rng)
        for part in np.split(np.arange(20), [7]):
            kept.add(part[:, None], part)
        times[[int(row[0]) for row in kept.rows]] += 1
        assert len(kept.rows) == 5
    assert np.abs(times / 600 - 0.25).max() < 0.08


@pytest.mark.parametrize(
    ("means", "tuned", "replay", "same", "verdict"),
    [
        (0.9, 0.5, 0.8, True, Verdict.REPRODUCED),
        (0.9, 0.5, 0.95, True, Verdict.PARTLY),
        (0.9, 0.92, 0.8, True, Verdict.NOT_REPRODUCED),
        (0.9, 0.5, 0.8, False, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_continual_verdict_follows_the_rule(means, tuned, replay, same, verdict):
    f = _frozen.generated(0)
    by = dict.fromkeys(nearest_mean_continual.learners(f, 0), 0.9)
    by |= {"nearest mean": means, "linear, fine-tuned": tuned, "linear, replay": replay}
    lines = [nearest_mean_continual.Line(name, v, v, 0.0, same) for name, v in by.items()]
    assert nearest_mean_continual.judged([(f, lines)]).verdict is verdict


@pytest.mark.parametrize(
    ("bayes", "logistic", "last", "verdict"),
    [
        (12, 400, 0.9, Verdict.REPRODUCED),
        (12, 400, 0.7, Verdict.PARTLY),
        (12, 50, 0.9, Verdict.NOT_REPRODUCED),
        (100, 400, 0.9, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_rows_needed_follows_the_rule(bayes, logistic, last, verdict):
    study = naive_bayes_logistic
    reached = [study.Reached(10, 10, 40), study.Reached(100, bayes, logistic)]
    curve = study.Curve("x", True, [1, 5, 50], [0.5, 0.7, 0.8], [0.4, 0.75, last])
    assert study.judged(reached, [curve]).verdict is verdict


def test_where_the_curves_cross():
    study = naive_bayes_logistic
    crossed = study.Curve("x", True, [1, 5, 50], [0.5, 0.7, 0.8], [0.6, 0.65, 0.9])
    assert crossed.crossing == 50
    assert crossed._replace(logistic=[0.9, 0.9, 0.8]).crossing is None
