"""A sample of a collection's rows, drawn by a hash of their ids and kept from commit to commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from likewise.store.batch import Id
from likewise.store.selecting import Selected
from likewise.store.view import View
from likewise.vectors import Float32Array

#: Rows of a sample, and how many more are kept for when some of them are deleted.
SAMPLE, RESERVE = 1000, 1000
#: Fewer rows that pass a filter say too little of its rows: the whole sample is taken.
FEWEST = 100

RowArray = npt.NDArray[np.int64]
#: A row's place in the draw: its hash, and its id for the case that two hashes are equal.
Key = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of least hash, as of one commit.

    Attributes:
        seq: the commit.
        last: the last row number that was looked at.
        bound: every live row up to this hash is among ``keys``; None: every live row is.
        keys: (hash, id, row number), ascending.
    """

    seq: int
    last: int
    bound: int | None
    keys: tuple[Key, ...]


def draw(connection: sqlite3.Connection, view: View, before: Drawn | None) -> Drawn:
    """The draw as of the view; it depends on which rows there are, not on how they came.

    Cost: a microsecond a row that was not looked at for the draw ``before``; from the start
    again when more than half of it was deleted.
    """
    if before is not None and before.seq == view.seq:
        return before
    if before is not None and before.seq < view.seq:
        newer = _keys(connection, before.last)
        inside = [key for key in newer if before.bound is None or key[0] <= before.bound]
        alive = [key for key in before.keys if view.locate(key[2]) is not None]
        if before.bound is None or len(alive) + len(inside) >= SAMPLE:
            last = max([before.last, *(key[2] for key in newer)])
            return _least(view.seq, last, before.bound, [*alive, *inside])
    keys = _keys(connection, 0)
    return _least(view.seq, max((key[2] for key in keys), default=0), None, keys)


def _least(seq: int, last: int, bound: int | None, keys: Iterable[Key]) -> Drawn:
    ordered = sorted(keys)
    if len(ordered) > SAMPLE + 2 * RESERVE:  # not at every commit: each cut forgets rows
        bound = ordered[SAMPLE + RESERVE][0] - 1
        ordered = [key for key in ordered if key[0] <= bound]
    return Drawn(seq, last, bound, tuple(ordered))


def _keys(connection: sqlite3.Connection, after: int) -> list[Key]:
    return [
        (row_hash(id_), repr(id_), row)
        for row, id_ in connection.execute("SELECT row, id FROM rows WHERE row > ?", (after,))
    ]


def row_hash(id_: Id) -> int:
    """A row's place in the draw, by its id."""
    return int.from_bytes(blake2b(repr(id_).encode(), digest_size=8).digest(), "little")


def sample(view: View, selected: Selected, field: str, drawn: Drawn) -> Float32Array:
    """(at most 1000, dim) vectors of the rows drawn: of those selected, if they are not few."""
    rows = np.array([row for _, _, row in drawn.keys[:SAMPLE]], dtype=np.int64)
    vectors, passing = [], []
    for number, (part, mask) in enumerate(
        zip(view.parts, (part.whole() for part in selected.parts), strict=True)
    ):
        places = np.searchsorted(part, rows)
        inside = places < len(part)
        places, numbers = places[inside], rows[inside]
        places = places[part[places] == numbers]
        if not len(places):
            continue
        if number < len(view.segments):
            held = view.segments[number].vectors(field)
        else:
            held = view.tail.prepared[field].rows
        vectors.append(held[places])
        passing.append(np.ones(len(places), dtype=np.bool_) if mask is None else mask[places])
    found: Float32Array = np.concatenate(
        vectors or [np.empty((0, view.settings.dense[field].dim or 1), dtype=np.float32)]
    )
    chosen = np.concatenate(passing or [np.empty(0, dtype=np.bool_)])
    return found[chosen] if np.count_nonzero(chosen) >= FEWEST else found
