"""The twin of a search by ``dims=``: every part turned, cut, ranked and ranked again in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise.index import _coded, _proposing, prefix
from likewise.index._sampling import sample
from likewise.metrics import resolve
from likewise.store.queries import read_filter
from likewise.store.selecting import select
from tests.store.small import shrink

#: Prefixes of segments of so many rows, of which so many are ranked by whole vectors.
SMALLEST, RERANKED = 48, 6
#: Prefix distances that are nearer than this to that of the last row proposed may fall either way.
CLOSE = 1e-5


def shrink_prefixes(patch: pytest.MonkeyPatch) -> None:
    """Lower every limit, so that prefixes decide among a few dozen rows."""
    shrink(patch)
    patch.setattr(_proposing, "SMALLEST", SMALLEST)
    patch.setattr(prefix, "RERANKED", RERANKED)
    patch.setattr(prefix, "RERANKED_EACH", 2)


def turned(rows: np.ndarray, queries: np.ndarray, metric: str, dims: int, seed: int) -> tuple:
    """Rows and queries by their principal axes, cut to ``dims``."""
    # The recall is measured with these, so that nothing is learned from them.
    count = min(_coded.HELD_OUT, len(rows) // 4)
    kept_back = sample(np.asarray(rows), np.arange(len(rows)), count, seed)
    rows, queries = rows.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    learned = np.delete(rows, kept_back, axis=0)
    centre = learned.mean(axis=0) if metric == "euclidean" else 0.0
    _, _, axes = np.linalg.svd(learned - centre, full_matrices=True)
    return (rows - centre) @ axes[:dims].T, (queries - centre) @ axes[:dims].T


def by_prefix(
    rows: np.ndarray, query: np.ndarray, metric: str, dims: int, nested: bool, seed: int = 0
) -> np.ndarray:
    """How far the prefix of each row is from that of the query."""
    if nested:
        short, asked = rows[:, :dims].astype(np.float64), query[:dims].astype(np.float64)
    else:
        short, asked = turned(rows, query[None, :], metric, dims, seed)
        asked = asked[0]
    if metric == "dot":
        return -short @ asked
    if metric == "cosine":
        short = short / np.linalg.norm(short, axis=1, keepdims=True)
        asked = asked / np.linalg.norm(asked)
    return np.linalg.norm(short - asked, axis=1)


def must_be_by_prefix(
    col: lw.Collection,
    found: lw.Results,
    query: np.ndarray,
    k: int,
    dims: int,
    *,
    field: str = "dense",
    where: Any = None,
    without: Any = None,
) -> int:
    """Fail unless ``found`` is what the prefixes of every segment propose, ranked by all numbers.

    Returns how many rows prefixes kept out of the answer.
    """
    condition = read_filter(where)
    with col._viewing() as (connection, view):
        spec = view.settings.dense[field]
        metric, nested = resolve(spec.metric or "cosine"), bool(spec.nested)
        sure: dict[Any, float] = {}
        maybe: dict[Any, float] = {}
        kept_out = live = 0
        selected = select(view, condition, connection)
        for i, part in enumerate(selected.parts):
            numbers = view.parts[i]
            sealed = i < len(view.segments)
            vectors = view.segments[i].vectors(field) if sealed else view.tail.prepared[field].rows
            mask = part.whole()
            matching = np.ones(len(numbers), bool) if mask is None else mask.copy()
            ids = [
                connection.execute("SELECT id FROM rows WHERE row = ?", (int(row),)).fetchone()
                for row in numbers
            ]
            matching &= np.array([id_ is not None and id_[0] != without for id_ in ids], bool)
            places = np.flatnonzero(matching)
            live += len(places)
            if not len(places):
                continue
            inner, outer = places, places
            if sealed and len(numbers) >= SMALLEST:
                near = by_prefix(np.asarray(vectors), query, metric.name, dims, nested)[places]
                count = max(RERANKED, 2 * k)
                last = np.sort(near)[:count][-1]
                inner = places[near < last - CLOSE] if len(places) > count else places
                outer = places[near <= last + CLOSE]
            kept_out += len(places) - len(outer)
            distances = metric.pairwise(query[None, :], np.asarray(vectors))[0]
            sure |= {ids[p][0]: distances[p] for p in inner}
            maybe |= {ids[p][0]: distances[p] for p in outer}
    assert len(found) == min(k, live) == len(set(found.ids)), found.info
    assert set(found.ids) <= maybe.keys()
    np.testing.assert_allclose(found.distances, [maybe[i] for i in found.ids], rtol=1e-6, atol=1e-6)
    assert (np.diff(found.distances) >= 0).all()
    if len(found):
        missed = [d for id_, d in sure.items() if id_ not in set(found.ids)]
        assert min(missed, default=np.inf) >= found.distances[-1] - 1e-6
    return kept_out
