"""Every installed engine keeps the protocol: built, saved, loaded, asked in both ways."""

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.building import build, keep_rows, load, map_rows
from benchmarks.data import generate
from benchmarks.peers.engines import BARE, ENGINES, HNSWLIB, OURS, chosen, label
from benchmarks.sweep import recall_of
from benchmarks.vectors import K, prepared
from benchmarks.workspace import Workspace


@pytest.fixture(scope="module", params=["cosine", "euclidean"])
def data(request):
    made = generate(1_300, 0, dim=16)
    queries = made.queries[:20]
    return prepared("small", "small", request.param, made.vectors, queries, keep=False)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_finds_the_truth_in_batches_and_singly(name, data, tmp_path):
    if not find_spec(ENGINES[name].package):
        pytest.skip(f"{ENGINES[name].package} is not installed")
    workspace = Workspace(tmp_path)
    built = build(name, data, 2, workspace)
    assert built.now
    assert built.seconds > 0
    assert built.megabytes > 0.01
    engine = load(built, data, map_rows(keep_rows(data, workspace)))
    recalls = []
    for effort in (engine.efforts[0], engine.efforts[len(engine.efforts) * 2 // 3]):
        engine.set_effort(effort)
        found = engine.search(data.queries, K)
        assert found.shape == (20, K)
        singly = np.array([engine.search_one(query, K) for query in data.queries])
        assert (found == singly).mean() > 0.99
        recalls.append(recall_of(found, data.truth))
    assert recalls[1] > 0.9
    assert recalls[0] <= recalls[1]


def test_peers_are_found_again_and_ours_is_built_anew(data, tmp_path):
    workspace = Workspace(tmp_path)
    for name in BARE:
        first, second = build(name, data, 1, workspace), build(name, data, 1, workspace)
        assert first.now
        assert second.now is (name == OURS)
        assert (first.seconds == second.seconds) is (name != OURS)
        assert first.folder == second.folder


def test_a_metric_that_engines_do_not_share_is_refused():
    with pytest.raises(ValueError, match="cosine or euclidean; got 'dot'"):
        ENGINES[OURS]("dot")


def test_engines_are_chosen_by_name_or_by_what_is_installed(monkeypatch):
    assert list(chosen(peers=False)) == list(BARE)
    assert list(chosen(["faiss IVF", OURS])) == [OURS, "faiss IVF"]
    with pytest.raises(ValueError, match="no engine 'nothing'; there are Likewise, hnswlib"):
        chosen(["nothing"])
    monkeypatch.setattr(
        "benchmarks.peers.engines.find_spec", lambda package: package in ("likewise", "hnswlib")
    )
    assert list(chosen()) == [OURS, HNSWLIB]


def test_efforts_are_written_short():
    assert [label(effort) for effort in (64, 0.1, (32, 20))] == ["64", "0.1", "32/20"]
