"""Plain proximities of nodes beside their logarithms, in clustering (Ivashkin and Chebotarev)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score

from likewise.kernels import GraphProximity, largest_component, proximity_grid
from likewise.kernels.machines import KernelKMeans
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Graph = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]
MEASURES = ("walk", "communicability", "forest", "heat", "pagerank")
#: Block models: nodes in each block, chances of an edge inside and between, and how many graphs.
BLOCKS = {
    "2 x 50, .30 / .15": ((50, 50), 0.30, 0.15, 20),
    "2 x 50, .30 / .10": ((50, 50), 0.30, 0.10, 20),
    "4 x 25, .40 / .10": ((25,) * 4, 0.40, 0.10, 20),
    "20 + 80, .30 / .10": ((20, 80), 0.30, 0.10, 20),
}
REAL = ("karate", "polbooks", "polblogs")
NEEDS = tuple(f"graph_{name}/{part}.csv" for name in REAL for part in ("nodes", "edges"))


@dataclass(frozen=True, slots=True)
class Line:
    """Of one kind of graph: the mean index of every measure, plain and as a logarithm."""

    name: str
    plain: dict[str, float]
    log: dict[str, float]


def run(setting: Setting) -> Outcome:
    kinds: dict[str, list[Graph]] = {}
    blocks = {"2 x 15": ((15, 15), 0.6, 0.15, 2)} if setting.quick else BLOCKS
    for name, (sizes, inside, between, count) in blocks.items():
        seeds = [setting.random_state * 1000 + i for i in range(count)]
        kinds[name] = [block_graph(sizes, inside, between, seed) for seed in seeds]
    for name in () if setting.quick else REAL:
        folder = setting.data.file(f"graph_{name}/nodes.csv").parent
        kinds[name] = [real_graph(folder)]
    points, starts = (3, 2) if setting.quick else (9, 5)
    lines = []
    for name, graphs in kinds.items():
        lines.append(measured(name, graphs, points, starts))
        setting.progress.step(len(lines), len(kinds), name)
    return judged(lines)


def block_graph(sizes: tuple[int, ...], inside: float, between: float, seed: int) -> Graph:
    """A stochastic block model, its largest piece."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    chance = np.where(labels[:, None] == labels, inside, between)
    upper = np.triu(rng.random(chance.shape) < chance, 1).astype(np.float64)
    return connected(upper + upper.T, labels)


def real_graph(folder: Path) -> Graph:
    """A graph of the data folder as undirected, without loops and weights, its largest piece."""
    with (folder / "nodes.csv").open(encoding="utf-8") as file:
        names = {row["node"]: row["label"] for row in csv.DictReader(file)}
    place = {node: i for i, node in enumerate(names)}
    A = np.zeros((len(names), len(names)))
    with (folder / "edges.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            one, other = place[row["source"]], place[row["target"]]
            A[one, other] = A[other, one] = one != other
    return connected(A, np.unique(list(names.values()), return_inverse=True)[1])


def connected(A: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> Graph:
    nodes = largest_component(A)
    return A[np.ix_(nodes, nodes)], labels[nodes]


def measured(name: str, graphs: list[Graph], points: int, starts: int) -> Line:
    scores = {
        log: {m: np.mean([best(graph, m, log, points, starts) for graph in graphs]) for m in ways}
        for log, ways in ((False, (*MEASURES, "commute")), (True, MEASURES))
    }
    as_floats = [{m: float(v) for m, v in scores[log].items()} for log in (False, True)]
    return Line(name, *as_floats)


def best(graph: Graph, measure: str, log: bool, points: int, starts: int) -> float:
    """The adjusted Rand index at the t that is best for it: chosen with labels, for all alike."""
    A, labels = graph
    clusters = len(np.unique(labels))

    def index(t: float) -> float:
        K = GraphProximity(A, measure, t=t, log=log).matrix()
        means = KernelKMeans(clusters, "precomputed", n_init=starts).fit(centred(K))
        return float(adjusted_rand_score(labels, means.labels_))

    return max(index(t) for t in proximity_grid(A, measure, points).tolist())


def centred(K: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows and columns with mean 0: the same distances, and the least rounding."""
    means = K.mean(axis=0)
    out: npt.NDArray[np.float64] = K - np.add.outer(means, means) + K.mean()
    return out


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    pairs = [(line, m) for line in lines for m in MEASURES]
    wins = sum(line.log[m] > line.plain[m] + 1e-9 for line, m in pairs)
    losses = sum(line.log[m] < line.plain[m] - 1e-9 for line, m in pairs)
    mean = {m: float(np.mean([line.log[m] for line in lines])) for m in MEASURES}
    leader = max(mean, key=lambda m: mean[m])
    close = mean["communicability"] >= mean[leader] - 0.01
    usually = wins > 2 * losses
    verdict = Verdict.NOT_REPRODUCED
    if usually:
        verdict = Verdict.REPRODUCED if close else Verdict.PARTLY
    reason = (
        f"the logarithm is better in {wins} and worse in {losses} of {len(pairs)} pairs; by their "
        f"mean index log {leader} leads with {mean[leader]:.3f}, log communicability has "
        f"{mean['communicability']:.3f}"
    )
    header = ("graphs", *(f"{m}, {way}" for m in MEASURES for way in ("plain", "log")), "commute")
    rows = [
        (
            line.name,
            *(f"{way[m]:.3f}" for m in MEASURES for way in (line.plain, line.log)),
            f"{line.plain['commute']:.3f}",
        )
        for line in lines
    ]
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("Adjusted Rand index at the best t of a grid", header, rows)],
        [
            "Kernel k-means from several beginnings; the t is chosen with the labels, for plain "
            "measures and logarithms alike, as in the paper. Matrices that are not positive "
            "semi-definite are shifted.",
            "Block models with 20 graphs a kind; real graphs are made undirected and cut to their "
            "largest piece. pagerank is the symmetric form (D - tA)^-1. Commute times have "
            "negative entries and no logarithm. Reject curves were not drawn.",
        ],
    )


REPLICATION = Replication(
    name="graph_proximities",
    paper=Paper(
        "Ivashkin and Chebotarev",
        2016,
        "Do logarithmic proximity measures outperform plain ones in graph clustering?",
        "NET",
    ),
    claim="Logarithms of proximity measures usually cluster nodes better than the measures "
    "themselves, and the logarithm of communicability usually leads.",
    rule="Over block models and three real graphs: reproduced if the logarithm wins more than "
    "twice as often as it loses and the mean index of log communicability is within .01 of the "
    "best; partly if only the first holds.",
    needs=NEEDS,
    run=run,
)
