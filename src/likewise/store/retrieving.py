"""Retrievers: what answers a search by one field, and how several of them answer it together.

A retriever finds the best rows of a view in its own way, and says what any given rows score. It
need not know of the others: a new one has the methods of `Retriever`, and is made in
`Collection.search`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from likewise.filters import Filter
from likewise.metrics import Metric, resolve
from likewise.results import Branch, Row
from likewise.store.fusing import Fusion
from likewise.store.queries import Limits
from likewise.store.searching import Found, find
from likewise.store.selecting import Selected, select
from likewise.store.view import View, located
from likewise.vectors import Float32Array

RowArray = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The hits of one query, best first.

    Attributes:
        rows: (n,) row numbers.
        scores: (n,) in [0, 1].
        distances: (n,), or None where hits are fused.
        branches: what each branch says of a hit, where several were fused.
    """

    rows: RowArray
    scores: Floats
    distances: Floats | None
    branches: Sequence[dict[str, Branch]] = ()


class Retriever(Protocol):
    """One way to search, made for a view and its queries."""

    @property
    def name(self) -> str:
        """What ``using=`` calls it."""

    def select(self, where: Filter | None, connection: sqlite3.Connection) -> Selected:
        """The live rows that pass the filter."""

    def find(self, selected: Selected, limits: Limits) -> Found:
        """The best selected rows of each query, within ``limits.k`` and ``limits.radius``."""

    def distances(self, query: int, rows: RowArray) -> Floats:
        """(n,) the distance of each of ``rows`` to one query."""

    def scores(self, query: int, distances: Floats) -> Floats:
        """(n,) distances as scores in [0, 1], the best first where distances ascend."""


@dataclass(frozen=True, slots=True)
class Dense:
    """The nearest rows by one vector field.

    Args:
        view: what is searched.
        name: the vector field.
        queries: (m, dim).
    """

    view: View
    name: str
    queries: Float32Array

    @property
    def metric(self) -> Metric:
        """Of the field."""
        return resolve(self.view.settings.dense[self.name].metric or "cosine")

    def select(self, where: Filter | None, connection: sqlite3.Connection) -> Selected:
        """The live rows that pass the filter."""
        return select(self.view, where, connection, self.name)

    def find(self, selected: Selected, limits: Limits) -> Found:
        """What the indexes find; ``limits.min_score`` narrows the search too."""
        return find(
            self.view,
            selected,
            self.name,
            self.queries,
            k=limits.k,
            radius=limits.within(self.metric.from_score),
            recall=self.view.settings.recall if limits.recall is None else limits.recall,
            exact=limits.exact,
        )

    def distances(self, query: int, rows: RowArray) -> Floats:
        """By the formula, row by row."""
        found = np.empty(len(rows))
        for part, chosen, places in located(self.view, rows):
            if part < len(self.view.segments):
                vectors = self.view.segments[part].vectors(self.name)[places]
            else:
                vectors = self.view.tail.prepared[self.name].rows[places]
            found[chosen] = self.metric.pairwise(self.queries[query : query + 1], vectors)[0]
        return found

    def scores(self, query: int, distances: Floats) -> Floats:
        """By the formula of the metric."""
        return self.metric.score(distances)


# -- one, or several ----------------------------------------------------------------------


def answer(
    view: View,
    retrievers: Sequence[Retriever],
    where: Filter | None,
    excluded: int | None,
    fusion: Fusion | None,
    limits: Limits,
    connection: sqlite3.Connection,
) -> tuple[Found, list[Ranking]]:
    """How a search went, and the hits of each query.

    Args:
        view, connection: of one transaction.
        retrievers: what searches; several need a ``fusion``.
        where: the filter, for each of them.
        excluded: a row number that is no hit.
        fusion: how several are fused.
        limits: what was asked for.
    """
    selected = []
    for retriever in retrievers:
        chosen = retriever.select(where, connection)
        selected.append(chosen if excluded is None else chosen.without(view, excluded))
    if fusion is None:
        return _alone(retrievers[0], selected[0], limits)
    return _fused(retrievers, selected, fusion, limits)


