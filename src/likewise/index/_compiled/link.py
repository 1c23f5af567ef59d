"""Links: chosen for new rows, given back by their neighbours, and mended after deletions.

Rows come in batches. Each row of a batch walks through the graph as it was before the batch
and chooses diverse neighbours; then every row that was chosen takes the new ones into its own
list. Both steps treat rows apart from each other, so any number of threads makes the same
graph (M. Dobson Manohar and others, "ParlayANN", PPoPP 2024). A neighbour is diverse when it
is not much nearer to one already chosen than to the row itself (S. J. Subramanya and others,
"DiskANN", NeurIPS 2019); a row with few such neighbours takes less diverse ones too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import id_of, key_of, packed
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.space import buffer_of, keys_of, row_as_query
from likewise.index._compiled.values import ALIKE, CROWD, ENDLESS, Effort
from likewise.index._compiled.walk import begin, walk


@kernel(boundscheck=False)
def prune(
    space: Any,
    candidates: Any,
    apart: Any,
    count: Any,
    diversity: Any,
    most: Any,
    code: Any,
    chosen: Any,
) -> Any:
    """Choose diverse neighbours.

    Args:
        space: the rows.
        candidates: (count,) int32, the nearest first; those chosen become -1.
        apart: (count,) float32, their distances in the space's units.
        count: how many.
        diversity: `Diversity`.
        most: neighbours at most.
        code: a buffer for a row as a query.
        chosen: (at least ``most``,) int32, filled.

    Returns:
        how many were chosen.
    """
    taken = 0
    limit, factor = most, np.float32(diversity.strict)
    keys = np.empty(4, np.float32)
    for _ in range(2):
        for t in range(count):
            if taken >= limit:
                break
            candidate = candidates[t]
            if candidate >= 0 and not _hidden(
                space, candidate, apart[t], factor, chosen, taken, code, keys
            ):
                chosen[taken] = candidate
                taken += 1
                candidates[t] = -1
        if taken >= diversity.fewest:
            break
        limit, factor = min(diversity.fewest, most), np.float32(diversity.loose)
    return taken


@kernel(boundscheck=False)
def _hidden(
    space: Any,
    candidate: Any,
    apart: Any,
    factor: Any,
    chosen: Any,
    taken: Any,
    code: Any,
    keys: Any,
) -> Any:
    """Whether a chosen neighbour stands so near to the candidate that it leads there."""
    if taken == 0:
        return False
    query = row_as_query(space, candidate, code)
    for start in range(0, taken, 4):
        some = chosen[start : start + 4]
        count = min(4, taken - start)
        keys_of(space, some, count, query, keys)
        for j in range(count):
            if factor * (keys[j] + query.base) <= apart:
                return True
    return False


@kernel(boundscheck=False)
def insert(
    space: Any,
    links: Any,
    entries: Any,
    rows: Any,
    batch: Any,
    twins: Any,
    length: Any,
    diversity: Any,
    visited: Any,
) -> Any:
    """Choose neighbours in the graph for every row of ``batch``, without telling them.

    Args:
        space, links, entries: the graph; only the links of the rows in ``batch`` are written.
        rows: (n, dim) float32, the originals.
        batch: (b,) int32, rows that no path leads to yet.
        twins: (b,) int32, filled: a row of the graph that equals this one, which then gets no
            links; or -1.
        length: of the list of candidates.
        diversity: `Diversity`.
        visited: `walk.Visited`.

    Returns:
        distances computed.
    """
    code, other = buffer_of(space.codes), buffer_of(space.codes)
    degree = links.shape[1]
    width = max(degree, entries.ids.shape[0])
    near, keys = np.empty(width, np.int32), np.empty(width, np.float32)
    pool = np.empty(length + 1, np.uint64)
    candidates, apart = np.empty(length, np.int32), np.empty(length, np.float32)
    chosen = np.empty(degree, np.int32)
    effort = Effort(length, 0.0, length, ENDLESS)
    scanned = 0
    for t in range(batch.shape[0]):
        row = batch[t]
        query = row_as_query(space, row, code)
        starts = begin(entries, query, visited, near, keys)
        size, work, _ = walk(space, links, query, effort, visited, pool, near, keys, starts)
        scanned += work
        count = 0
        for place in range(size):
            candidate = id_of(pool[place])
            if candidate != row:
                candidates[count] = candidate
                apart[count] = key_of(pool[place]) + query.base
                count += 1
        twins[t] = _twin_among(rows, row, candidates, min(count, ALIKE))
        if twins[t] >= 0:
            continue
        taken = prune(space, candidates, apart, count, diversity, degree, other, chosen)
        _write(links, row, chosen, taken)
    return scanned


@kernel(boundscheck=False)
def _twin_among(rows: Any, row: Any, candidates: Any, count: Any) -> Any:
    """The smallest of the candidates that equals the row; -1 if none does."""
    found = -1
    for t in range(count):
        equal = True
        for j in range(rows.shape[1]):
            if rows[candidates[t], j] != rows[row, j]:
                equal = False
                break
        if equal and (found < 0 or candidates[t] < found):
            found = candidates[t]
    return found


@kernel(boundscheck=False)
def join(space: Any, links: Any, targets: Any, offsets: Any, sources: Any, diversity: Any) -> None:
    """Let each of ``targets`` take the rows that chose it.

    Args:
        space, links: the graph; only the links of ``targets`` are written.
        targets: (t,) int32, each once.
        offsets: (t + 1,) int64, target i was chosen by ``sources[offsets[i]:offsets[i + 1]]``.
        sources: int32.
        diversity: `Diversity`.
    """
    code, other = buffer_of(space.codes), buffer_of(space.codes)
    degree = links.shape[1]
    near = np.empty(CROWD + degree, np.int32)
    chosen = np.empty(degree, np.int32)
    for t in range(targets.shape[0]):
        row = targets[t]
        held = _degree_of(links, row)
        near[:held] = links[row, :held]
        count = held
        for s in range(offsets[t], offsets[t + 1]):
            known = sources[s] == row
            for j in range(held):
                known = known or near[j] == sources[s]
            if not known and count < near.shape[0]:
                near[count] = sources[s]
                count += 1
        if count <= degree:
            _write(links, row, near, count)
        else:
            _choose_again(space, links, row, near, count, diversity, code, other, chosen)


@kernel(boundscheck=False)
def mend(space: Any, links: Any, alive: Any, rows: Any, diversity: Any) -> None:
    """Lead ``rows`` past their dead neighbours, to the neighbours of these.

    A row that loses half of its neighbours looks among those of the others too.

    Args:
        space: the rows, dead ones still among them.
        links: a copy of it is read while it is written, so the order does not matter:
            (2, n, degree), the links as they were and as they will be.
        alive: (n,) bool.
        rows: (r,) int32, rows alive with a dead neighbour.
        diversity: `Diversity`.
    """
    before, after = links[0], links[1]
    code, other = buffer_of(space.codes), buffer_of(space.codes)
    degree = before.shape[1]
    near = np.empty(degree * (degree + 1), np.int32)
    chosen = np.empty(degree, np.int32)
    for row in rows:
        count, lost, held = 0, 0, _degree_of(before, row)
        for j in range(held):
            lost += not alive[before[row, j]]
        for j in range(held):
            neighbour = before[row, j]
            if alive[neighbour]:
                count = _take(near, count, neighbour, row)
                if 2 * lost < held:
                    continue
            for i in range(_degree_of(before, neighbour)):
                if alive[before[neighbour, i]]:
                    count = _take(near, count, before[neighbour, i], row)
        _choose_again(space, after, row, near, count, diversity, code, other, chosen)


@kernel(boundscheck=False)
def _take(near: Any, count: Any, candidate: Any, row: Any) -> Any:
    """Append ``candidate`` unless it is there, or the row itself."""
    if candidate == row:
        return count
    for j in range(count):
        if near[j] == candidate:
            return count
    near[count] = candidate
    return count + 1


@kernel(boundscheck=False)
def _choose_again(
    space: Any,
    links: Any,
    row: Any,
    near: Any,
    count: Any,
    diversity: Any,
    code: Any,
    other: Any,
    chosen: Any,
) -> None:
    """Choose the links of ``row`` among ``near``."""
    query = row_as_query(space, row, code)
    keys = np.empty(count, np.float32)
    keys_of(space, near, count, query, keys)
    ranked = np.empty(count, np.uint64)
    for t in range(count):
        ranked[t] = packed(keys[t], near[t])
    ranked.sort()
    for t in range(count):
        near[t] = id_of(ranked[t])
        keys[t] = key_of(ranked[t]) + query.base
    taken = prune(space, near, keys, count, diversity, links.shape[1], other, chosen)
    _write(links, row, chosen, taken)


@kernel(boundscheck=False, inline="always")
def _degree_of(links: Any, row: Any) -> Any:
    degree = 0
    while degree < links.shape[1] and links[row, degree] >= 0:
        degree += 1
    return degree


@kernel(boundscheck=False, inline="always")
def _write(links: Any, row: Any, chosen: Any, count: Any) -> None:
    for j in range(count):
        links[row, j] = chosen[j]
    for j in range(count, links.shape[1]):
        links[row, j] = -1
