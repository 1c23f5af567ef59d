"""Cold processes: searches and commits never wait for kernels, and do without where need be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.errors import CacheWarning
from likewise.index import _compiled
from likewise.index._compiled import _library
from likewise.store import kernels
from tests.store.small import GRAPH_FIRST, GRAPH_ROWS, TAIL_ROWS, shrink

ROOT = Path(__file__).parents[2]
ROWS, DIM = 2500, 8
START = """
import sys, time, warnings, numpy as np, likewise as lw
from likewise.index import _compiled
from likewise.index._compiled import behind, place
from tests.store.small import GRAPH_FIRST
path, query = sys.argv[1], np.ones(8)

def search_until(strategy, collection, seconds=60):
    end = time.monotonic() + seconds
    while (info := collection.search(query).info).strategy != strategy:
        assert time.monotonic() < end, info
        time.sleep(0.02)
    return info
"""
FIRST = """
collection = lw.open(path, read_only=True)
first = collection.search(query)
assert (first.info.strategy, first.info.recall, first.info.scanned) == ("exact", 1.0, 2500)
"""
LOADING = 'assert "still being loaded" in first.info.reason, first.info.reason\n'
GRAPH_LATER = 'search_until("graph", collection)\nassert _compiled.late() == []\n'
WITHOUT_NUMBA = "sys.modules['numba'] = None\n"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection with a graph, on a machine that has kernels."""
    path = tmp_path_factory.mktemp("cold") / "c.likewise"
    rows = np.random.default_rng(0).standard_normal((ROWS, DIM))
    with lw.create(path, dim=DIM, metric="euclidean", costs=GRAPH_FIRST) as collection:
        collection.add({"id": i, "vector": row} for i, row in enumerate(rows))
        collection.seal()
        assert collection.search(np.ones(DIM)).info.strategy == "graph"
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program in a process of its own, with warnings as errors; gives what it prints."""
    (tmp_path / "tmp").mkdir()

    def run(program: str, path: Path, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", START + program, str(path)],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
                "TMPDIR": str(tmp_path / "tmp"),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    """A line of program: the process that compiles only copies what this machine has."""
    folder = _library.place.folder
    assert folder is not None
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nsleep 0.3\ncp -r "{folder}" "$KERNELS_TO"\n')
    stand_in.chmod(0o755)
    return f"sys.executable = {str(stand_in)!r}\n"


# -- searches ----------------------------------------------------------------------------


def test_kernels_that_are_there_are_loaded_behind_the_first_answer(cold: Path, run: Run) -> None:
    run(FIRST + LOADING + GRAPH_LATER, cold)


def test_an_empty_cache_is_filled_behind_the_first_answer(
    cold: Path, run: Run, elsewhere: str, tmp_path: Path
) -> None:
    cache = str(tmp_path / "empty")
    run(elsewhere + FIRST + LOADING + GRAPH_LATER, cold, LIKEWISE_CACHE=cache, KERNELS_TO=cache)
    run("assert _compiled.cached()", cold, LIKEWISE_CACHE=cache)


def test_a_cache_that_cannot_be_written(cold: Path, run: Run, elsewhere: str) -> None:
    # Where it cannot be kept is told whoever waits for a compilation; a search does not.
    kept = "/dev/null/nowhere"
    program = elsewhere + "import os\nos.environ['KERNELS_TO'] = str(place.place_of("
    program += "'likewise.index._compiled').folder.parent)\n"
    run(program + FIRST + LOADING + GRAPH_LATER, cold, LIKEWISE_CACHE=kept)


def test_a_complete_cache_that_cannot_be_written(cold: Path, run: Run) -> None:
    folder = _library.place.folder
    refused = f"usual = place.writable\nplace.writable = lambda f: f != type(f)({str(folder)!r})"
    program = f"{refused} and usual(f)\nsys.executable = ''\n"  # nobody may compile
    program += FIRST + LOADING + GRAPH_LATER + "print(_compiled._library.place.folder)"
    assert run(program, cold) != str(folder)


def test_kernels_that_cannot_be_had(cold: Path, run: Run) -> None:
    program = """
