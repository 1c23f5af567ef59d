"""Which rows a walk can get to, the twin of `_compiled.reach`."""

from __future__ import annotations

from typing import Any

from likewise.index._compiled.values import STEPS


def reach(links: Any, starts: Any, parents: Any, queue: Any) -> int:
    """Follow all links from ``starts``; arguments and result are those of the kernel."""
    count = 0

    def found(row: int, parent: int) -> int:
        if parents[row] >= 0:
            return count
        parents[row], queue[count] = parent, row
        return count + 1

    for start in starts.tolist():
        count = found(start, start)
    at = 0
    while at < count:
        row = int(queue[at])
        at += 1
        for neighbour in links[row].tolist():
            if neighbour < 0:
                break
            count = found(neighbour, row)
    return count


def connect(links: Any, lost: Any, parents: Any, queue: Any) -> int:
    """Give each lost row a link, breaking no other's only path; arguments as the kernel's."""
    found = 0
    for place, row in enumerate(lost.tolist()):
        if parents[row] < 0:
            leader = _leader_among(links, row, parents)
            if leader >= 0:
                reach(links, lost[place : place + 1], parents, queue)
                parents[row] = leader
        found += int(parents[row] >= 0)
    return found


def _leader_among(links: Any, row: int, parents: Any) -> int:
    """The row that links to ``row`` from now on; -1 if no neighbour can find one."""
    for neighbour in links[row].tolist():
        if neighbour < 0:
            break
        leader = _leader(links, neighbour, row, parents)
        if leader >= 0:
            return leader
    return -1


def _leader(links: Any, first: int, to: int, parents: Any) -> int:
    """Link ``to`` from ``first`` or, where that is full, from one it leads to; -1 if none can."""
    row, degree = first, links.shape[1]
    for step in range(STEPS):
        if parents[row] < 0:
            return -1
        if _lead(links, row, to, parents):
            return row
        row = int(links[row, (to * 7919 + step) % degree])
    return -1


def _lead(links: Any, row: int, to: int, parents: Any) -> bool:
    """Add a link, in a free place or instead of the last one that is not needed."""
    listed = links[row].tolist()
    if listed[-1] < 0:
        links[row, listed.index(-1)] = to
        return True
    for place in reversed(range(len(listed))):
        if parents[listed[place]] != row:
            links[row, place] = to
            return True
    return False
