"""The quick form runs; what is drawn has its causes where they are looked for."""

import numpy as np
import pytest

from replications import distance_correlation as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert isinstance(outcome.verdict, Verdict)
    assert [row[0] for row in outcome.tables[0].rows] == [*study.WAYS, study.EVERYTHING]


def test_copies_show_their_causes_and_classes_are_even():
    X, y = study.drawn(np.random.default_rng(0), 500, 30)
    correlation = np.corrcoef(X.T)
    for feature in range(study.CAUSES, study.CAUSES * study.COPIES):
        assert correlation[feature, feature % study.CAUSES] > 0.9
    assert np.abs(correlation[study.CAUSES * study.COPIES :, : study.CAUSES]).max() < 0.3
    assert y.mean() == 0.5


@pytest.mark.parametrize("way", study.WAYS.values())
def test_every_way_finds_what_is_plain(way):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 12))
    y = (X[:, 3] > 0).astype(np.intp)
    places = way(X, y, 4)
    assert places[0] == 3
    assert len(set(places.tolist())) == 4


@pytest.mark.parametrize(
    ("ours", "found", "verdict"),
    [
        (0.80, 6, Verdict.REPRODUCED),
        (0.80, 3, Verdict.PARTLY),
        (0.70, 6, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(ours, found, verdict):
    accuracy = {name: [0.75] for name in (*study.WAYS, study.EVERYTHING)} | {study.OURS: [ours]}
    recovered = {name: [4.0] for name in study.WAYS} | {study.OURS: [float(found)]}
    assert study.judged(study.FULL, recovered, accuracy).verdict is verdict
