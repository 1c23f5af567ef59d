"""Links within parts of the rows, the twin of `_compiled.parts`."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.values import ENDLESS, Diversity, Effort, Query, Space, Visited
from likewise.index._plain.keys import keys_of, quiet, row_as_query
from likewise.index._plain.link import prune
from likewise.index._plain.neighbours import start_of
from likewise.index._plain.walk import EXPANDED, begin_within, id_of, key_of, packed, walk
from likewise.metrics import Metric


def smallest_parts(
    space: Space,
    links: Any,
    alike: Any,
    size: int,
    half: int,
    first: int,
    stop: int,
    length: int,
    diversity: Diversity,
    *,
    metric: Metric,
) -> None:
    """Link rows within their parts, chosen among all rows there; arguments as the kernel's."""
    for row in range(first, stop):
        start, end = _part(row, size, half, len(links))
        query = row_as_query(space, row)
        others = [other for other in range(start, end) if other != row]
        pool = sorted(packed(keys_of(space, others, query, metric), others))[:length]
        _choose(space, links, alike, row, (start, end), query, pool, diversity, metric)


def merged_parts(
    space: Space,
    finer: Any,
    links: Any,
    alike: Any,
    size: int,
    half: int,
    inner: int,
    first: int,
    stop: int,
    length: int,
    diversity: Diversity,
    visited: Visited,
    *,
    metric: Metric,
) -> None:
    """Link rows by their links within smaller parts, and walks; arguments as the kernel's."""
    effort = Effort(length, 0.0, length, ENDLESS)
    for row in range(first, stop):
        start, end = _part(row, size, half, len(links))
        query = row_as_query(space, row)
        held = [other for other in finer[row].tolist() if other >= 0]
        entries = packed(keys_of(space, held, query, metric), held)
        for part in range(start, end, inner):
            if part == row // inner * inner:
                continue
            starts = begin_within(part, min(part + inner, len(links)), visited)
            found, _, _ = walk(space, finer, query, effort, visited, starts, metric)
            entries += [entry & ~EXPANDED for entry in found]
        pool = sorted(entries)[:length]
        _choose(space, links, alike, row, (start, end), query, pool, diversity, metric)


def _part(row: int, size: int, half: int, rows: int) -> tuple[int, int]:
    start = start_of(row, size, half)
    return max(0, start), min(start + size, rows)


def _choose(
    space: Space,
    links: Any,
    alike: Any,
    row: int,
    part: tuple[int, int],
    query: Query,
    pool: list[int],
    diversity: Diversity,
    metric: Metric,
) -> None:
    """Write the links of ``row``: diverse ones of the pool, and the next row that equals it."""
    few = links.shape[1]
    with quiet():
        apart = [np.float32(key_of(entry) + query.base) for entry in pool]
    candidates = [id_of(entry) for entry in pool]
    chosen = prune(space, candidates, apart, diversity, few, metric)
    twin = int(alike[row])
    while twin != row and not part[0] <= twin < part[1]:
        twin = int(alike[twin])
    if twin != row and twin not in chosen:
        chosen = [*chosen[: few - 1], twin]
    links[row] = -1
    links[row, : len(chosen)] = chosen
