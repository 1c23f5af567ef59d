"""Choosing links, the twin of `_compiled.link`."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.values import (
    ALIKE,
    CROWD,
    ENDLESS,
    Diversity,
    Effort,
    Entries,
    Space,
    Visited,
)
from likewise.index._plain.keys import keys_of, quiet, row_as_query
from likewise.index._plain.walk import begin, id_of, key_of, packed, walk
from likewise.metrics import Metric


def prune(
    space: Space,
    candidates: list[int],
    apart: Any,
    diversity: Diversity,
    most: int,
    metric: Metric,
) -> list[int]:
    """The diverse ones of ``candidates``, which come nearest first with their distances."""
    chosen: list[int] = []
    left = list(range(len(candidates)))
    fewest = min(diversity.fewest, most)
    for limit, factor in ((most, diversity.strict), (fewest, diversity.loose)):
        passed_over = []
        for t in left:
            if len(chosen) < limit and not _hidden(
                space, candidates[t], apart[t], np.float32(factor), chosen, metric
            ):
                chosen.append(candidates[t])
            else:
                passed_over.append(t)
        left = passed_over
        if len(chosen) >= diversity.fewest:
            break
    return chosen


def _hidden(
    space: Space,
    candidate: int,
    apart: np.float32,
    factor: np.float32,
    chosen: list[int],
    metric: Metric,
) -> bool:
    """Whether a chosen neighbour stands so near to the candidate that it leads there."""
    if not chosen:
        return False
    query = row_as_query(space, candidate)
    with quiet():
        between = factor * (keys_of(space, chosen, query, metric) + query.base)
    return bool((between <= apart).any())


def insert(
    space: Space,
    links: Any,
    entries: Entries,
    rows: Any,
    batch: Any,
    twins: Any,
    length: int,
    diversity: Diversity,
    visited: Visited,
    *,
    metric: Metric,
) -> int:
    """Choose neighbours in the graph for every row of ``batch``, without telling them.

    Arguments and result are those of the kernel.
    """
    effort, scanned = Effort(length, 0.0, length, ENDLESS), 0
    for t, row in enumerate(batch.tolist()):
        query = row_as_query(space, row)
        starts = begin(entries, query, visited, metric)
        pool, work, _ = walk(space, links, query, effort, visited, starts, metric)
        scanned += work
        others = [entry for entry in pool if id_of(entry) != row]
        candidates = [id_of(entry) for entry in others]
        alike = [other for other in candidates[:ALIKE] if (rows[other] == rows[row]).all()]
        twins[t] = min(alike, default=-1)
        if not alike:
            with quiet():
                apart = [key_of(entry) + query.base for entry in others]
            chosen = prune(space, candidates, apart, diversity, links.shape[1], metric)
            _write(links, row, chosen)
    return scanned


def join(
    space: Space,
    links: Any,
    targets: Any,
    offsets: Any,
    sources: Any,
    diversity: Diversity,
    *,
    metric: Metric,
) -> None:
    """Let each of ``targets`` take the rows that chose it; arguments as the kernel's."""
    degree = links.shape[1]
    for t, row in enumerate(targets.tolist()):
        held = _neighbours(links, row)
        coming = sources[offsets[t] : offsets[t + 1]].tolist()
        new = [source for source in coming if source != row and source not in held]
        near = held + new[: CROWD + degree - len(held)]
        if len(near) > degree:
            near = _choose_again(space, degree, row, near, diversity, metric)
        _write(links, row, near)


def mend(
    space: Space, links: Any, alive: Any, rows: Any, diversity: Diversity, *, metric: Metric
) -> None:
    """Lead ``rows`` past their dead neighbours; arguments as the kernel's."""
    before, after = links
    for row in rows.tolist():
        near: dict[int, None] = {}  # each once, in the order they came
        held = _neighbours(before, row)
        few = 2 * sum(not alive[neighbour] for neighbour in held) >= len(held)
        for neighbour in held:
            past = [neighbour] if alive[neighbour] else _neighbours(before, neighbour)
            if alive[neighbour] and few:
                past += _neighbours(before, neighbour)
            near |= dict.fromkeys(other for other in past if alive[other] and other != row)
        degree = before.shape[1]
        _write(after, row, _choose_again(space, degree, row, list(near), diversity, metric))


def _choose_again(
    space: Space, degree: int, row: int, near: list[int], diversity: Diversity, metric: Metric
) -> list[int]:
    """The links of ``row``, chosen among ``near``."""
    query = row_as_query(space, row)
    keys = keys_of(space, near, query, metric)
    ranked = sorted(packed(keys, near))
    with quiet():
        apart = [key_of(entry) + query.base for entry in ranked]
    candidates = [id_of(entry) for entry in ranked]
    return prune(space, candidates, apart, diversity, degree, metric)


def _neighbours(links: Any, row: int) -> list[int]:
    listed: list[int] = links[row].tolist()
    return listed[: listed.index(-1)] if -1 in listed else listed


def _write(links: Any, row: int, chosen: list[int]) -> None:
    links[row] = -1
    links[row, : len(chosen)] = chosen
