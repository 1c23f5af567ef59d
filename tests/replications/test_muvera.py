"""MUVERA: the quick form runs, orders are right on data made by hand, the rule is kept."""

import numpy as np
import pytest

from likewise.vectors import as_bags
from replications import muvera as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

QUICK = Setting(True, DataFolder("none"), 0, Progress(lambda line: None))


def test_the_quick_form_runs():
    outcome = study.run(QUICK)
    candidates, whole = outcome.tables
    assert len(candidates.rows) == 2 + len(study.ENCODINGS)
    for row in candidates.rows:
        counts = [int(cell) for cell in row[2:]]
        assert counts == sorted(counts)
        assert counts[0] >= 1
    exact, _, proposed = whole.rows
    assert float(exact[2]) == 1.0
    assert float(proposed[2]) > 0.85
    assert float(proposed[3]) < float(exact[3])


def test_orders_on_data_made_by_hand():
    # Documents 0 and 1 each hold the nearest token of one query token; 2 is second to both.
    documents = as_bags([[[1, 0]], [[0, 1]], [[0.9, 0.1], [0.1, 0.9]], [[-1, -1]]])
    queries = as_bags([np.eye(2)])
    best, orders, read = study.token_orders(documents, queries)
    assert read.tolist() == [4]  # two tokens, two entries each
    assert best.tolist() == [2]  # 0.9 + 0.9 is more than 1 + 0
    assert orders.tolist() == [[0, 1, 2, 3]]
    products = queries[0] @ documents.vectors.T
    nearest = np.maximum.reduceat(products, documents.offsets[:-1], axis=1)
    assert study.token_ranks(products, nearest).tolist() == [0, 0, 1, 4]


def test_candidates_are_counted_from_the_front():
    orders = np.array([[3, 1, 0, 2]] * 10)
    best = np.array([3] * 8 + [1] + [2])
    found = study.needed("hand", 2, orders, best)
    assert found.needed == (1, 2, 2, 4)


@pytest.mark.parametrize(
    ("heuristic", "verdict"),
    [
        ((20, 20, 20, 20), Verdict.REPRODUCED),
        ((20, 19, 19, 19), Verdict.PARTLY),
        ((19, 5, 1, 12), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule(heuristic, verdict):
    found = [study.Measured("h", 2, heuristic), study.Measured("e", 2, (10, 10, 10, 10))]
    whole = [study.Whole("exact", 2.0, 1.0, 9, 1), study.Whole("proposals", 1.0, 1.0, 3, 1)]
    bags = as_bags([np.eye(2)])
    assert study.outcome(found, whole, bags, bags).verdict == verdict
