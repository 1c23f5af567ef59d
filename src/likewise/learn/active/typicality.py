"""`typicality`: the densest rows of clusters that have no label yet (TypiClust)."""

from __future__ import annotations

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.learn._rounding import as_kept
from likewise.learn._searching import fitted_index, leave_one_out
from likewise.learn.active._candidates import Candidates, IntArray, as_ids
from likewise.learn.active._clusters import clusters
from likewise.vectors import Float32Array


@suggest_arguments
def typicality(
    candidates: Candidates, n: int, *, k: int = 20, max_clusters: int = 500, min_size: int = 5
) -> IntArray:
    """The most typical row of each cluster that holds least labels, largest clusters first.

    Pool and labelled rows together are cut by k-means in as many clusters as there will be labels.
    The typicality of a row is ``1 / mean distance`` to its k nearest neighbours in its cluster.
    For the first labels, when uncertainty still says nothing: it needs no model.

    Args:
        candidates: features, centres and chance are read. Labelled rows cover their clusters (mode
            "tp"). n: how many.
        k: neighbours, fewer in a small cluster. max_clusters: the most clusters; beyond it, one
            gives several rows. min_size: smaller clusters come last.

    Returns:
        (n,) ids, in the order chosen.

    Cost: rows clusters p multiplications for each of 30 steps at most, and an exact search in each
    cluster that is chosen from: size^2 p multiplications, in tiles.

    Source: G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite
    strategies suit high and low budgets", ICML 2022.

    Example:
        >>> rows = np.r_[np.linspace(0, 1, 9), np.linspace(5, 6, 7)][:, None]
        >>> sorted(typicality(Candidates(16, rows), 2).tolist())
        [4, 12]
    """
    k, most = check_count("k", k), check_count("max_clusters", max_clusters)
    least = check_count("min_size", min_size)
    pool = candidates.features
    centres = pool[:0] if candidates.centres is None else candidates.centres
    rows = np.concatenate([pool, centres])
    labels = clusters(rows, min(len(centres) + n, most), candidates.rng)
    held = as_kept(rows)
    count = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=count)
    labelled = np.bincount(labels[len(pool) :], minlength=count)
    free = np.bincount(labels[: len(pool)], minlength=count)
    waiting: dict[int, list[int]] = {}
    chosen: list[int] = []
    for _ in range(n):
        # Clusters with free rows, of a fair size, with least labels, the largest; the first.
        order = np.lexsort((-sizes, labelled, sizes < least, free == 0))
        cluster = int(order[0])
        if cluster not in waiting:
            waiting[cluster] = _most_typical(held, np.flatnonzero(labels == cluster), len(pool), k)
        chosen.append(waiting[cluster].pop(0))
        labelled[cluster] += 1
        free[cluster] -= 1
    return as_ids(chosen)


def _most_typical(rows: Float32Array, members: IntArray, pool: int, k: int) -> list[int]:
    """Those of ``members`` that are rows of the pool, most typical first."""
    away = np.zeros(len(members))
    if len(members) > 1:
        index = fitted_index(None, rows[members])
        away = leave_one_out(index, k).distances.mean(axis=1)
    found = members[np.argsort(away, kind="stable")]
    return [int(row) for row in found if row < pool]
