"""`sweep`: what each way to search by prefixes costs and finds; then a budget chooses.

A. Rege and others, "AdANNS", NeurIPS 2023, choose the prefix of every stage so, offline.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from likewise._arguments import check_count, check_k, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index._sampling import sample
from likewise.index.exact import Exact
from likewise.index.planner import CostModel
from likewise.index.prefix import Prefix
from likewise.index.recall import share_found
from likewise.metrics import Metric, resolve
from likewise.vectors import Float32Array, as_dense

#: Rows held out to ask with where no queries are given, and the most share of all rows.
HELD_OUT, MOST_SHARE = 256, 0.2
#: Lengths tried by default, as parts of a row; bytes of codes; and how many rows are ranked, for
#: each of the k.
SHARES, CODE_BYTES, RERANKED = (32, 16, 8, 4, 2), (8, 16, 32, 64), (1, 4, 16)
#: Cells looked into and lengths of lists that are tried, of stages that have them.
EFFORTS: Mapping[str, tuple[int | None, ...]] = {
    "scan": (None,),
    "cells": (1, 4, 16, 64),
    "graph": (None,),
}

Cost = Literal["bytes", "seconds"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to search, and what it cost and found.

    Attributes:
        options: arguments of `Prefix`.
        search: arguments of its `search`: ``dims``, ``rerank``, and ``effort`` where there is one.
        recall: mean share of the true k nearest that were found.
        seconds: of one query on its own, the middle of those asked.
        bytes: of a row's code, which a search reads; the rows themselves come beside.
        k: how many were asked for.

    Example:
        >>> way = Measured({"dims": 8}, {"dims": 8, "rerank": 20}, 0.93, 1e-4, 32.0, 10)
        >>> way.make("euclidean")
        Prefix(metric='euclidean', dims=(8,), rotation='pca', stage='scan', 0 rows)
    """

    options: dict[str, Any]
    search: dict[str, Any]
    recall: float
    seconds: float
    bytes: float
    k: int

    def make(self, metric: str | Metric = "cosine", **options: Any) -> Prefix:
        """The index, not yet fitted; ``options`` beside those that were measured.

        Example:
            >>> way = Measured({"dims": 8}, {"dims": 8, "rerank": 20}, 0.93, 1e-4, 32.0, 10)
            >>> way.make(n_jobs=2).n_jobs
            2
        """
        return Prefix(metric, **{**self.options, **options})


@dataclass(frozen=True, slots=True)
class Sweep:
    """All that was measured.

    Attributes:
        ways: one `Measured` a way, in the order tried.

    Example:
        >>> ways = [Measured({"dims": d}, {"dims": d}, r, s, 4.0 * d, 10)
        ...         for d, r, s in [(8, 0.8, 1e-4), (16, 0.9, 2e-4), (32, 0.85, 3e-4)]]
        >>> [way.search["dims"] for way in Sweep(ways).front("bytes")]
        [8, 16]
    """

    ways: Sequence[Measured] = field(default_factory=list)

    def front(self, cost: Cost) -> list[Measured]:
        """The ways that no cheaper one beats, ascending by cost and by recall.

        Raises:
            InvalidArgument: ``cost`` is neither "bytes" nor "seconds".

        Example:
            >>> Sweep([]).front("seconds")
            []
        """
        if cost not in ("bytes", "seconds"):
            raise InvalidArgument(f"cost must be 'bytes' or 'seconds'; got {cost!r}")
        other = "seconds" if cost == "bytes" else "bytes"
        kept: list[Measured] = []
        for way in sorted(
            self.ways, key=lambda w: (getattr(w, cost), -w.recall, getattr(w, other))
        ):
            if not kept or way.recall > kept[-1].recall:
                kept.append(way)
        return kept

    @suggest_arguments
    def for_budget(self, *, bytes: float | None = None, seconds: float | None = None) -> Measured:
        """The way that finds most within the budget; of equals the quicker, then the smaller.

        Args:
            bytes: of a row's code, at most.
            seconds: of one query, at most.

        Raises:
            InvalidArgument: no budget is given, or nothing is within it; the message has the
                least that would do.

        Example:
            >>> ways = [Measured({"dims": d}, {"dims": d}, r, s, 4.0 * d, 10)
            ...         for d, r, s in [(8, 0.8, 1e-4), (16, 0.9, 2e-4), (32, 0.85, 3e-4)]]
            >>> Sweep(ways).for_budget(bytes=64).recall
            0.9
        """
        if bytes is None and seconds is None:
            raise InvalidArgument("give bytes= or seconds=, or both")
        limits = {"bytes": bytes, "seconds": seconds}
        given = {name: check_number(name, v) for name, v in limits.items() if v is not None}
        within = [w for w in self.ways if all(getattr(w, n) <= v for n, v in given.items())]
        if not within:
            least = " and ".join(
                f"{min((getattr(w, n) for w in self.ways), default=0):.3g} {n}" for n in given
            )
            asked = " and ".join(f"{v:.3g} {n}" for n, v in given.items())
            raise InvalidArgument(
                f"none of {len(self.ways)} ways is within {asked}; the least measured is {least}"
            )
        return max(within, key=lambda w: (w.recall, -w.seconds, -w.bytes))


