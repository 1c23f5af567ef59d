"""Its quick form, and that the outer test fold takes no part in the choice."""

import numpy as np

from replications.data import DataFolder
from replications.ntk_small_data import REPLICATION, Labelled, Method, nested
from replications.protocol import Progress, Setting, Verdict


def test_the_inner_folds_choose():
    y = np.arange(40) % 2
    data = Labelled("parity", y[:, None].astype(float), y)
    seen = []

    def right(X, y, train, test):
        seen.append((set(train), set(test)))
        return X[test, 0].astype(int)

    def wrong(X, y, train, test):
        return 1 - X[test, 0].astype(int)

    method = Method(lambda X, seed: [(X, wrong), (X, right)])
    assert nested(data, method, 4, 0) == 1.0
    assert all(not train & test for train, test in seen)
    # Three inner folds and one outer test for each of four outer folds.
    sizes = [len(test) for _, test in seen]
    assert sizes == [10, 10, 10, 10] * 4


def test_the_quick_form_runs(tmp_path):
    said = []
    setting = Setting(True, DataFolder(tmp_path), progress=Progress(said.append))
    outcome = REPLICATION.run(setting)
    assert outcome.verdict in Verdict
    assert len(outcome.tables[0].rows) == 1 + 3
    assert said
