"""A graph's file: the same bytes from the same seed, and damage that never ends the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from likewise._arrays import open_arrays, save_arrays
from likewise.errors import DamagedFile
from likewise.index import CostModel, Graph
from likewise.index._compiled.processor import instruction_set

DEAR = CostModel(call=0.0, streamed=1e-6, gathered=3e-6, graph={16: 1e-6, 1024: 6e-5})
SOURCE = Path(__file__).parents[2] / "src"


def rows(count=1500, dim=20, seed=0):
    made = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    made[7::50] = made[3]  # some are equal
    return made


def build(metric="euclidean", jobs=1, codes="4-bit"):
    """Fitted in one go, then added to and deleted from, so that all kernels had their part."""
    X = rows()
    graph = Graph(metric, costs=DEAR, n_jobs=jobs, codes=codes).fit(X[:1000])
    graph.add(X[1000:])
    graph.delete(np.arange(0, 1500, 6))
    return graph


# -- the same bytes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "codes"), [("cosine", "4-bit"), ("dot", "8-bit"), ("manhattan", "float32")]
)
def test_any_number_of_threads_saves_the_same_bytes(tmp_path, metric, codes):
    for jobs in (1, 2, 5):
        build(metric, jobs, codes).save(tmp_path / str(jobs))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert (tmp_path / "1").read_bytes() == (tmp_path / "5").read_bytes()


PROGRAM = """
import sys
import numpy as np
from tests.index.test_graph_files import build, rows
for metric in ("euclidean", "cosine", "dot"):
    graph = build(metric)
    graph.save(f"{sys.argv[1]}/{metric}")
    found = graph.search(rows(40, seed=1), 10)
    np.savez(f"{sys.argv[1]}/{metric}.npz", ids=found.ids, distances=found.distances)
"""


@pytest.fixture(scope="session")
def portable(tmp_path_factory):
    """What the plain loops make of the same rows, in a process of their own.

    They are kept in the usual cache: it takes minutes to compile them, and others want them too.
    """
    folder = tmp_path_factory.mktemp("portable")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SOURCE), str(SOURCE.parent), *sys.path]),
        "LIKEWISE_KERNELS": "plain",
    }
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    subprocess.run(command, env=environment, check=True, timeout=280, capture_output=True)
    return folder


@pytest.mark.skipif(instruction_set() == "plain", reason="there is one instruction set only")
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
def test_all_instruction_sets_make_the_same_graph(portable, tmp_path, metric):
    graph = build(metric)
    graph.save(tmp_path / "graph")
    assert (tmp_path / "graph").read_bytes() == (portable / metric).read_bytes()
    found = graph.search(rows(40, seed=1), 10)
    expected = np.load(portable / f"{metric}.npz")
    np.testing.assert_array_equal(found.ids, expected["ids"])
    np.testing.assert_array_equal(found.distances, expected["distances"])


# -- damage ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "graph"
    build().save(path)
    return path


def damaged(saved, folder, name, change):
    """A copy of the file, whose array ``name`` is what ``change`` makes of it, loaded."""
    file = open_arrays(saved)
    arrays = {key: array.copy() for key, array in file.arrays.items()}
    arrays[name] = change(arrays[name])
    save_arrays(folder / "damaged", arrays, file.attributes)
    return Graph.load(folder / "damaged")


def use(index):
    """Everything that may be done with an index."""
    X = rows(400, seed=9)
    found = index.search(X[:50], 10, effort=64)
    assert all(len(np.unique(row.ids)) == len(row.ids) for row in found)
    index.search(X[:20], 10, where=np.arange(0, 1500, 3))
    index.search(X[:20], None, radius=3.0)
    index.unreachable()
    index.add(X)
    index.delete(np.arange(500))
    index.search(X[:50], 10)


WILD = [-(2**31), -2, 1250, 2**31 - 1]


@pytest.mark.parametrize("value", WILD)
@pytest.mark.parametrize("name", ["entries", "twin_reps", "twin_slots", "stranded"])
def test_rows_that_are_not_there_are_refused_at_once(saved, tmp_path, name, value):
    def change(array):
        return np.append(array, array.dtype.type(value))

    with pytest.raises(DamagedFile, match="build"):
        damaged(saved, tmp_path, name, change)


@pytest.mark.parametrize("value", WILD)
def test_links_that_lead_nowhere(saved, tmp_path, value):
    def change(array):
        array[::7, 1] = value
        return array

    index = damaged(saved, tmp_path, "links", change)
    found = index.search(rows(50), 10, effort=64)  # a walk passes them by
    assert found.ids.shape == (50, 10)
    assert index.unreachable().max(initial=0) < len(index)  # as does the check
    for work in (
        lambda: index.add(rows(300, seed=5)),
        lambda: index.delete(np.arange(500)),
    ):
        with pytest.raises(DamagedFile, match="lead nowhere; build it again"):
            work()


def test_groups_of_equal_rows_that_go_in_circles(saved, tmp_path):
    def change(array):
        array[1] = array[0]
        return array

    with pytest.raises(DamagedFile, match="equal rows"):
        damaged(saved, tmp_path, "twin_slots", change)


def test_as_many_rows_as_the_file_says(saved, tmp_path):
    with pytest.raises(DamagedFile, match="not what was saved"):
        damaged(saved, tmp_path, "joined", np.zeros_like)


@pytest.mark.parametrize(
    "name", ["links", "entries", "codes", "terms", "half_codes", "half_terms", "mean", "joined"]
)
def test_flipped_bytes_are_refused_or_harmless(saved, tmp_path, name):
    rng = np.random.default_rng(1)
    for _ in range(3):

        def change(array):
            flat = array.reshape(-1).view(np.uint8)
            flat[rng.integers(len(flat), size=5)] ^= rng.integers(1, 256, 5).astype(np.uint8)
            return array

        try:
            use(damaged(saved, tmp_path, name, change))
        except DamagedFile:
            assert name in ("links", "entries", "joined", "mean")


def test_links_within_the_rows_but_wrong_are_harmless(saved, tmp_path):
    rng = np.random.default_rng(2)

    def change(array):
        return rng.integers(-1, len(array), array.shape, dtype=np.int32)

    use(damaged(saved, tmp_path, "links", change))
