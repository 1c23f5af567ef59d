"""Weak labels and many labels: quick forms run, and verdicts follow their rules."""

import numpy as np
import pytest

from replications import frechet_labels, label_codes, prior_matching, sar_pu
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


@pytest.mark.parametrize("study", [frechet_labels, label_codes, prior_matching, sar_pu])
def test_the_quick_form_runs_without_data(study, tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert outcome.verdict in set(Verdict)
    assert len(outcome.tables[0].rows) >= 4


@pytest.mark.parametrize(
    ("scar", "true", "em", "verdict"),
    [
        (0.80, 0.85, 0.84, Verdict.REPRODUCED),
        (0.80, 0.85, 0.81, Verdict.PARTLY),
        (0.84, 0.85, 0.85, Verdict.NOT_REPRODUCED),
    ],
)
def test_propensities_by_the_rule(scar, true, em, verdict):
    values = {"naive": 0.5, "SCAR, learnt": scar, "true": true, "EM": em, sar_pu.ALL: em}
    scores = {name: [(value, 0.1)] for name, value in values.items()}
    assert sar_pu.judged(scores, scores).verdict is verdict


@pytest.mark.parametrize(
    ("plain", "biased", "verdict"),
    [
        (0.68, 0.68, Verdict.REPRODUCED),
        (0.61, 0.68, Verdict.PARTLY),
        (0.68, 0.61, Verdict.NOT_REPRODUCED),
    ],
)
def test_prior_matching_by_the_rule(plain, biased, verdict):
    lines = [
        prior_matching.Line(case, 0.6, value, 0.7, 0.7, 0.7)
        for case, value in (("even, as they are", plain), ("even, biased", biased))
    ]
    assert prior_matching.judged(lines).verdict is verdict


def test_the_oracle_is_the_best_that_weights_can_do():
    rng = np.random.default_rng(0)
    scores, y = rng.standard_normal((40, 2)), rng.integers(0, 2, 40)
    best = max(
        float(((scores[:, 1] - scores[:, 0] > t).astype(int) == y).mean())
        for t in np.linspace(-6, 6, 5_000)
    )
    assert prior_matching.oracle(scores, y) == pytest.approx(best)


@pytest.mark.parametrize(
    ("tree", "words", "control", "unseen", "verdict"),
    [
        (0.9, 0.9, 1.2, 0.1, Verdict.REPRODUCED),
        (0.9, 0.9, 1.2, 0.0, Verdict.PARTLY),
        (0.9, 1.0, 1.2, 0.1, Verdict.PARTLY),
        (0.9, 0.9, 0.9, 0.1, Verdict.NOT_REPRODUCED),
        (1.0, 1.0, 1.2, 0.1, Verdict.NOT_REPRODUCED),
    ],
)
def test_label_metrics_by_the_rule(tree, words, control, unseen, verdict):
    lines = [
        frechet_labels.Line("w", metric, method, value, 0.5, unseen)
        for metric, ours in (("tree", tree), ("words", words))
        for method, value in (("argmax", 1.0), ("Frechet", ours), ("random metric", control))
    ]
    assert frechet_labels.judged(lines).verdict is verdict


@pytest.mark.parametrize(
    ("codes", "dense", "mixed", "ranking", "verdict"),
    [
        (0.81, 0.78, 0.82, 0.8, Verdict.REPRODUCED),
        (0.81, 0.78, 0.82, 0.95, Verdict.PARTLY),
        (0.80, 0.78, 0.80, 0.8, Verdict.PARTLY),
        (0.80, 0.80, 0.79, 0.8, Verdict.NOT_REPRODUCED),
    ],
)
def test_label_codes_by_the_rule(codes, dense, mixed, ranking, verdict):
    def scores(micro, ranking=0.9):
        return label_codes.Scores(micro, 0.4, 0.1, 0.4, 0.8, ranking)

    found = {
        ("vote", 0): scores(0.80),
        ("vote, dense", 0): scores(dense),
        (label_codes.DEEP, 16): scores(codes),
        (label_codes.MIXED, 16): scores(mixed, ranking),
        (label_codes.TAUGHT["mixed"], 16): scores(0.9),
    }
    assert label_codes.judged(found).verdict is verdict