@suggest_arguments
def sweep(
    X: Any,
    queries: Any = None,
    *,
    metric: str | Metric = "cosine",
    k: int = 10,
    settings: Iterable[Mapping[str, Any]] | None = None,
    rerank: Sequence[int] | None = None,
    rotation: str | None = "pca",
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Sweep:
    """Measure ways to search ``X`` by prefixes: their recall, seconds and bytes.

    Every index is built on the rows that do not ask, and asked one query a call. The truth is that
    of `Exact` by all numbers.

    Args:
        X: (n, dim) rows, at least some 3,000: prefixes of fewer are not kept.
        queries: (m, dim); None holds out 256 rows, which are then not searched.
        metric: as `Prefix` takes.
        k: how many neighbours.
        settings: arguments of `Prefix`, one mapping an index; None tries scans, cells (also those
            chosen by fewer numbers than are compared in them), a graph and product codes of several
            lengths.
        rerank: how many rows are ranked exactly, each at least ``k``; None is k, 4 k and 16 k.
            With k alone the recall is that of the codes.
        rotation, random_state, n_jobs: of every index that does not say otherwise.

    Returns:
        `Sweep`.

    Raises:
        InvalidArgument, InvalidType: too few rows, or settings that `Prefix` does not take.
        InvalidVector, DimensionMismatch: as `Index.fit`.

    Cost: every index is built, and searched by all queries for each length, effort and ``rerank``.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((3000, 32)) / np.arange(1, 33)
        >>> found = sweep(rows, metric="euclidean", settings=[{"dims": (4, 16)}], rerank=[10, 40])
        >>> best = found.for_budget(bytes=16)
        >>> best.search["dims"], best.bytes
        (4, 16.0)
    """
    metric, k = resolve(metric), check_k(k)
    rows = as_dense(X, metric=metric, what="X")
    asked, kept = _split(rows, queries, metric, random_state)
    counts = [c * k for c in RERANKED] if rerank is None else [*map(_count(k), rerank)]
    tried = [*map(dict, settings)] if settings is not None else default_settings(rows.shape[1])
    if not tried or not counts:
        raise InvalidArgument("settings and rerank must not be empty")
    truth = Exact(metric).fit(kept).search(asked, k)
    ways: list[Measured] = []
    for given in tried:
        shared = {"rotation": rotation, "random_state": random_state, "n_jobs": n_jobs}
        index = Prefix(metric, **{"costs": CostModel(), **shared, **given}).fit(kept)
        if index.curve is None:
            raise InvalidArgument(
                f"X has {len(kept):,} rows to search, too few for prefixes to be kept; "
                "scan them with Exact"
            )
        for dims in index.lengths:
            for effort in EFFORTS[index.stage]:
                for count in counts:
                    search: dict[str, Any] = {"dims": dims, "rerank": count}
                    search |= {} if effort is None else {"effort": effort}
                    recall, seconds = _asked(index, asked, truth, k, search)
                    options = {"rotation": rotation, **given, "dims": dims}
                    row = index.row_bytes(dims)
                    ways.append(Measured(options, search, recall, seconds, row, k))
    return Sweep(ways)


def default_settings(dim: int) -> list[dict[str, Any]]:
    """The indexes that `sweep` tries on rows of ``dim`` numbers.

    Example:
        >>> [setting.get("stage", "scan") for setting in default_settings(16)][:3]
        ['scan', 'cells', 'graph']
    """
    lengths = tuple(sorted({max(1, dim // share) for share in SHARES}))
    flat = [{"dims": lengths, "stage": stage} for stage in ("scan", "cells", "graph")]
    coded = [
        {"dims": tuple(d for d in lengths if d >= size), "codes": "opq", "code_bytes": size}
        for size in CODE_BYTES
        if size <= lengths[-1]
    ]
    # Cells by fewer numbers than are compared in them, which may also be codes.
    coarse = [
        {"dims": lengths[i:], "stage": "cells", "coarse_dims": lengths[i - 1], **codes}
        for i in range(1, len(lengths), 2)
        for codes in ({}, {"codes": "opq", "code_bytes": min(CODE_BYTES[-1], lengths[i] // 2 or 1)})
    ]
    return [*flat, *coarse, *coded]


def _split(
    rows: Float32Array, queries: Any, metric: Metric, seed: int
) -> tuple[Float32Array, Float32Array]:
    """Who asks, and the rows that are searched."""
    if queries is not None:
        asked = as_dense(queries, dim=rows.shape[1], metric=metric, what="queries")
        if len(asked) == 0:
            raise InvalidArgument("queries must have at least one row; got none")
        return asked, rows
    count = min(HELD_OUT, int(MOST_SHARE * len(rows)))
    if count < 1:
        raise InvalidArgument(f"X has {len(rows)} rows, too few to hold some out")
    chosen = sample(rows, np.arange(len(rows)), count, seed)
    return rows[chosen], np.delete(rows, chosen, axis=0)


def _count(k: int) -> Any:
    def checked(count: Any) -> int:
        if check_count("rerank", count) < k:
            raise InvalidArgument(f"rerank must be at least k = {k}; got {count}")
        return int(count)

    return checked


def _asked(
    index: Prefix, asked: Float32Array, truth: Any, k: int, search: dict[str, Any]
) -> tuple[float, float]:
    """The recall, and the seconds of one query on its own."""
    index.search(asked[0], k, **search)  # measures its own recall first, which is not timed
    spent, shares = [], []
    for query, true in zip(asked, truth, strict=True):
        start = time.perf_counter()
        found = index.search(query, k, **search)
        spent.append(time.perf_counter() - start)
        shares.append(share_found(found[0], true, k))
    return float(np.mean(shares)), float(np.median(spent))
