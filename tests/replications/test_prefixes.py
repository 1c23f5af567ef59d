"""AdANNS, Gaussian retrieval and hedged embeddings: quick forms run, verdicts follow the rules."""

import numpy as np
import pytest

from replications import adanns, gaussian_retrieval, hedged_embeddings
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


@pytest.fixture
def setting(tmp_path):
    return Setting(True, DataFolder(tmp_path / "none"), 0, Progress(lambda line: None))


def test_adanns_runs(setting):
    codes, cells = adanns.run(setting).tables
    assert [row[0] for row in codes.rows][::3] == ["rigid", "nested", "rigid, PCA"]
    assert all(0.5 < float(cell) <= 1 for row in codes.rows for cell in row[2:-1])
    assert cells.rows[0][0] == "rigid, whole"
    assert all(float(row[-1]) > 0.5 for row in cells.rows if row[1] != "-")


def ways(accuracy, cheap):
    whole = adanns.Way(64, 64, 4, 1e5, 1e-4, accuracy)
    return [whole, adanns.Way(8, 16, 4, cheap, 1e-5, accuracy)]


@pytest.mark.parametrize(
    ("nested", "cheap", "verdict"),
    [
        (0.9, 1e4, Verdict.REPRODUCED),
        (0.9, 9e4, Verdict.PARTLY),
        (0.7, 1e4, Verdict.PARTLY),
        (0.7, 9e4, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_adanns(nested, cheap, verdict):
    keys = [(size, d) for size in adanns.BYTES for d in adanns.DIMS]
    codes = {
        name: dict.fromkeys(keys, (0.9, right))
        for name, right in (("rigid", 0.88), ("nested", nested), ("rigid, PCA", 0.8))
    }
    cells = {name: ways(0.9, cheap) for name in codes}
    assert adanns.judged(codes, cells).verdict is verdict


def test_the_length_is_not_chosen_by_the_queries_that_judge():
    codes = {}
    for name in ("rigid", "nested", "rigid, PCA"):
        codes[name] = {
            (size, d): (0.9 if d == 8 else 0.5, 0.5 if d == 8 else 0.9)
            for size in adanns.BYTES
            for d in adanns.DIMS
        }
    outcome = adanns.judged(codes, {name: ways(0.9, 1e4) for name in codes})
    assert {row[-1] for row in outcome.tables[0].rows} == {"0.500 (8)"}


def test_gaussian_retrieval_runs(setting):
    table = gaussian_retrieval.run(setting).tables[0]
    (row,) = table.rows
    assert row[0] == "generated"
    assert all(0 < float(cell) <= 1 for cell in row[3:7])
    assert float(row[7]) < 1e-5
    assert float(row[8]) >= 0.9


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.REPRODUCED),
        ({"kl": 0.4}, Verdict.PARTLY),
        ({"identity": 1e-3}, Verdict.NOT_REPRODUCED),
        ({"recall": 0.8}, Verdict.NOT_REPRODUCED),
        ({"strategy": "exact"}, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_gaussian_retrieval(changes, verdict):
    given = {
        "name": "a",
        "documents": 10,
        "questions": 2,
        "identity": 1e-7,
        "recall": 0.96,
        "strategy": "graph",
        "kl": 0.6,
        "means": {"cosine": 0.5, "euclidean": 0.4, "dot": 0.3},
    }
    line = gaussian_retrieval.Line(**{**given, **changes})
    assert gaussian_retrieval.judged([line]).verdict is verdict


def test_ndcg_by_hand():
    distances = np.array([[0.1, 0.2, 0.3], [0.3, np.inf, 0.1]])
    relevant = [{1: 1.0, 2: 1.0}, {2: 2.0, 0: 1.0}]
    first = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    found = gaussian_retrieval.ndcg(distances, relevant)
    assert found == pytest.approx((first + 1.0) / 2)


def test_hedged_embeddings_run(setting):
    (row,) = hedged_embeddings.run(setting).tables[0].rows
    assert all(0 < float(cell) <= 1 for cell in row[1:5])


def test_what_is_hidden_is_the_share_that_went():
    rng = np.random.default_rng(0)
    X = np.ones((50, 784), np.float32)
    found = hedged_embeddings.pairs(X, np.zeros(50, np.int64), 40, rng)
    assert found.rows.shape == (40, 392)
    np.testing.assert_allclose(found.hidden, 1 - found.rows.mean(axis=1), atol=1e-6)
    assert found.hidden.max() > 0.1


@pytest.mark.parametrize(
    ("hedged", "correlation", "verdict"),
    [
        (0.9, 0.3, Verdict.REPRODUCED),
        (0.7, 0.3, Verdict.PARTLY),
        (0.9, 0.0, Verdict.PARTLY),
        (0.7, 0.0, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_hedged_embeddings(hedged, correlation, verdict):
    line = hedged_embeddings.Line(hedged, 0.8, correlation, 0.7, 0.7, 0.7, 0.5)
    assert hedged_embeddings.judged([line]).verdict is verdict
