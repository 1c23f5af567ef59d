"""Graph proximities: the quick form runs, graphs are read right, the rule is kept."""

import numpy as np

from replications import graph_proximities as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

QUICK = Setting(True, DataFolder("none"), 0, Progress(lambda line: None))


def test_the_quick_form_runs():
    outcome = study.run(QUICK)
    (row,) = outcome.tables[0].rows
    assert len(row) == 2 + 2 * len(study.MEASURES)
    assert all(-1 <= float(cell) <= 1 for cell in row[1:])
    assert max(float(cell) for cell in row[1:]) > 0.8  # blocks this clear are found


def test_a_graph_of_files(tmp_path):
    (tmp_path / "nodes.csv").write_text("node,name,label\n3,x,a\n7,y,b\n9,z,a\n11,w,b\n")
    (tmp_path / "edges.csv").write_text("source,target\n3,7\n7,3\n7,9\n9,9\n")
    A, labels = study.real_graph(tmp_path)
    assert A.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert labels.tolist() == [0, 1, 0]


def line(log, plain):
    ways = dict.fromkeys(study.MEASURES, plain) | {"commute": 0.0}
    return study.Line("made", ways, dict.fromkeys(study.MEASURES, 0.5) | log)


def test_the_rule():
    leads = study.judged([line({"communicability": 0.9}, 0.1)])
    assert leads.verdict is Verdict.REPRODUCED
    follows = study.judged([line({"heat": 0.9}, 0.1)])
    assert follows.verdict is Verdict.PARTLY
    assert study.judged([line({}, 0.6)]).verdict is Verdict.NOT_REPRODUCED


def test_centring_keeps_distances():
    K = np.random.default_rng(0).standard_normal((5, 5))
    K = K + K.T
    own, centred = np.diag(K), study.centred(K)
    np.testing.assert_allclose(centred.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(
        np.add.outer(np.diag(centred), np.diag(centred)) - 2 * centred,
        np.add.outer(own, own) - 2 * K,
    )
