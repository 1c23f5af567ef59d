"""Filters inside the search of a graph: never short, and the recall that is promised."""

import numpy as np
import pytest

from likewise.index import CostModel, Graph, _links

SLOW = {"streamed": 1e-6, "gathered": 3e-6, "call": 0.0}
#: Each strategy made the cheapest by far.
COSTS = {
    "scan": CostModel(**SLOW, graph={16: 1.0}, codes={"row": 1e-9}),
    "graph": CostModel(**SLOW, graph={16: 1e-9, 1024: 1e-8}, codes={"row": 1.0}),
    "two-hop": CostModel(
        **SLOW,
        graph={16: 1.0},
        codes={"row": 1.0},
        hops={share: {16: 1e-9, 512: 1e-8} for share in _links.SHARES},
    ),
    "exact": CostModel(graph={16: 1.0}, codes={"row": 1.0}),
}
COUNT, DIM = 4000, 32


def clusters(count, seed, dim=DIM):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, dim)) * 1.5
    made = centres[rng.integers(0, 40, count)] + rng.standard_normal((count, dim))
    return made.astype(np.float32)


@pytest.fixture(scope="module")
def data():
    X = clusters(COUNT, 0)
    X[3000:3200] = X[:200]  # twins
    return X, clusters(40, 1)


