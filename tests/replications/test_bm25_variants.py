"""BM25 variants: the quick form runs, the measure is right, the verdict follows the rule."""

import numpy as np
import pytest

from replications import bm25_variants as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs(tmp_path):
    folder = DataFolder(tmp_path / "none")
    outcome = study.run(Setting(True, folder, 0, Progress(lambda line: None)))
    (table,) = outcome.tables
    assert [row[0] for row in table.rows] == [*study.VARIANTS, *study.VARIANTS]
    assert all(0.9 < float(row[2]) <= 1 for row in table.rows)


def test_ndcg_by_hand():
    qrels = {"q": {"a": 2, "b": 1}, "p": {"c": 1}}
    collection = study.Collection("", ["a", "b", "c"], [], {}, qrels)
    found = study.ndcg([np.array([1, 2, 0]), np.array([], dtype=np.int64)], collection)
    ideal = 2 + 1 / np.log2(3)
    assert found.tolist() == pytest.approx([(1 + 2 / np.log2(4)) / ideal, 0])


@pytest.mark.parametrize(
    ("widest", "scifact", "verdict"),
    [
        (0.01, 0.68, Verdict.REPRODUCED),
        (0.03, 0.68, Verdict.PARTLY),
        (0.01, 0.60, Verdict.PARTLY),
        (0.03, 0.60, Verdict.NOT_REPRODUCED),
        (0.01, None, Verdict.REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(widest, scifact, verdict):
    assert study.judged(widest, scifact)[0] is verdict