while _compiled.loading():
    time.sleep(0.01)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    again = [collection.search(query) for _ in range(5)]
print(len(told), *told)
assert all(result.ids == first.ids for result in again)
assert "could not be loaded" in again[-1].info.reason
"""
    alone = "sys.executable = ''\n"  # or another process would compile, in vain
    out = run(
        alone + WITHOUT_NUMBA + FIRST + LOADING + program, cold, LIKEWISE_CACHE="/dev/null/nowhere"
    )
    assert out.startswith("1 ")
    assert "cannot be loaded" in out
    assert "likewise warm" in out


def test_nothing_is_loaded_for_what_needs_no_kernels(cold: Path, run: Run) -> None:
    program = """
collection = lw.open(path)
assert "an exact answer was asked for" in collection.search(query, exact=True).info.reason
assert collection.check() == []
collection.add([{"id": "few", "vector": query}])
collection.delete("few")
collection.close()
assert not _compiled.loading() and not _compiled.ready() and "numba" not in sys.modules
"""
    run(program, cold)


def test_recall_is_measured_on_the_graph(cold: Path, run: Run) -> None:
    program = "report = lw.open(path, read_only=True).recall(queries=30)\n"
    assert run(program + "print(report.strategy, report.recall >= 0.9)", cold) == "graph True"


# -- sealing -----------------------------------------------------------------------------

SMALL = """
import pytest
from tests.store.small import shrink
shrink(pytest.MonkeyPatch())

def fill(count, first=0):
    vectors = np.random.default_rng(first).standard_normal((count, 8))
    collection.add({"id": first + i, "vector": v} for i, v in enumerate(vectors))

def indexes(collection):
    return [segment["indexes"]["dense"] for segment in collection.info()["segments"]]
"""
COSTS = "costs=GRAPH_FIRST"


def test_a_short_process_leaves_the_graph_to_others(
    run: Run, elsewhere: str, tmp_path: Path
) -> None:
    path, cache = tmp_path / "c.likewise", str(tmp_path / "empty")
    program = f"""
collection = lw.create(path, dim=8, {COSTS})
fill({2 * GRAPH_ROWS})
collection.close()
assert not _compiled.ready() and "numba" not in sys.modules
collection = lw.open(path, read_only=True)
print(*indexes(collection), collection.info()["tail_rows"])
"""
    out = run(elsewhere + SMALL + program, path, LIKEWISE_CACHE=cache, KERNELS_TO=cache)
    assert out == "exact 0"
    end = time.monotonic() + 30
    while not list(Path(cache).glob("*/complete.json")):  # what it began goes on without it
        assert time.monotonic() < end, "nobody compiled"
        time.sleep(0.02)
    # The first commit of a process that stays has the graph built.
    program = f"""
collection = lw.open(path, {COSTS})
fill(1, first=1000)
end = time.monotonic() + 60
while indexes(collection) != ["graph"]:
    assert time.monotonic() < end
    time.sleep(0.02)
assert collection.search(query).info.strategy == "graph"
assert collection.check() == []
"""
    run(SMALL + program, path, LIKEWISE_CACHE=cache)


def test_sealing_where_kernels_cannot_be_had(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.likewise"
    program = f"""
collection = lw.create(path, dim=8, {COSTS})
fill({2 * GRAPH_ROWS})
for task in (collection.seal, collection.compact, collection.repair):
    with pytest.warns(lw.CacheWarning, match="cannot be loaded.*without a graph"):
        task()
    assert indexes(collection) == ["exact"]
    assert collection.check() == []
    assert collection.search(query, 3).info.matching == {2 * GRAPH_ROWS}
