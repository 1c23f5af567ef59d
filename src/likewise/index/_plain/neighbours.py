"""The rows a walk goes on to from a row, the twin of `_compiled.neighbours`."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.values import ENOUGH, Parts, Passing, Visited


def neighbours(graph: Any, row: int, visited: Visited) -> list[int]:
    """Rows that ``row`` leads to and that this walk has not met, which it now has.

    ``graph`` is an array (n, degree) of links, `Parts` or `Passing`.
    """
    if isinstance(graph, Passing):
        return _past_others(graph, row, visited)
    if isinstance(graph, Parts):
        return _of_parts(graph, row, visited)
    return _unseen(graph[row], 0, len(graph), visited, strict=True)


def _of_parts(graph: Parts, row: int, visited: Visited) -> list[int]:
    """Along the links of all its parts that hold more of the window than the next finer one."""
    low, high, levels = int(graph.low), int(graph.high), len(graph.sizes)
    near: list[int] = []
    for level in range(graph.first, levels + 1):
        start, stop = part_of(graph, row, level)
        last = level == levels or (low <= start and stop <= high)
        finer = (start, stop) if last else part_of(graph, row, level + 1)
        if last or _within(start, stop, low, high) != _within(*finer, low, high):
            links = graph.whole[row] if level == 0 else graph.links[row, level - 1]
            near += _unseen(links, low, high, visited, strict=False)
            last = last or len(near) >= ENOUGH
        if last:
            break
    return near


def _past_others(graph: Passing, row: int, visited: Visited) -> list[int]:
    """Neighbours that pass, and past those that fail their neighbours that pass."""
    found: list[int] = []

    def meet(near: Any) -> None:
        for neighbour in near[graph.mask[near]].tolist():
            if visited.marks[neighbour] != visited.walk[0]:
                visited.marks[neighbour] = visited.walk[0]
                found.append(neighbour)

    near = _links_of(graph.links, row)
    meet(near)
    for middle in near[~graph.mask[near]].tolist():
        if len(found) >= graph.enough:
            break
        if visited.marks[middle] != visited.walk[0]:
            visited.marks[middle] = visited.walk[0]
            meet(_links_of(graph.links, middle))
    return found


def _links_of(links: Any, row: int) -> Any:
    """The neighbours of a row; what leads nowhere ends them."""
    near = links[row]
    outside = np.flatnonzero((near < 0) | (near >= len(links)))
    return near[: outside[0]] if len(outside) else near


def part_of(graph: Parts, row: int, level: int) -> tuple[int, int]:
    """From which row and up to which the part of a level goes that holds ``row``."""
    if level == 0:
        return 0, len(graph.whole)
    size = int(graph.sizes[level - 1])
    start = start_of(row, size, graph.half)
    return start, start + size


def start_of(row: int, size: int, half: int) -> int:
    """Where the part of ``size`` rows that holds ``row`` begins; below 0 for the first half one."""
    shift = half * (size // 2)
    return (row + shift) // size * size - shift


def _within(start: int, stop: int, low: int, high: int) -> tuple[int, int]:
    """What a part holds of a window."""
    return max(start, low), min(stop, high)


def _unseen(links: Any, low: int, high: int, visited: Visited, *, strict: bool) -> list[int]:
    """Those of a row's links, up to the first -1, that lie from ``low`` up to ``high`` and are new.

    ``strict`` takes none after one that lies elsewhere.
    """
    inside = (links >= low) & (links < high)
    ends = np.flatnonzero(~inside if strict else links < 0)
    held = links[: ends[0]] if len(ends) else links
    held = held[(held >= low) & (held < high)]
    unseen: list[int] = held[visited.marks[held] != visited.walk[0]].tolist()
    visited.marks[held] = visited.walk[0]
    return list(dict.fromkeys(unseen))
