"""M-split: the quick form runs; means and verdict are what their words say."""

import numpy as np
import pytest

from likewise.learn import MSplitNeighborsRegressor
from replications import m_split as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = study.run(setting)
    best, over = outcome.tables
    assert len(best.rows) == 3 * (2 * 2 + len(study.REAL))
    assert [row[0] for row in over.rows] == ["regression"] * 3 + ["classification"] * 3


def test_one_product_finds_what_searches_of_the_parts_find():
    rng = np.random.default_rng(0)
    X, Q = rng.random((90, 3)), rng.random((7, 3))
    model = MSplitNeighborsRegressor(parts=13, random_state=4).fit(X, np.zeros(90))
    ids, squares = study.nearest_in_parts(X, Q, model.part_rows_)
    assert ids.tolist() == model.neighbors(Q).ids[:, :, 0].tolist()
    np.testing.assert_allclose(squares, model.neighbors(Q).distances[:, :, 0] ** 2, atol=1e-6)


def test_one_part_is_one_neighbour_for_all_three():
    rng = np.random.default_rng(0)
    means = study.Answers(rng.random((40, 3)), rng.random((6, 3)), (1, 5), 0).means(rng.random(40))
    assert means.shape == (3, 2, 6)
    assert (means[:, 0] == means[0, 0]).all()
    assert (means[1, 1] != means[2, 1]).any()


@pytest.mark.parametrize(
    ("nearest", "best_at", "later", "verdict"),
    [
        (1.2, 1, 1.0, Verdict.REPRODUCED),
        (1.3, 1, 1.0, Verdict.PARTLY),
        (1.2, 3, 1.0, Verdict.NOT_REPRODUCED),  # another M than k
        (1.2, 1, 1.2, Verdict.NOT_REPRODUCED),  # another power of n
    ],
)
def test_the_verdict_follows_the_rule(nearest, best_at, later, verdict):
    def line(task, n):
        risks = np.full((3, 4), 90.0)
        risks[0, 1], risks[1, best_at], risks[2, 1] = 1.0, 1.5, nearest
        risks[1] *= later if n == 200 else 1.0
        return study.Line(task, n, (1, 3, 10, 30), risks / n)

    lines = [line(task, n) for task in ("regression", "classification") for n in (100, 200)]
    assert study.judged(lines, lines[:1]).verdict is verdict
