"""`NeighborsClassifier` beside scikit-learn's: the same labels, and the time to predict them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.labelled import LABELLED, LabelledSet, quick_set
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.threads import pinned
from benchmarks.timing import interleaved, median
from likewise.index import Exact, Graph
from likewise.learn import NeighborsClassifier
from replications.data import DataFolder, MissingData
from replications.protocol import Table

K = 5
#: The ratio that is aimed at on Fashion-MNIST, with the default recall.
FASTER = 20.0
PEER = "scikit-learn"


def run(setting: Setting) -> Outcome:
    """One set after the other; each predicts its whole test part."""
    figures: list[Figure] = []
    rows: list[list[str]] = []
    notes = [
        f"k = {K}, uniform weights, euclidean, float32 rows for both; {_threads()} threads each. "
        "The whole test part is predicted in one call, ours and theirs in turn. The graph has the "
        "default recall, 0.95; scikit-learn chooses its own way."
    ]
    names = setting.sets or tuple(LABELLED)
    for done, name in enumerate(["generated"] if setting.quick else names, 1):
        try:
            labelled = quick_set() if setting.quick else LABELLED[name](DataFolder.find())
        except MissingData as error:
            notes.append(f"{name} was left out: {error}")
            continue
        measured = measure(labelled, setting.peers and find_spec("sklearn") is not None)
        figures += measured[0]
        rows.append(measured[1])
        setting.progress.step(done, len(names), str(labelled))
    header = [
        "set",
        "to predict",
        "accuracy: exact",
        "graph",
        PEER,
        "labels other than theirs",
        "of these: equal k-th distances",
        "their rounding",
    ]
    return Outcome(figures, [Table("Labels", header, rows)], notes)


def measure(labelled: LabelledSet, peers: bool) -> tuple[list[Figure], list[str]]:
    """Figures of one set, and its line of the table."""
    X, y, Q = labelled.rows, labelled.labels, labelled.queries
    threads = _threads()
    exact = NeighborsClassifier(Exact("euclidean", n_jobs=threads), k=K).fit(X, y)
    graph = NeighborsClassifier(Graph("euclidean", n_jobs=threads), k=K).fit(X, y)
    models: dict[str, Any] = {"exact": exact, "graph": graph}
    if peers:
        from sklearn.neighbors import KNeighborsClassifier

        models[PEER] = KNeighborsClassifier(K, n_jobs=threads).fit(X, y)
    found: dict[str, Any] = {}

    def predict(name: str) -> Any:
        def work(_: int) -> None:
            found[name] = models[name].predict(Q)

        return work

    for name in models:
        models[name].predict(Q[:100])
    rounds = 1 if len(X) * len(Q) > 1e8 else 3
    seconds = interleaved({name: predict(name) for name in models}, rounds, warm=0)
    theirs = median(seconds[PEER]) if peers else None
    figures = []
    for name in ("exact", "graph"):
        aimed = name == "graph" and labelled.title == "Fashion-MNIST" and theirs
        same = f"; {np.mean(found[name] == found[PEER]):.2%} of labels as theirs" if peers else ""
        figures.append(
            Figure(
                f"{labelled.title}: {len(Q):,} labels, {name}",
                median(seconds[name]),
                "s",
                PEER if peers else "",
                theirs,
                theirs / FASTER if aimed and theirs else None,
                note=f"accuracy {np.mean(found[name] == labelled.answers):.4f}{same}",
            )
        )
    accuracy = [f"{np.mean(found[name] == labelled.answers):.4f}" for name in models]
    why = [str(n) for n in differing(exact, models[PEER], Q)] if peers else []
    return figures, [str(labelled), f"{len(Q):,}", *accuracy, *why]


def differing(exact: NeighborsClassifier, peer: Any, queries: Any) -> tuple[int, int, int]:
    """How many labels differ, of how many by equal distances at the k-th place, and by rounding.

    Where the k-th neighbour and the next are equally far, either is right: we take the one that
    came first. Else all of theirs must be ours, by the distances of float64 differences.
    """
    odd = np.flatnonzero(exact.predict(queries) != peer.predict(queries))
    tied = rounded = 0
    for query in queries[odd]:
        near = exact.index_.search(query, k=K + 1)
        ours = near.distances[0]
        if ours[K] == ours[K - 1]:
            tied += 1
        elif set(peer.kneighbors(query[None], K, return_distance=False)[0]) != set(near.ids[0, :K]):
            rounded += 1
    return len(odd), tied, rounded


def _threads() -> int:
    return int(pinned()) if pinned().isdigit() else 1


BENCHMARK = Benchmark("neighbors", "How fast do neighbours predict labels, and the same?", run)
