"""Recall on demand: what the usual search finds of what the exact one finds."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from likewise.results import Row
from likewise.store.by_field import ByField
from likewise.store.database import damaged
from likewise.store.kernels import load_now
from likewise.store.lexical import Lexical
from likewise.store.queries import Limits, vectors_of
from likewise.store.query_log import logged_queries
from likewise.store.reports import RecallReport
from likewise.store.retrieving import Dense, Retriever
from likewise.store.searching import Found, find
from likewise.store.selecting import Selected, select
from likewise.store.settings import LEXICAL
from likewise.store.view import View
from likewise.vectors import Float32Array

#: Rows whose hash is among the smallest of this many per query asked are looked at.
RESAMPLES = 500


#: What is asked, and the rows that may answer.
Asked = tuple[Retriever, Selected]


def measure_recall(
    connection: sqlite3.Connection, view: View, field: str, k: int, count: int
) -> RecallReport:
    """Ask ``count`` queries twice; see `Collection.recall`."""
    asked, source = (
        _of_vectors(connection, view, field, count)
        if field in view.settings.dense
        else _of_rows(connection, view, field, count)
    )
    target = view.settings.recall
    shares, estimates, strategies = [], [], []
    seconds = np.zeros(2)
    for retriever, selected in asked:
        usual, took = _timed(retriever, selected, Limits(k, None, None, target, False))
        truth, exact_took = _timed(retriever, selected, Limits(k, None, None, target, True))
        shares.append(_share(usual.rows[0], truth.rows[0]))
        estimates.append(usual.recall)
        strategies.append(usual.strategy)
        seconds += took, exact_took
    low, high = _interval(np.array(shares))
    mean = seconds / max(1, len(shares))
    return RecallReport(
        field=field,
        k=k,
        target=target,
        recall=float(np.mean(shares)) if shares else 1.0,
        interval=(low, high),
        queries=len(shares),
        source=source,
        strategy=max(set(strategies), key=strategies.count) if strategies else "exact",
        estimate=float(np.mean(estimates)) if estimates else 1.0,
        seconds=float(mean[0]),
        exact_seconds=float(mean[1]),
    )


def _of_vectors(
    connection: sqlite3.Connection, view: View, field: str, count: int
) -> tuple[Iterable[Asked], str]:
    """Logged queries and points beyond rows, for a field of dense vectors."""
    if not all(segment.graphless for segment in view.segments):
        load_now()  # or the usual search would scan, and there would be nothing to measure
    dim = view.settings.dense[field].dim or 0
    logged = logged_queries(connection, field, dim)[-count:]
    rows = _drawn_rows(connection, view, count - len(logged) // 2 if len(logged) else count)
    everything = select(view, None, connection)
    queries = [_moved(view, everything, field, row) for row in rows]
    queries += [(query[None, :], everything) for query in logged]
    sources = ["rows"] * bool(rows) + ["logged"] * bool(len(logged))
    asked: list[Asked] = [(Dense(view, field, q), chosen) for q, chosen in queries[-count:]]
    return asked, "+".join(sources) or "none"


def _of_rows(
    connection: sqlite3.Connection, view: View, field: str, count: int
) -> tuple[Iterable[Asked], str]:
    """Rows as queries, for any other field; a row without text asks nothing of words."""
    words = field == LEXICAL
    rows = _drawn_rows(connection, view, count, "WHERE text IS NOT NULL" if words else "")
    everything = select(view, None, connection)

    def asked(row: int) -> Retriever:
        if words:
            query = "SELECT text FROM rows WHERE row = ?"
            return Lexical.of(view, list(connection.execute(query, (row,)).fetchone()), connection)
        value = vectors_of(connection, view.settings, [field], row)[field]
        return ByField.of(view, field, value, connection)

    found = ((asked(row), everything.without(view, row)) for row in rows)
    return found, "rows" if rows else "none"


def _drawn_rows(
    connection: sqlite3.Connection, view: View, count: int, condition: str = ""
) -> list[int]:
    """Live row numbers with the smallest hashes of their ids."""
    hashed = [
        (zlib.crc32(repr(id_).encode()), repr(id_), row)
        for row, id_ in connection.execute(f"SELECT row, id FROM rows {condition}")
    ]
    return [row for _, _, row in sorted(hashed)[:count]]


def _moved(view: View, everything: Selected, field: str, row: int) -> tuple[Float32Array, Selected]:
    """A query near the row that is in no graph: half as far beyond it as a near row is before.

    The row itself would flatter (its links lead to its neighbours), and so would a point
    between two rows; this one is found about as hard as rows that were held out.
    """
    place = view.locate(row)
    if place is None:
        raise damaged(f"row {row} is in the table, and not in the index")
    vector = _vector_at(view, field, *place)
    others = everything.without(view, row)
    near = find(
        view, others, field, vector[None, :], k=10, radius=None, recall=1.0, exact=True
    ).rows[0]
    if not len(near.ids):
        return vector[None, :], others
    neighbour = view.locate(int(near.ids[row % len(near.ids)]))
    if neighbour is None:
        return vector[None, :], others
    with np.errstate(over="ignore", invalid="ignore"):
        beyond = vector + (vector - _vector_at(view, field, *neighbour)) / np.float32(2)
    usable = np.isfinite(beyond).all() and beyond.any()
    return (beyond if usable else vector)[None, :], others


def _vector_at(view: View, field: str, part: int, position: int) -> npt.NDArray[np.float32]:
    if part < len(view.segments):
        vector: npt.NDArray[np.float32] = view.segments[part].vectors(field)[position]
        return vector
    tail: npt.NDArray[np.float32] = view.tail.prepared[field].rows[position]
    return tail


def _timed(retriever: Retriever, selected: Selected, limits: Limits) -> tuple[Found, float]:
    started = time.perf_counter()
    found = retriever.find(selected, limits)
    return found, time.perf_counter() - started


def _share(usual: Row, truth: Row) -> float:
    """The share of the true neighbours found; a row as near as the last true one counts."""
    if not len(truth.ids):
        return 1.0
    reach = truth.distances[-1] + 1e-9 * max(1.0, abs(truth.distances[-1]))
    return float(min(1.0, np.count_nonzero(usual.distances <= reach) / len(truth.ids)))


def _interval(shares: npt.NDArray[np.float64]) -> tuple[float, float]:
    if not len(shares):
        return 1.0, 1.0
    draws = np.random.default_rng(0).choice(shares, (RESAMPLES, len(shares)))
    low, high = np.quantile(draws.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
