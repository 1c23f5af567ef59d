"""Studies of networks: the quick forms run, and the verdicts follow their rules."""

import numpy as np
import pytest

from replications import labelled_ntk, ntk_surrogate, pseudo_ntk, scalable_layers
from replications._digits import digits, flipped, slope
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

STUDIES = (pseudo_ntk, ntk_surrogate, labelled_ntk, scalable_layers)
YES, PARTLY, NO = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT_REPRODUCED


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("study", STUDIES, ids=lambda s: s.REPLICATION.name)
def test_the_quick_form_runs(study, tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    assert isinstance(outcome.verdict, Verdict)
    assert all(len(row) == len(table.header) for table in outcome.tables for row in table.rows)


def test_flips_and_slopes():
    y = digits(200, 10, 0).y
    noisy, wrong = flipped(y, 0.1, np.random.default_rng(0))
    assert sorted(wrong) == np.flatnonzero(noisy != y).tolist()
    assert len(wrong) == 20
    assert slope([1, 4, 16], [1, 0.5, 0.25]) == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("gaps", "agreement", "verdict"),
    [((0.4, 0.2), 0.97, YES), ((0.4, 0.2), 0.9, PARTLY), ((0.4, 0.35), 0.97, NO)],
)
def test_pseudo_ntk(gaps, agreement, verdict):
    widths = [pseudo_ntk.Width(w, g, 1, 1, 9) for w, g in zip((64, 256), gaps, strict=True)]
    assert pseudo_ntk.judged(widths, agreement, 64).verdict is verdict


@pytest.mark.parametrize(
    ("trace", "other", "verdict"),
    [((0.8, 1, 1), 0.7, YES), ((0.8, 1, 1), 0.9, PARTLY), ((0.8, 3, 1), 0.9, NO)],
)
def test_ntk_surrogate(trace, other, verdict):
    figures = {ntk_surrogate.TRACE: [*trace], ntk_surrogate.LAST: [other, 0, 0]}
    assert ntk_surrogate.judged(figures, (1, 4), [0.2, 0.1]).verdict is verdict


@pytest.mark.parametrize(
    ("areas", "poisoned", "clean", "verdict"),
    [
        ([0.95, 0.8, 0.5, 0.5, 0.5], [0.8, 0.9, 0.8], [0.95, 0.95, 0.9], YES),
        ([0.85, 0.8, 0.5, 0.5, 0.5], [0.8, 0.9, 0.8], [0.95, 0.95, 0.9], PARTLY),
        ([0.95, 0.8, 0.5, 0.5, 0.5], [0.8, 0.9, 0.8], [0.95, 0.93, 0.9], PARTLY),
        ([0.85, 0.8, 0.5, 0.5, 0.5], [0.8, 0.7, 0.8], [0.95, 0.95, 0.9], NO),
    ],
)
def test_labelled_ntk(areas, poisoned, clean, verdict):
    assert labelled_ntk.judged(areas, poisoned, clean).verdict is verdict


@pytest.mark.parametrize(
    ("errors", "fifth", "verdict"),
    [([0.2, 0.1], 0.94, YES), ([0.2, 0.1], 0.9, PARTLY), ([0.2, 0.19], 0.9, NO)],
)
def test_scalable_layers(errors, fifth, verdict):
    right = {
        "network, 64 hidden, 4,810 parameters": 0.95,
        "bundle, 1 hidden, 960 parameters": fifth,
    }
    off = dict.fromkeys(scalable_layers.ACTIVATIONS, errors)
    assert scalable_layers.judged((1, 4), off, right).verdict is verdict
