"""Shapley values of a k-NN classifier in closed form (Jia and others)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index import Exact
from likewise.learn import neighbour_shapley
from replications._digits import slope
from replications.data import fashion_mnist
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

K = 5
NEEDS = tuple(
    f"fashion_mnist/{part}-ubyte.gz"
    for part in (
        "train-images-idx3",
        "train-labels-idx1",
        "t10k-images-idx3",
        "t10k-labels-idx1",
    )
)
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: against all orders, by rows, against random orders, by cut lists."""

    apart: float
    growth: float
    times: float
    found: float
    planted: float
    cuts: list[tuple[int, float, float, float]]


def run(setting: Setting) -> Outcome:
    """Exactness, growth, random orders, planted errors."""
    quick, seed = setting.quick, setting.random_state
    apart = exactness(2 if quick else 20, 5 if quick else 7, seed)
    setting.progress.step(1, 4, "all orders")
    sizes = (200, 400) if quick else (2000, 4000, 8000, 16000, 32000)
    growth = slope(sizes, [seconds(rows, seed) for rows in sizes])
    setting.progress.step(2, 4, "growth")
    times, note = against_random_orders(60 if quick else 1000, 4 if quick else 40, seed)
    setting.progress.step(3, 4, "random orders")
    found, planted, cuts = wrong_labels(setting)
    setting.progress.step(4, 4, "planted errors")
    return judged(Figures(apart, growth, times, found, planted, cuts), note)


def exactness(games: int, rows: int, seed: int) -> float:
    """The largest difference to the mean over all orders of the rows."""
    rng = np.random.default_rng([seed, 1])
    worst = 0.0
    for _ in range(games):
        order, codes = rng.permutation(rows), rng.integers(0, 3, rows)
        k = int(rng.integers(1, rows + 2))
        fast = neighbour_shapley(order[None], codes, np.array([0]), k=k).values
        slow = by_all_orders(order, codes == 0, k)
        worst = max(worst, float(np.abs(fast - slow).max()))
    return worst


def by_all_orders(order: IntArray, right: npt.NDArray[np.bool_], k: int) -> FloatArray:
    """What each row adds to the share of right votes, over all orders in which rows may come."""
    place = np.argsort(order)
    values = np.zeros(len(order))
    count = 0
    for players in permutations(range(len(order))):
        before, count = 0.0, count + 1
        for i, row in enumerate(players):
            nearest = sorted(players[: i + 1], key=lambda one: place[one])[:k]
            after = float(right[nearest].sum()) / k
            values[row] += after - before
            before = after
    return values / count


def seconds(rows: int, seed: int, queries: int = 50) -> float:
    """Of distances, sorting and values, for 50 queries; the least of three."""
    rng = np.random.default_rng([seed, rows])
    X, Q = rng.normal(size=(rows, 16)), rng.normal(size=(queries, 16))
    y, t = rng.integers(0, 5, rows), rng.integers(0, 5, queries)
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        neighbour_shapley(Exact("euclidean").fit(X).search(Q, k=rows).ids, y, t, k=K)
        taken.append(time.perf_counter() - start)
    return min(taken)


def against_random_orders(rows: int, orders: int, seed: int) -> tuple[float, str]:
    """How many times longer random orders take to an error of a tenth of the mean value.

    Their error falls with the root of their number, so that of few says how many it takes.
    """
    rng = np.random.default_rng([seed, 3])
    X, Q = rng.normal(size=(rows, 8)), rng.normal(size=(20, 8))
    y, t = (X[:, 0] > 0).astype(np.int64), (Q[:, 0] > 0).astype(np.int64)
    start = time.perf_counter()
    ids = Exact("euclidean").fit(X).search(Q, k=rows).ids
    exact = neighbour_shapley(ids, y, t, k=K).values
    ours = time.perf_counter() - start
    start = time.perf_counter()
    sampled = by_random_orders(ids, y, t, orders, rng)
    each = (time.perf_counter() - start) / orders
    error = float(np.abs(sampled - exact).mean() / np.abs(exact).mean())
    needed = orders * (error / 0.1) ** 2
    note = (
        f"Random orders: {rows:,} rows, 20 queries; {orders} orders are off by {error:.0%} of the "
        f"mean value, so about {needed:,.0f} are needed for a tenth, {each * 1e3:.0f} ms each; "
        f"the closed form takes {ours * 1e3:.1f} ms, the search with it. Their loop over rows is "
        "Python's; a compiled one may be some fifty times quicker."
    )
    return needed * each / ours, note


