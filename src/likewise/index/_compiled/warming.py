"""Calls of every kernel on tiny arrays, which compile what searches and fits will call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from likewise.index._compiled import among, hops, link, parts, reach, search, window
from likewise.index._compiled.values import (
    BY_PARTS,
    Diversity,
    Effort,
    Entries,
    Found,
    Placing,
    Space,
    Visited,
    Wanted,
)

ROWS, DIM, DEGREE = 6, 4, 2
#: The types of codes, and whether rows have a scale and a bias.
SPACES: dict[str, tuple[Any, bool]] = {
    "8-bit": (np.uint8, True),
    "4-bit": (np.int8, True),
    "float32": (np.float32, False),
}


def warm_up() -> list[Callable[[], Any]]:
    """One call a kernel and type of codes."""
    return [
        *(partial(_warm_search, name) for name in SPACES),
        *(partial(_warm_among, name) for name in SPACES),
        *(partial(_warm_hops, name) for name in SPACES),
        *(partial(_warm_windows, name) for name in SPACES),
        *(step for name in ("8-bit", "float32") for step in _steps(name)),
        _warm_reach,
    ]


def _steps(name: str) -> list[Callable[[], Any]]:
    return [
        partial(step, name) for step in (_warm_insert, _warm_join, _warm_smallest, _warm_merged)
    ]


def read_only(array: Any) -> Any:
    """The same array, not writable: the kernels are compiled for that type."""
    view = array.view()
    view.flags.writeable = False
    return view


def tiny_space(name: str, rows: int = ROWS) -> Space:
    """Rows that all are the same."""
    dtype, terms = SPACES[name]
    codes = np.zeros((rows, 64 // dtype().itemsize), dtype)
    ones = np.ones((rows if terms else 0, 2), np.float32)
    return Space(read_only(codes), read_only(ones), 0)


def _entries(name: str) -> Entries:
    ids = read_only(np.zeros(1, np.int32))
    return Entries(tiny_space(name, 1), ids, ids)


def _visited() -> Visited:
    return Visited(np.zeros(ROWS, np.uint8), np.zeros(1, np.int64))


def _placing() -> Placing:
    return Placing(read_only(np.zeros(DIM, np.float32)), 1.0, 0, 0.0)


def _found(width: int) -> Found:
    return Found(
        np.empty((1, width), np.int64),
        np.empty((1, width)),
        np.empty((1, 3), np.int64),
        np.empty(1, np.float32),
    )


def _ring() -> Any:
    next_ = (np.arange(ROWS, dtype=np.int32)[:, None] + np.arange(1, DEGREE + 1)) % ROWS
    return next_.astype(np.int32)


def _warm_search(name: str) -> None:
    everything = (read_only(np.zeros(0, np.bool_)),)
    search.search(*_walk_arguments(name, everything))


def _warm_hops(name: str) -> None:
    passing = read_only(np.ones(ROWS, np.bool_))
    listed = read_only(np.arange(ROWS, dtype=np.int32))
    hops.walk_among(*_walk_arguments(name, (passing, passing, listed, DEGREE, 1 << 62)))


def _walk_arguments(name: str, mask: tuple[Any, ...]) -> list[Any]:
    rows = read_only(np.zeros((ROWS, DIM), np.float32))
    entries = _entries(name)
    return [
        *tiny_space(name),
        read_only(_ring()),
        *tiny_space("8-bit")[:2],
        *entries.space[:-1],
        entries.ids,
        entries.places,
        *_placing(),
        rows,
        rows[:1],
        read_only(np.zeros(0, np.int32)),
        *mask,
        *Effort(4, 1.5, 2, 1 << 40),
        *Wanted(1, 2, 3, 3, np.inf, 0, ROWS, ROWS),
        *_visited(),
        *_found(3),
    ]


def _warm_among(name: str) -> None:
    rows = read_only(np.zeros((ROWS, DIM), np.float32))
    listed = read_only(np.arange(ROWS, dtype=np.int32))
    among.scan_among(
        *tiny_space(name),
        *_placing(),
        rows,
        rows[:1],
        listed,
        *(4, 1, 2, np.inf),
        *_found(2),
    )


def _warm_windows(name: str) -> None:
    rows = read_only(np.zeros((ROWS, DIM), np.float32))
    found = Found(
        np.empty((1, 3), np.int64),
        np.empty((1, 3)),
        np.empty((1, 3), np.int64),
        np.empty(1, np.float32),
    )
    levels = read_only(np.zeros((ROWS, 1, DEGREE), np.int32))
    arguments: list[Any] = [
        *tiny_space(name),
        *tiny_space("8-bit")[:2],
        *Placing(read_only(np.zeros(DIM, np.float32)), 1.0, 0, 0.0),
        read_only(_ring()),
        levels,
        read_only(np.array([2])),
        levels,
        rows,
        read_only(np.arange(ROWS, dtype=np.int32)),
        read_only(np.zeros(0, np.int32)),
        read_only(np.zeros(0, np.bool_)),
        rows[:1],
        read_only(np.array([[0, ROWS, 0, 0]])),
        BY_PARTS,
        *Effort(4, 1.5, 2, 1 << 40),
        *Wanted(1, 2, 3, 3, np.inf, 0, ROWS, ROWS)[:5],
        *_visited(),
        *found,
    ]
    window.search_windows(*arguments)


def _warm_smallest(name: str) -> None:
    alike = read_only(np.arange(ROWS, dtype=np.int32))
    parts.smallest_parts(tiny_space(name), _ring(), alike, 4, 0, 0, 1, 4, Diversity(1.1, 1.2, 1))


def _warm_merged(name: str) -> None:
    alike = read_only(np.arange(ROWS, dtype=np.int32))
    finer, diversity = read_only(np.full((ROWS, DEGREE), -1, np.int32)), Diversity(1.1, 1.2, 1)
    parts.merged_parts(
        tiny_space(name),
        finer,
        _ring(),
        alike,
        4,
        0,
        2,
        0,
        1,
        4,
        diversity,
        _visited(),
    )


def _warm_insert(name: str) -> None:
    space, rows = tiny_space(name), read_only(np.zeros((ROWS, DIM), np.float32))
    batch, diversity = np.zeros(1, np.int32), Diversity(1.1, 1.2, 1)
    entries, visited = _entries(name), _visited()
    link.insert(
        space, _ring(), entries, rows, read_only(batch), batch.copy(), 4, diversity, visited
    )


def _warm_join(name: str) -> None:
    space, one = tiny_space(name), read_only(np.zeros(1, np.int32))
    diversity = Diversity(1.1, 1.2, 1)
    offsets = read_only(np.array([0, 1]))
    link.join(space, _ring(), one, offsets, one, diversity)
    both, alive = np.stack([_ring(), _ring()]), read_only(np.ones(ROWS, np.bool_))
    link.mend(space, both, alive, one, diversity)


def _warm_reach() -> None:
    links, parents = _ring(), np.full(ROWS, -1, np.int32)
    queue, one = np.empty(ROWS, np.int32), read_only(np.zeros(1, np.int32))
    reach.reach(read_only(links), one, parents, queue)
    reach.connect(links, one, parents, queue)