warnings.simplefilter("ignore")
"""
    run(WITHOUT_NUMBA + SMALL + program, path)
    program = f"""
collection = lw.open(path, {COSTS})
collection.seal()
print(*indexes(collection), collection.search(query).info.strategy)
"""
    assert run(SMALL + program, path) == "graph graph"


def test_a_graph_is_kept_where_kernels_cannot_be_had(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.likewise"
    program = f"""
collection = lw.create(path, dim=8, {COSTS})
fill({2 * GRAPH_ROWS})
collection.seal()
collection.close()
"""
    run(SMALL + program, path)
    program = f"""
warnings.simplefilter("ignore", lw.CacheWarning)
collection = lw.open(path, {COSTS})
fill({2 * GRAPH_ROWS}, first=1000)
collection.delete(range({GRAPH_ROWS}))
collection.seal()
print(*indexes(collection), len(collection), collection.info()["tail_rows"])
"""
    out = run(WITHOUT_NUMBA + SMALL + program, path)
    assert out == f"graph exact {3 * GRAPH_ROWS} 0"


def test_several_metrics_and_an_interrupted_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    monkeypatch.setattr("likewise.store.sealing.TAIL_ROWS", 10**6)  # nobody seals but us
    fields = {
        "bits": lw.VectorField(dim=DIM, metric="hamming"),
        "plain": lw.VectorField(dim=DIM, metric="euclidean"),
    }
    rng, seen = np.random.default_rng(0), []

    def interrupted(done: int, total: int) -> None:
        seen.append((done, total))
        if done:
            raise KeyboardInterrupt

    with lw.create(tmp_path / "c", fields=fields, costs=GRAPH_FIRST) as collection:
        collection.add(
            {"vectors": {name: rng.integers(0, 3, DIM) + 1.0 for name in fields}}
            for _ in range(4 * GRAPH_ROWS)
        )
        with pytest.raises(KeyboardInterrupt):
            collection.seal(progress=interrupted)
        assert seen[-1] == (1, 4 * GRAPH_ROWS)
        assert collection.info()["tail_rows"] == 4 * GRAPH_ROWS
        assert collection.search(np.ones(DIM), using="bits").info.strategy == "exact"
        collection.seal()
        assert set(collection.info()["segments"][0]["indexes"].values()) == {"graph"}
        assert collection.check() == []


# -- waiting for them --------------------------------------------------------------------


class Interrupted(Exception):
    """What a caller's progress raised."""


def test_progress_interrupts_the_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    def kernels_of(progress: Callable[[int, int], None]) -> None:
        progress(1, 50)
        raise ImportError("no numba")

    monkeypatch.setattr(_compiled, "ready", lambda: False)
    monkeypatch.setattr(_compiled, "kernels", kernels_of)
    seen: list[tuple[int, int]] = []
    with pytest.warns(CacheWarning, match="no numba"):
        assert not kernels.load_now(70, lambda done, total: seen.append((done, total)))
    assert seen == [(0, 70)]

    def interrupt(done: int, total: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        kernels.load_now(70, interrupt)


def test_a_seal_need_not_wait_for_kernels_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    ready = False
    monkeypatch.setattr(_compiled, "ready", lambda: ready)
    monkeypatch.setattr(_compiled, "loading", lambda: not ready)  # for as long as we like
    monkeypatch.setattr(_compiled, "load_behind", lambda: None)
    with lw.create(tmp_path / "c", dim=DIM, costs=GRAPH_FIRST) as collection:
        rows = np.random.default_rng(0).standard_normal((GRAPH_ROWS, DIM))
        collection.add({"vector": row} for row in rows)
        time.sleep(0.2)
        assert collection.info()["segments"] == [], "the sealer does not wait"
        collection.seal()
        assert collection.info()["segments"][0]["indexes"] == {"dense": "graph"}
        ready = True
        assert len(collection) > TAIL_ROWS
