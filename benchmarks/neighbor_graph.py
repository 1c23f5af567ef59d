"""All nearest neighbours of a set of rows: `learn.NeighborGraph` beside pynndescent."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.data import FloatRows, generate
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from likewise.index import Exact
from likewise.learn import NeighborGraph
from replications import data as real
from replications.data import DataFolder
from replications.protocol import Table

Ids = npt.NDArray[np.int64]

K, JOBS, ROUNDS, JUDGED = 15, 2, 3, 1000
#: Generated rows; rows of the build before the clock, which compiles what must be compiled.
SENTENCES, FEW = 30_000, 4_500
TARGETS = (0.95, 0.99)
#: Rounds that pynndescent is held to; None is its own choice.
ITERATIONS = (None, 3, 2)


def run(setting: Setting) -> Outcome:
    """Every set by everybody, in turn."""
    figures: list[Figure] = []
    rows: list[list[str]] = []
    sets = SETS_QUICK if setting.quick else SETS
    for done, (name, (read, metric)) in enumerate(sets.items(), 1):
        X = read(setting.random_state)
        seconds, found = measured(X, metric, setting)
        figures += compared(f"{name}, {len(X):,} by {X.shape[1]}, {metric}", seconds, found)
        rows += [
            [name, engine, f"{seconds[engine]:.2f}", f"{found[engine]:.4f}"] for engine in seconds
        ]
        setting.progress.step(done, len(sets), name)
    return Outcome(
        figures,
        tables=[Table("All lists", ["set", "by", "seconds", "recall"], rows)],
        notes=(
            f"k = {K} without the row itself, {JOBS} threads each, medians of {ROUNDS} rounds in "
            "turn; what must be compiled was compiled before. Likewise's seconds include the index "
            "that holds the rows, and the search of 352 of them by which it chooses its effort and "
            f"measures its recall. Recall is of {JUDGED:,} rows, whose true neighbours were found "
            "by comparing them with all.",
            "pynndescent is asked for one neighbour more, since a row is its own; in fewer rounds "
            "than it chooses it is faster, and finds less.",
        ),
    )


def measured(
    X: FloatRows, metric: str, setting: Setting
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds and recall of everybody, by name."""
    works: dict[str, Callable[[FloatRows], Ids]] = {
        f"Likewise, recall={recall}": ours(metric, recall) for recall in TARGETS
    }
    if setting.peers and find_spec("pynndescent"):
        for rounds in ITERATIONS:
            suffix = "" if rounds is None else f", {rounds} rounds"
            works[f"pynndescent{suffix}"] = theirs(metric, rounds)
    for work in works.values():
        work(X[: 300 if setting.quick else FEW])
    answers: dict[str, Ids] = {}

    def asked(name: str) -> Callable[[int], None]:
        def work(_: int) -> None:
            answers[name] = works[name](X)

        return work

    rounds = 1 if setting.quick else ROUNDS
    seconds = interleaved({name: asked(name) for name in works}, rounds, warm=0)
    truth, judged = true_lists(X, metric, setting.random_state)
    found = {name: share(truth, ids[judged]) for name, ids in answers.items()}
    return {name: median(seconds[name]) for name in works}, found


def ours(metric: str, recall: float) -> Callable[[FloatRows], Ids]:
    """Our way."""

    def build(X: FloatRows) -> Ids:
        graph = NeighborGraph(K, Exact(metric), recall=recall, n_jobs=JOBS)
        return graph.fit(X).ids

    return build


def theirs(metric: str, rounds: int | None) -> Callable[[FloatRows], Ids]:
    """pynndescent's."""
    from pynndescent import NNDescent

    def build(X: FloatRows) -> Ids:
        index = NNDescent(X, metric, n_neighbors=K + 1, n_iters=rounds, n_jobs=JOBS, random_state=0)
        ids: Ids = np.asarray(index.neighbor_graph[0], dtype=np.int64)
        own = ids == np.arange(len(X))[:, None]
        own[~own.any(axis=1), -1] = True
        kept: Ids = ids[~own].reshape(len(X), K)
        return kept

    return build


def true_lists(X: FloatRows, metric: str, seed: int) -> tuple[Ids, Ids]:
    """The true neighbours of some rows, and which rows these are."""
    judged = np.sort(np.random.default_rng([seed, len(X)]).permutation(len(X))[:JUDGED])
    found = Exact(metric, n_jobs=JOBS).fit(X).search(X[judged], k=K + 1).ids
    own = found == judged[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(judged), K), judged


def share(truth: Ids, ids: Ids) -> float:
    """The share of the true neighbours that are among ``ids``."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(truth, ids, strict=True)]))


def compared(what: str, seconds: dict[str, float], found: dict[str, float]) -> list[Figure]:
    """Our seconds beside pynndescent's own choice, and beside the quickest that is as good."""
    figures = []
    for recall in TARGETS:
        mine = f"Likewise, recall={recall}"
        note = f"recall {found[mine]:.3f}"
        usual = seconds.get("pynndescent")
        target = usual if recall == TARGETS[0] else None
        figures.append(
            Figure(
                f"{what}, recall={recall}",
                seconds[mine],
                "s",
                "" if usual is None else "pynndescent",
                usual,
                target,
                note=note if usual is None else f"{note}; theirs {found['pynndescent']:.3f}",
            )
        )
        enough = [n for n in seconds if n.startswith("pynn") and found[n] >= recall]
        if enough:
            best = min(enough, key=lambda name: seconds[name])
            figures.append(
                Figure(
                    f"{what}, quickest that finds {recall}",
                    seconds[mine],
                    "s",
                    best,
                    seconds[best],
                    note=f"{note}; theirs {found[best]:.3f}",
                )
            )
    return figures


def _fashion_mnist(seed: int) -> FloatRows:
    rows: Any = real.fashion_mnist(DataFolder.find(), "train")[0]
    return np.asarray(rows, dtype=np.float32).reshape(len(rows), -1)


def _glove(seed: int) -> FloatRows:
    return np.asarray(real.glove(DataFolder.find()), dtype=np.float32)


def _sentences(seed: int) -> FloatRows:
    return generate(SENTENCES, seed).vectors


def _few(seed: int) -> FloatRows:
    return generate(400, seed, dim=24).vectors


#: How each set is read, and its metric.
SETS: dict[str, tuple[Callable[[int], FloatRows], str]] = {
    "Fashion-MNIST": (_fashion_mnist, "euclidean"),
    "generated sentences": (_sentences, "cosine"),
    "GloVe words": (_glove, "cosine"),
}
SETS_QUICK: dict[str, tuple[Callable[[int], FloatRows], str]] = {"generated": (_few, "cosine")}

BENCHMARK = Benchmark(
    "neighbor_graph", "How long does it take to find the neighbours of all rows?", run
)