@pytest.fixture(scope="module")
def graphs(data):
    """The same graph under four planners."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_links, "FEWEST_TO_HOP", 100)
        yield _graphs(data, made)


def _graphs(data, made):
    for codes in ("8-bit", "4-bit"):
        for name, costs in COSTS.items():
            made[codes, name] = Graph("euclidean", costs=costs, codes=codes).fit(data[0])
    return made


def nearest_first(query, X):
    return np.argsort(np.square(X.astype(float) - query).sum(axis=1), kind="stable")


def mask_for(kind, share, query, X):
    count = max(1, round(share * len(X)))
    order = nearest_first(query, X)
    passing = {
        "random": np.random.default_rng(5).permutation(len(X))[:count],
        "near": order[:count],
        "far": order[-count:],
        "not the nearest": order[len(X) // 50 :][:: max(1, round(0.98 / share))],
    }[kind]
    mask = np.zeros(len(X), dtype=bool)
    mask[passing] = True
    return mask


def recall_of(row, query, X, mask, k):
    """The share of the true ones found; checks that nothing else is wrong with the answer."""
    matching = np.flatnonzero(mask)
    k = min(k, len(matching))
    assert len(row.ids) == k == len(np.unique(row.ids))
    assert mask[row.ids].all()
    apart = np.sqrt(np.square(X.astype(float) - query).sum(axis=1))
    np.testing.assert_allclose(row.distances, apart[row.ids], rtol=1e-9)
    assert (np.diff(row.distances) >= 0).all()
    return np.mean(row.distances <= np.sort(apart[matching])[k - 1] * (1 + 1e-12))


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize("share", [0.5, 0.1, 0.02, 0.001])
@pytest.mark.parametrize("kind", ["random", "near", "far", "not the nearest"])
@pytest.mark.parametrize("strategy", ["scan", "graph", "two-hop"])
@pytest.mark.parametrize("codes", ["8-bit", "4-bit"])
def test_recall_under_any_mask(data, graphs, codes, strategy, kind, share, k):
    X, Q = data
    found = []
    for query in Q[: 40 if k == 1 else 12]:
        mask = mask_for(kind, share, query, X)
        answer = graphs[codes, strategy].search(query, k, where=mask, recall=0.9)
        assert answer.info.matching == mask.sum()
        found.append(recall_of(answer[0], query, X, mask, k))
    assert np.mean(found) >= 0.9


def test_who_is_asked_is_who_answers(data, graphs):
    _, Q = data
    mask = np.arange(COUNT) % 3 == 0
    for codes in ("8-bit", "4-bit"):
        for name in COSTS:
            found = graphs[codes, name].search(Q, 5, where=mask, recall=0.9)
            assert found.info.strategy == ("graph" if name == "two-hop" else name)
            assert ("among" in found.info.reason) == (name == "two-hop")
            weighed = found.info.candidates
            assert set(weighed) >= {"exact", "scan", "graph"}
            assert min(weighed, key=weighed.__getitem__) == name


@pytest.mark.parametrize("name", ["scan", "two-hop"])
@pytest.mark.parametrize("codes", ["8-bit", "4-bit", "float32"])
def test_deletions_spans_and_rows_that_wait(data, codes, name, monkeypatch):
    monkeypatch.setattr(_links, "FEWEST_TO_HOP", 100)
    X, Q = data
    index = Graph("euclidean", costs=COSTS[name], codes=codes).fit(X[:3500])
    index.add(X[3500:3550])  # they wait beside the graph
    index.delete(np.arange(0, 3550, 11))
    living = np.arange(3550) % 11 > 0
    span = np.zeros(3550, dtype=bool)
    span[500:3540] = True
    for where, mask in ((range(500, 3540), span), (None, living), (np.flatnonzero(span), span)):
        found = index.search(Q, 10, where=where, recall=0.9)
        assert found.info.strategy == ("scan" if name == "scan" else "graph")
        assert found.info.matching == (mask & living).sum()
        shares = [
            recall_of(row, query, X[:3550], mask & living, 10)
            for row, query in zip(found, Q, strict=True)
        ]
        assert np.mean(shares) >= 0.9
    tail = index.search(X[3549], 1, where=range(3500, 3550), recall=0.9)
    assert tail[0].ids.tolist() == [3549]


def test_a_twin_of_a_row_that_fails_is_found(data, graphs):
    X, _ = data
    mask = np.ones(COUNT, dtype=bool)
    mask[:200] = False
    for name in COSTS:
        for row in range(0, 200, 20):
            found = graphs["8-bit", name].search(X[row], 1, where=mask, recall=0.9)
            assert found[0].ids.tolist() == [3000 + row]
            assert found[0].distances.tolist() == [0]


@pytest.mark.parametrize("name", ["scan", "two-hop"])
def test_within_a_radius_too(data, graphs, name):
    _, Q = data
    mask = np.random.default_rng(3).random(COUNT) < 0.2
    exact = graphs["8-bit", "exact"].search(Q, 10, where=mask, radius=7.0, exact=True)
    found = graphs["8-bit", name].search(Q, 10, where=mask, radius=7.0, recall=0.9)
    assert found.info.strategy == ("scan" if name == "scan" else "graph")
    sizes = [len(row.ids) for row in exact]
    assert min(sizes) < 10
    assert max(sizes) == 10
    assert np.mean([len(row.ids) for row in found]) >= 0.95 * np.mean(sizes)
    assert max(row.distances.max(initial=0) for row in found) <= 7.0


def test_rows_that_codes_cannot_tell_apart_are_scanned_exactly():
    # All that pass lie on a sphere around the query, nearly: their codes are in no order.
    rng = np.random.default_rng(0)
    X = clusters(3000, 2)
    shell = rng.standard_normal((1500, DIM))
    shell *= (20 + 1e-3 * rng.random((1500, 1))) / np.linalg.norm(shell, axis=1)[:, None]
    X = np.concatenate([X, shell.astype(np.float32)])
    index = Graph("euclidean", costs=COSTS["scan"], codes="8-bit").fit(X)
    query, mask = np.zeros(DIM, np.float32), np.arange(4500) >= 3000
    found = index.search(query, 10, where=mask, recall=0.9)
    assert (found.info.strategy, found.info.recall) == ("exact", 1.0)
    assert "codes" in found.info.reason
    assert recall_of(found[0], query, X, mask, 10) == 1


def test_threads_change_nothing(data):
    X, Q = data
    mask = np.arange(COUNT) % 4 > 0
    one, two = (Graph("euclidean", costs=COSTS["scan"], n_jobs=jobs).fit(X) for jobs in (1, 2))
    Q = np.concatenate([Q, X[:40]])
    np.testing.assert_array_equal(
        one.search(Q, 10, where=mask).ids, two.search(Q, 10, where=mask).ids
    )


def test_what_was_measured_is_kept_in_the_file(data, graphs, tmp_path):
    _, Q = data
    graphs["8-bit", "scan"].save(tmp_path / "graph")
    again = Graph.load(tmp_path / "graph")
    assert again._links.scanning == graphs["8-bit", "scan"]._links.scanning
    mask = np.arange(COUNT) % 4 > 0
    assert again._links.hopping == graphs["8-bit", "scan"]._links.hopping
    assert set(again._links.hopping) == set(_links.SHARES)
    found = again.search(Q, 10, where=mask)
    assert found.info.strategy == "scan"
    np.testing.assert_array_equal(found.ids, graphs["8-bit", "scan"].search(Q, 10, where=mask).ids)


def test_clocked_constants_have_all_parts(data):
    costs = Graph("euclidean").fit(data[0][:1000]).costs
    assert min(costs.masked.values()) > 0
    assert set(costs.codes) == {"call", "row", "apart", "ranked", "moved"}
    assert sum(costs.codes.values()) > 0
    assert CostModel.from_dict(costs.to_dict()) == costs