def _alone(retriever: Retriever, selected: Selected, limits: Limits) -> tuple[Found, list[Ranking]]:
    found = retriever.find(selected, limits)
    rankings = []
    for query, row in enumerate(found.rows):
        ranking = Ranking(row.ids, retriever.scores(query, row.distances), row.distances)
        rankings.append(_of_score(ranking, limits.min_score))
    return found, rankings


def _fused(
    retrievers: Sequence[Retriever],
    selected: Sequence[Selected],
    fusion: Fusion,
    limits: Limits,
) -> tuple[Found, list[Ranking]]:
    # With k=None every row is a candidate: a fused score is known only of those.
    depth = max(1, selected[0].matching if limits.k is None else max(limits.k, fusion.depth))
    wanted = Limits(depth, None, None, limits.recall, limits.exact)
    found = [
        retriever.find(chosen, wanted)
        for retriever, chosen in zip(retrievers, selected, strict=True)
    ]
    rankings = []
    for query, lists in enumerate(zip(*(one.rows for one in found), strict=True)):
        pool = _Pool.of(retrievers, query, lists)
        rankings.append(_of_score(pool.ranked(retrievers, fusion, limits.k), limits.min_score))
    return _together(retrievers, found), rankings


@dataclass(frozen=True, slots=True)
class _Pool:
    """The candidates of one query: the rows of all lists, and what each branch says of them."""

    rows: RowArray
    ranks: Floats
    distances: Floats
    scores: Floats

    @classmethod
    def of(cls, retrievers: Sequence[Retriever], query: int, lists: Sequence[Row]) -> _Pool:
        """Rows that a branch did not list are scored by it too, one by one."""
        rows = np.unique(np.concatenate([one.ids for one in lists]))
        shape = (len(lists), len(rows))
        ranks, distances, scores = np.full(shape, np.inf), np.empty(shape), np.empty(shape)
        for i, (retriever, one) in enumerate(zip(retrievers, lists, strict=True)):
            places = np.searchsorted(rows, one.ids)
            ranks[i, places] = np.arange(1, len(places) + 1)
            distances[i, places] = one.distances
            rest = np.isinf(ranks[i])
            if rest.any():
                distances[i, rest] = retriever.distances(query, rows[rest])
            scores[i] = retriever.scores(query, distances[i])
        return cls(rows, ranks, distances, scores)

    def ranked(self, retrievers: Sequence[Retriever], fusion: Fusion, k: int | None) -> Ranking:
        """The best k by the fused score; those of equal score in the order they were written."""
        fused = fusion.fused(self.ranks, self.scores)
        best = np.lexsort((self.rows, -fused))[:k]
        branches = [
            {
                retriever.name: Branch(
                    float(self.scores[i, place]),
                    float(self.distances[i, place]),
                    int(rank) if np.isfinite(rank := self.ranks[i, place]) else None,
                )
                for i, retriever in enumerate(retrievers)
            }
            for place in best.tolist()
        ]
        return Ranking(self.rows[best], fused[best], None, branches)


def _of_score(ranking: Ranking, least: float | None) -> Ranking:
    """The hits of at least this score; the best come first, so they are the first ones."""
    if least is None:
        return ranking
    kept = int(np.count_nonzero(ranking.scores >= least))
    return replace(
        ranking,
        rows=ranking.rows[:kept],
        scores=ranking.scores[:kept],
        distances=None if ranking.distances is None else ranking.distances[:kept],
        branches=ranking.branches[:kept],
    )


def _together(retrievers: Sequence[Retriever], found: Sequence[Found]) -> Found:
    """How the branches went, as one: the least recall, and the work of all."""
    names = [retriever.name for retriever in retrievers]
    each = list(zip(names, found, strict=True))
    return Found(
        rows=[],
        strategy="fused",
        recall=min(one.recall for one in found),
        scanned=sum(one.scanned for one in found),
        matching=found[0].matching,
        reason="; ".join(f"{name} by {one.strategy}: {one.reason}" for name, one in each),
        candidates={
            f"{name} {strategy}": seconds
            for name, one in each
            for strategy, seconds in one.candidates.items()
        },
        actual=sum(one.actual for one in found),
    )
