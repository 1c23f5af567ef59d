"""The rows a walk goes on to from a row: its links, or those of its parts within a window.

A graph is given to a walk as one of three types, by which the functions below are chosen while
a kernel is compiled:

- an array (n, degree) of links;
- `values.Parts`: the same, and the links of every row within each of the parts of the rows that
  it lies in. Of these only the rows of the window are met, as in iRangeGraph (Y. Xu and others,
  "iRangeGraph: Improvising Range-dedicated Graphs for Range-filtering Nearest Neighbor Search",
  SIGMOD 2025);
- `values.Passing`: links of which only rows that pass a filter are met, and past those that fail
  their neighbours that pass, as in ACORN-1 (L. Patel and others, "ACORN: Performant and
  Predicate-Agnostic Search Over Vector Embeddings and Structured Data", SIGMOD 2024).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from likewise.index._compiled.bits import prefetch, prefetch_from
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.values import ENOUGH, Parts, Passing


def neighbours(graph: Any, row: Any, marks: Any, mark: Any, near: Any) -> Any:
    """Put the rows that ``row`` leads to and that no walk has seen into ``near``; their number.

    ``marks`` notes them.
    """
    raise NotImplementedError


def ask_for_links(graph: Any, row: Any) -> None:
    """Prefetch what `neighbours` reads of a row."""
    raise NotImplementedError


def _links_of(graph: Any, row: Any, marks: Any, mark: Any, near: Any) -> Any:
    rows, degree = graph.shape
    count: Any = 0
    for j in range(degree):
        neighbour = graph[row, j]
        if neighbour < 0 or neighbour >= rows:  # a damaged file must not end the process
            break
        # No branch on what was seen: half the rows were, and a wrong guess costs more.
        near[count] = neighbour
        count += int(marks[neighbour] != mark)
        marks[neighbour] = mark
    return count


def _ask_links(graph: Any, row: Any) -> None:
    prefetch(graph, row)


def _parts_of(graph: Any, row: Any, marks: Any, mark: Any, near: Any) -> Any:
    low, high, levels, few = graph.low, graph.high, graph.sizes.shape[0], graph.links.shape[2]
    count: Any = 0
    level = graph.first
    start, stop = np.int64(0), np.int64(graph.whole.shape[0])
    if level > 0:
        size = graph.sizes[level - 1]
        start = start_of(row, size, graph.half)
        stop = start + size
    while True:
        last = level == levels or (low <= start and stop <= high)
        inner_start, inner_stop = start, stop
        if not last:
            size = graph.sizes[level]
            inner_start = start_of(row, size, graph.half)
            inner_stop = inner_start + size
        # A finer part that holds as much of the window leads there better.
        if (
            last
            or max(start, low) != max(inner_start, low)
            or min(stop, high) != min(inner_stop, high)
        ):
            # A link out of the window is none; where a damaged file leads is not in it either.
            if level == 0:
                for j in range(graph.whole.shape[1]):
                    neighbour = graph.whole[row, j]
                    if neighbour < 0:
                        break
                    if low <= neighbour < high:
                        near[count] = neighbour
                        count += int(marks[neighbour] != mark)
                        marks[neighbour] = mark
            else:
                for j in range(few):
                    neighbour = graph.links[row, level - 1, j]
                    if neighbour < 0:
                        break
                    if low <= neighbour < high:
                        near[count] = neighbour
                        count += int(marks[neighbour] != mark)
                        marks[neighbour] = mark
            last = last or count >= ENOUGH
        if last:
            return count
        level += 1
        start, stop = inner_start, inner_stop


@kernel(boundscheck=False, inline="always", error_model="numpy")
def start_of(row: Any, size: Any, half: Any) -> Any:
    """Where the part of ``size`` rows that holds ``row`` begins; below 0 for the first half one."""
    shift = half * (size >> 1)
    # 32 bits divide three times as fast.
    return np.int64(np.uint32(row + shift) // np.uint32(size)) * size - shift


def _ask_parts(graph: Any, row: Any) -> None:
    if graph.first == 0:
        prefetch(graph.whole, row)
    prefetch_from(graph.links, row, max(0, graph.first - 1) * graph.links.shape[2])


def _passing_of(graph: Any, row: Any, marks: Any, mark: Any, near: Any) -> Any:
    links, passes = graph.links, graph.mask
    rows, degree = links.shape
    count: Any = 0
    for j in range(degree):
        neighbour = links[row, j]
        if neighbour < 0 or neighbour >= rows:
            break
        if passes[neighbour]:
            near[count] = neighbour
            count += np.int64(marks[neighbour] != mark)
            marks[neighbour] = mark
        elif marks[neighbour] != mark:
            prefetch(links, np.int64(neighbour))
    for j in range(degree):
        middle = links[row, j]
        if middle < 0 or middle >= rows or count >= graph.enough:
            break
        if passes[middle] or marks[middle] == mark:
            continue
        marks[middle] = mark  # nobody looks past it a second time
        for i in range(degree):
            neighbour = links[middle, i]
            if neighbour < 0 or neighbour >= rows:
                break
            if passes[neighbour]:
                near[count] = neighbour
                count += np.int64(marks[neighbour] != mark)
                marks[neighbour] = mark
    return count


def _ask_passing(graph: Any, row: Any) -> None:
    prefetch(graph.links, row)


_OPTIONS: Any = {"boundscheck": False, "error_model": "numpy"}


def _by_graph(function: Any, of_links: Any, of_parts: Any, of_passing: Any) -> None:
    named = {Parts: of_parts, Passing: of_passing}

    def choose(*arguments: Any) -> Any:
        kind = arguments[0]
        return named[kind.instance_class] if isinstance(kind, types.NamedTuple) else of_links

    overload(function, jit_options=_OPTIONS, strict=False)(choose)


_by_graph(neighbours, _links_of, _parts_of, _passing_of)
_by_graph(ask_for_links, _ask_links, _ask_parts, _ask_passing)
