"""Which rows a walk can get to, and the links that lead to the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._compiled.values import STEPS


@kernel(boundscheck=False)
def reach(links: Any, starts: Any, parents: Any, queue: Any) -> Any:
    """Follow all links from ``starts``.

    Args:
        links: (n, degree) int32; -1 ends a list.
        starts: rows to begin at; those that were reached before are passed over.
        parents: (n,) int32, -1 where nothing led yet; filled with the row that led there, and
            with the row itself at a start.
        queue: (n,) int32, overwritten.

    Returns:
        how many rows were reached that had not been before. Cost O(links of those).
    """
    count = 0
    for start in starts:
        if parents[start] < 0:
            parents[start] = start
            queue[count] = start
            count += 1
    at = 0
    while at < count:
        row = queue[at]
        at += 1
        for j in range(links.shape[1]):
            neighbour = links[row, j]
            if neighbour < 0:
                break
            if parents[neighbour] < 0:
                parents[neighbour] = row
                queue[count] = neighbour
                count += 1
    return count


@kernel(boundscheck=False)
def connect(links: Any, lost: Any, parents: Any, queue: Any) -> Any:
    """Give each lost row a link from one of its own neighbours, breaking no other's only path.

    Args:
        links: (n, degree) int32, changed.
        lost: (m,) int32, rows that nothing leads to.
        parents: (n,) int32, from `reach`; kept true.
        queue: (n,) int32, overwritten.

    Returns:
        how many of ``lost`` were connected at their turn, by this or by another before; those
        after may lead to more, as ``parents`` says. A link is replaced only when its row was
        first reached by another one.
    """
    found = 0
    one = np.empty(1, np.int32)
    for row in lost:
        if parents[row] < 0:
            for j in range(links.shape[1]):
                neighbour = links[row, j]
                if neighbour < 0:
                    break
                leader = _leader(links, neighbour, row, parents)
                if leader >= 0:
                    one[0] = row
                    reach(links, one, parents, queue)
                    parents[row] = leader
                    break
        found += parents[row] >= 0
    return found


@kernel(boundscheck=False)
def _leader(links: Any, first: Any, to: Any, parents: Any) -> Any:
    """Link ``to`` from ``first`` or, where that is full, from one it leads to; -1 if none can.

    Rows that all are equal have the same few neighbours, and find room behind these.
    """
    row = first
    for step in range(STEPS):
        if parents[row] < 0:
            return -1
        if _lead(links, row, to, parents):
            return row
        row = links[row, (np.int64(to) * 7919 + step) % links.shape[1]]
    return -1


@kernel(boundscheck=False)
def _lead(links: Any, row: Any, to: Any, parents: Any) -> Any:
    """Add a link, in a free place or instead of the last one that is not needed."""
    degree = links.shape[1]
    if links[row, degree - 1] < 0:
        place = 0
        while links[row, place] >= 0:
            place += 1
        links[row, place] = to
        return True
    for back in range(degree):
        place = degree - 1 - back
        if parents[links[row, place]] != row:
            links[row, place] = to
            return True
    return False
