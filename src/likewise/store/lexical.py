"""Lexical search: the rows whose texts share words with the query, by BM25.

Terms are derived of the texts in the database: an inverted index (`likewise.index.Sparse`) a
segment and one of the tail, with what was deleted taken out. All of them score by the sum of their
statistics, so a row scores the same wherever it lies, and as if the deleted rows had never been.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.filters import Filter
from likewise.index import Sparse, Statistics
from likewise.index._weightings import WEIGHTINGS
from likewise.results import Row
from likewise.store.kinds import TERMS, WEIGHTING, Counts, terms_of
from likewise.store.queries import Limits
from likewise.store.searching import Found, merge
from likewise.store.selecting import Selected, select
from likewise.store.settings import LEXICAL
from likewise.store.view import View, located

RowArray = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lexical:
    """The best rows by the words of their texts.

    Attributes:
        view: what is searched.
        counts: the terms of each query, and how often it has them.
        indexes: of each part of the view, the tail last.
        statistics: of all live rows that have words.
    """

    view: View
    counts: Sequence[Counts]
    indexes: Sequence[Sparse]
    statistics: Statistics
    name: str = LEXICAL

    @classmethod
    def of(cls, view: View, texts: Sequence[str], connection: sqlite3.Connection) -> Lexical:
        """For texts as queries, with the indexes of this view, made where there are none yet."""
        counts = terms_of(view.settings.language).encode(texts)
        derived = [*(segment.derived for segment in view.segments), view.tail.derived]
        indexes = [
            one.current(TERMS, rows, alive, connection, view.settings)
            for one, rows, alive in zip(derived, view.parts, view.alive, strict=True)
        ]
        statistics = Statistics(0, 0, {})
        for index in indexes:
            statistics = statistics + index.statistics
        return cls(view, counts, indexes, statistics)

    def select(self, where: Filter | None, connection: sqlite3.Connection) -> Selected:
        """The live rows that pass the filter."""
        return select(self.view, where, connection)

    def find(self, selected: Selected, limits: Limits) -> Found:
        """The best rows that share a term with each query: exactly."""
        started = perf_counter()
        k = max(1, selected.matching) if limits.k is None else limits.k
        parts: list[list[Row]] = []
        scanned = 0
        for rows, index, part in zip(self.view.parts, self.indexes, selected.parts, strict=True):
            if not len(index) or not part.count:
                continue
            answer = index.search(
                self.counts,
                k,
                where=_padded(part.whole(), len(rows), index.next_position),
                radius=limits.radius,
                statistics=self.statistics,
            )
            parts.append([Row(rows[row.ids], row.distances) for row in answer])
            scanned += answer.info.scanned if answer.info is not None else 0
        found, _ = merge(parts, [1.0] * len(parts), len(self.counts), k)
        actual = (perf_counter() - started) / max(1, len(self.counts))
        return Found(found, LEXICAL, 1.0, scanned, selected.matching, self._reason(), {}, actual)

    def _reason(self) -> str:
        if not any(self.counts):
            return "the query has no words to look for"
        return f"{self.statistics.rows:,} rows have words; those that share one are ranked exactly"

    def distances(self, query: int, rows: RowArray) -> Floats:
        """(n,) minus the BM25 score of each of ``rows``; 0 where it shares no word."""
        found = np.zeros(len(rows))
        for part, chosen, places in located(self.view, rows):
            if len(self.indexes[part]):
                answer = self.indexes[part].search(
                    self.counts[query], len(places), where=places, statistics=self.statistics
                )[0]
                own = found[chosen]
                own[np.searchsorted(places, answer.ids)] = answer.distances
                found[chosen] = own
        return found

    def scores(self, query: int, distances: Floats) -> Floats:
        """BM25 as a share of what a row could reach by having each word of the query for ever.

        ::

            score = BM25 / sum over the terms of the query of  count in the query * idf
        """
        most = self.most(query)
        return np.minimum(np.abs(distances) / most, 1.0) if most > 0 else np.zeros(len(distances))

    def most(self, query: int) -> float:
        """What no BM25 score of this query reaches: each f / (f + k1 B) is below 1."""
        idf: Any = WEIGHTINGS[WEIGHTING].idf
        rows = self.statistics.rows
        weights = [
            count * idf(rows, self.statistics.frequency(term))
            for term, count in self.counts[query].items()
        ]
        return float(sum(weights))


def _padded(
    mask: npt.NDArray[np.bool_] | None, rows: int, places: int
) -> npt.NDArray[np.bool_] | None:
    """The mask of a view as one of an index that may have taken in later rows of the tail."""
    if places == rows:
        return mask
    whole = np.zeros(places, dtype=np.bool_)
    whole[:rows] = True if mask is None else mask
    return whole