def by_random_orders(
    ids: IntArray, y: IntArray, t: IntArray, orders: int, rng: np.random.Generator
) -> FloatArray:
    """Monte Carlo: rows come in random orders, and the k nearest of each query are kept up."""
    queries, rows = ids.shape
    place = np.argsort(ids, axis=1)
    values, every = np.zeros(rows), np.arange(queries)
    for _ in range(orders):
        held = np.full((queries, K), rows)  # places of the k nearest so far
        right = np.zeros((queries, K))
        for row in rng.permutation(rows):
            far = held.argmax(axis=1)
            nearer = place[:, row] < held[every, far]
            agree = (y[row] == t).astype(np.float64)
            values[row] += ((agree - right[every, far]) * nearer).sum()
            held[every, far] = np.where(nearer, place[:, row], held[every, far])
            right[every, far] = np.where(nearer, agree, right[every, far])
    return values / (orders * queries * K)


def wrong_labels(setting: Setting) -> tuple[float, float, list[tuple[int, float, float, float]]]:
    """The share of a tenth of wrong labels among as many lowest values; and cut lists."""
    X, y, Q, t = pictures(setting)
    rng = np.random.default_rng([setting.random_state, 4])
    wrong = rng.choice(len(y), len(y) // 10, replace=False)
    labels = y.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, len(wrong))) % 10
    ids = Exact("euclidean").fit(X).search(Q, k=len(X)).ids

    def share(values: FloatArray) -> float:
        lowest = np.argsort(values, kind="stable")[: len(wrong)]
        return float(np.isin(lowest, wrong).mean())

    exact = neighbour_shapley(ids, labels, t, k=K).values
    cuts = []
    for m in (20, 100, 500):
        if m < len(X):
            cut = neighbour_shapley(ids[:, :m], labels, t, k=K)
            cuts.append((m, float(np.abs(cut.values - exact).max()), cut.bound, share(cut.values)))
    return share(exact), len(wrong) / len(y), cuts


def pictures(setting: Setting) -> tuple[Any, IntArray, Any, IntArray]:
    """Rows and queries; generated in the quick form."""
    if not setting.quick:
        X, y = fashion_mnist(setting.data, "train")
        Q, t = fashion_mnist(setting.data, "t10k")
        return X[:4000], y[:4000], Q[:2000], t[:2000]
    rng = np.random.default_rng([setting.random_state, 5])
    y, t = rng.integers(0, 10, 200), rng.integers(0, 10, 80)
    middles = rng.normal(size=(10, 6)) * 3
    return middles[y] + rng.normal(size=(200, 6)), y, middles[t] + rng.normal(size=(80, 6)), t


def judged(found: Figures, *notes: str) -> Outcome:
    """The verdict by the rule."""
    exact = found.apart < 1e-9
    quick = found.growth < 1.3 and found.times > 100
    tells = found.found >= 0.5
    verdict = Verdict.NOT_REPRODUCED
    if exact and (quick or tells):
        verdict = Verdict.REPRODUCED if quick and tells else Verdict.PARTLY
    reason = (
        f"at most {found.apart:.0e} from the mean over all orders; time grows with the power "
        f"{found.growth:.2f} of the rows; random orders take {found.times:,.0f} times as long; "
        f"{found.found:.0%} of the lowest values are wrong labels, of which there are "
        f"{found.planted:.0%}"
    )
    rows = [
        (f"{m}", f"{error:.1e}", f"{bound:.1e}", f"{share:.0%}")
        for m, error, bound, share in found.cuts
    ]
    header = ("nearest rows in a list", "largest error", "its bound", "wrong among the lowest")
    return Outcome(verdict, reason, reason, [Table("Cut lists", header, rows)], notes)


REPLICATION = Replication(
    name="knn_shapley",
    paper=Paper(
        "Jia, Dao, Wang, Hubis, Gurel, Li, Zhang, Spanos and Song",
        2019,
        "Efficient task-specific data valuation for nearest neighbor algorithms",
        "VLDB",
    ),
    claim="The Shapley value of every row for an unweighted k-NN classifier is computed exactly in "
    "O(n log n) a query, up to three orders of magnitude faster than random orders; low values "
    "find rows that mislead (the use in later work: wrong labels).",
    rule="Reproduced if values equal the mean over all orders (1e-9), time grows with a power "
    "below 1.3 of the rows, random orders take over 100 times as long to a mean error of a tenth "
    "of the mean value, and half or more of a tenth of planted wrong labels of Fashion-MNIST are "
    "among as many lowest values; partly if values are exact and either the times or the wrong "
    "labels are so.",
    needs=NEEDS,
    run=run,
)
