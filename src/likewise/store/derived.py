"""What is derived of rows beside vectors and columns: the terms of texts, and what may follow.

A `Kind` says how it is made of rows, changed, written and read back, and joins by one line in
`likewise.store.kinds`. The rest is the same for all: a file a segment where the collection keeps
the kind, else made from the database at first use and held in memory, and moved on by what each
commit adds and deletes.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from likewise.store.forking import Mutex
from likewise.store.settings import Settings

MaskArray = npt.NDArray[np.bool_]
RowArray = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

#: Things of a part that are only in memory, and that `Derived` lets go of when there are more.
PASSING = 4


class Kind(Protocol):
    """One kind of thing that is derived of rows, and knows them by their places.

    Things are never changed, since searches of other threads may be reading them: a change gives
    another one.
    """

    @property
    def name(self) -> str:
        """In the settings and the manifest, and the ending of its files."""

    def identity(self, settings: Settings) -> str:
        """All that it depends on beside the rows; a file of another identity is not used."""

    @property
    def passing(self) -> bool:
        """Whether there may be many of the kind, so that only those used last stay in memory."""

    def empty(self) -> Any:
        """That of no rows."""

    def extended(
        self,
        thing: Any,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Any:
        """With ``rows`` (ascending row numbers) after the others; those gone count as dead."""

    def sealed(
        self,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Any:
        """Of the rows of a segment, to be saved and searched often."""

    def without(self, thing: Any, places: RowArray) -> Any:
        """Without the rows at these places; the others keep theirs."""

    def save(self, thing: Any, path: Path) -> None:
        """Write it to a checksummed file."""

    def load(self, path: Path) -> Any:
        """Map the file; raises DamagedFile or InvalidFile where it is none."""

    def size(self, thing: Any) -> int:
        """How many places it has."""


@dataclass(slots=True)
class _State:
    """The newest of what is derived: of so many rows, those that live."""

    thing: Any
    alive: MaskArray


class Derived:
    """What is derived of the rows of one part of a view, as they are now.

    Shared by the views that follow each other. A search in an older view than the newest may miss
    a row that was deleted since.

    Args:
        mapped: kind to what its file holds.
    """

    def __init__(self, mapped: Mapping[str, Any] | None = None) -> None:
        self.mapped = frozenset(mapped or ())
        self._made: dict[str, Any] = dict(mapped or {})
        self._states: dict[str, _State] = {}
        self._passing: OrderedDict[str, None] = OrderedDict()
        self._lock = Mutex()

    def current(
        self,
        kind: Kind,
        rows: RowArray,
        alive: MaskArray | None,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Any:
        """That of ``kind``, of ``rows`` that are ``alive`` (None: all); maybe of later ones too."""
        with self._lock:
            state = self._states.get(kind.name)
            if state is None:
                thing = self._made.pop(kind.name, None)
                thing = kind.empty() if thing is None else thing
                state = _State(thing, np.ones(kind.size(thing), dtype=np.bool_))
            thing, known = state.thing, state.alive
            if len(known) < len(rows):
                new = rows[len(known) :]
                thing = kind.extended(thing, new, connection, settings, progress)
                known = np.concatenate([known, np.ones(len(rows) - len(known), dtype=np.bool_)])
            if alive is not None and len(alive) == len(known):
                dead = np.flatnonzero(known & ~alive)
                if len(dead):
                    thing, known = kind.without(thing, dead), known & alive
            self._states[kind.name] = _State(thing, known)
            if kind.passing and kind.name not in self.mapped:
                self._passing[kind.name] = None
                self._passing.move_to_end(kind.name)
                while len(self._passing) > PASSING:
                    del self._states[self._passing.popitem(last=False)[0]]
            return thing
