"""Families of indexes: the quick form runs, the verdict follows the rule."""

import pytest

from replications import index_families as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs(tmp_path):
    outcome = study.run(
        Setting(True, DataFolder(tmp_path / "none"), 0, Progress(lambda line: None))
    )
    table = outcome.tables[0]
    assert [row[0] for row in table.rows] == list(study.FAMILIES)
    assert [row[1] for row in table.rows][:2] == ["exact", "tree"]
    assert all(float(row[4]) >= 0.9 for row in table.rows)
    assert all(float(row[3]) >= 0 for row in table.rows)


def line(name, build=1.0, size=1e6, recall=0.96, rate=1000.0):
    return study.Measured(name, name, build, size, recall, rate)


AS_CLAIMED = {
    "scan": {"rate": 100.0, "recall": 1.0},
    "tree": {"rate": 50.0, "size": 9e6},
    "hash": {"rate": 500.0},
    "quantisation": {"rate": 900.0},
    "graph": {"rate": 2000.0, "build": 20.0, "size": 9e6},
}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.REPRODUCED),
        ({"quantisation": {"rate": 3000.0}}, Verdict.PARTLY),
        ({"tree": {"rate": 200.0, "size": 9e6}}, Verdict.PARTLY),
        (
            {
                "graph": {"rate": 10.0, "build": 0.1, "size": 1.0},
                "tree": {"rate": 900.0},
            },
            Verdict.NOT_REPRODUCED,
        ),
    ],
)
def test_the_verdict_follows_the_rule(changes, verdict):
    import numpy as np

    measured = [line(name, **given) for name, given in {**AS_CLAIMED, **changes}.items()]
    assert study._outcome(measured, np.zeros((5, 3), np.float32)).verdict is verdict
