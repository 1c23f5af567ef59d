"""What a search sees: one immutable `View` of segments, tail and deletions at one commit.

The keeper moves from one view to the next by what has changed since: new rows join the tail,
tombstones mask. It looks at a single row of the database to learn that nothing has.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arrays import DamagedFile
from likewise.errors import CacheWarning
from likewise.index import PreparedRows, prepare
from likewise.index._rows import GrowingRows
from likewise.metrics import resolve
from likewise.store.derived import Derived
from likewise.store.field_columns import FieldColumns
from likewise.store.forking import Mutex, watch
from likewise.store.manifest import FILE_NAME as MANIFEST
from likewise.store.manifest import Manifest, SegmentEntry, read_manifest
from likewise.store.segments import Segment, open_segment, read_rows
from likewise.store.settings import Settings
from likewise.vectors import Float32Array

MaskArray = npt.NDArray[np.bool_]
RowArray = npt.NDArray[np.int64]

#: Columns of the tail are kept in blocks of this many rows, so that a new row makes only the
#: last block's columns anew.
TAIL_BLOCK = 1024


class State(NamedTuple):
    """The one row of the table ``state``, without the settings."""

    identity: str
    seq: int
    purged_seq: int
    manifest_version: int
    live: int


def read_state(connection: sqlite3.Connection) -> State:
    """The state as of the connection's transaction."""
    return State(
        *connection.execute(
            "SELECT identity, seq, purged_seq, manifest_version, live FROM state"
        ).fetchone()
    )


@dataclass(frozen=True, slots=True)
class Tail:
    """Rows that no segment holds yet, in memory; scanned exactly.

    The buffers, and what is derived of the rows, are shared with the tails before and after;
    they only grow, and each tail looks at the rows it knows.
    """

    rows: RowArray
    prepared: dict[str, PreparedRows]
    blocks: tuple[FieldColumns, ...]
    buffers: dict[str, GrowingRows]
    derived: Derived = field(default_factory=Derived)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class View:
    """Everything at one commit.

    Attributes:
        seq: the commit.
        live: rows there are.
        settings: of the collection.
        manifest: the segments' list; an empty one when that on disk could not be used.
        manifest_version: the version the database stated; with another, all is read anew.
        segments: in the order of their rows; the tail comes last.
        tail: rows newer than every segment.
        alive: per segment, then the tail: (n,) mask of rows that still live; None: all do.
        selected: what filters seen before select, by filter and vector field.
        living: how many rows live before each place of an order, by segment and metadata path;
            only of segments with dead rows, and only once asked for.
    """

    seq: int
    live: int
    settings: Settings
    manifest: Manifest
    manifest_version: int
    segments: tuple[Segment, ...]
    tail: Tail
    alive: tuple[MaskArray | None, ...]
    selected: OrderedDict[Any, Any] = field(default_factory=OrderedDict)
    living: dict[tuple[int, str], RowArray] = field(default_factory=dict)

    @property
    def parts(self) -> list[RowArray]:
        """The row numbers of each part: the segments, then the tail."""
        return [*(segment.rows for segment in self.segments), self.tail.rows]

    def locate(self, row: int) -> tuple[int, int] | None:
        """(part, position) of a live row number; None when there is none."""
        for part, rows in enumerate(self.parts):
            place = int(np.searchsorted(rows, row))
            if place < len(rows) and rows[place] == row:
                alive = self.alive[part]
                return (part, place) if alive is None or alive[place] else None
        return None


class OlderTransaction(Exception):
    """The view or the manifest is newer than the transaction: begin another one."""


class ViewKeeper:
    """The current view of one process, shared by its threads.

    Args:
        cache: the folder of derived files.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._view: View | None = None
        self._lock = Mutex()
        watch(self)
        self._open: dict[int, Segment] = {}
        self._silent = False
        #: What could not be used when the cache was last read, a sentence each.
        self.problems: tuple[str, ...] = ()

    def current(self, connection: sqlite3.Connection, *, patient: bool = False) -> View:
        """The view of the connection's transaction.

        Args:
            connection: inside a read transaction.
            patient: begin another transaction, rather than do without the cache, where the
                cache is newer than this one: a writer has just replaced it.

        Raises:
            OlderTransaction: another thread, or the cache, has moved on to a later commit.
        """
        state = read_state(connection)
        view = self._view
        if view is not None and view.seq == state.seq:
            return view
        with self._lock:
            view = self._view
            if view is not None and view.seq > state.seq:
                raise OlderTransaction
            if view is None or view.seq != state.seq:
                self._view = view = self._next(view, state, connection, patient)
            return view

    def sealed_up_to(self) -> int:
        """The last row number that a segment covers, as far as this process knows."""
        view = self._view
        return view.manifest.last_row if view is not None else 0

    @contextmanager
    def read_anew(self) -> Iterator[None]:
        """Read the cache from scratch, for one who mends it and needs no warnings meanwhile."""
        with self._lock:
            self._view, self._open, self._silent = None, {}, True
        try:
            yield
        finally:
            self._silent = False

    def after_fork(self) -> None:
        """A thread of the parent may have been in the middle of something: begin anew."""
        self._view = None
        self._open = {}

    def _next(
        self, view: View | None, state: State, connection: sqlite3.Connection, patient: bool
    ) -> View:
        stale = (
            view is None
            or view.seq < state.purged_seq
            or view.manifest_version != state.manifest_version
            or read_settings(connection) != view.settings
        )
        if view is None or stale:
            return self._load(state, connection, patient)
        return self._advance(view, state, connection)

    # -- from scratch ------------------------------------------------------------------

    def _load(self, state: State, connection: sqlite3.Connection, patient: bool) -> View:
        settings = read_settings(connection)
        if self._view is not None and self._view.settings.language != settings.language:
            self._open = {}  # what was derived of texts is of the other language
        while True:
            manifest, problem = self._usable_manifest(state, patient)
            view = self._assemble(manifest, settings, state, connection)
            problems = [problem] if problem else []
            problems += [what for segment in view.segments for what in segment.damaged]
            # A file may be gone because the writer has just replaced the manifest: look again.
            if not problems or self._usable_manifest(state, patient)[0].version == manifest.version:
                break
        if _count(view) != state.live:
            # A cache of another database, or a bug: never a wrong answer, so do without it.
            problems.append(f"{MANIFEST} does not agree with the database")
            view = self._assemble(Manifest(), settings, state, connection)
        self._report(problems)
        return view

    def _usable_manifest(self, state: State, patient: bool) -> tuple[Manifest, str]:
        """The manifest on disk, or an empty one and why."""
        try:
            manifest = read_manifest(self.cache)
        except DamagedFile as error:
            return Manifest(), f"{MANIFEST} is damaged ({error})"
        if manifest is None:
            missing = f"{MANIFEST} is missing" if state.manifest_version else ""
            return Manifest(), missing
        if manifest.identity != state.identity:
            return Manifest(), f"{MANIFEST} belongs to another database"
        if patient and manifest.seq > state.seq:
            raise OlderTransaction
        if manifest.version < state.manifest_version or manifest.seq > state.seq:
            return Manifest(), f"{MANIFEST} belongs to another state of the database"
        return manifest, ""

    def _report(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        if problems and not self._silent:
            warnings.warn(
                f"collection {self.cache.parent.name!r}: cache file {'; '.join(problems)}; "
                "answering from the database until it is rebuilt (repair() does it now)",
                CacheWarning,
                stacklevel=2,
            )

    def _assemble(
        self,
        manifest: Manifest,
        settings: Settings,
        state: State,
        connection: sqlite3.Connection,
    ) -> View:
        segments = tuple(self._segment(entry, settings, connection) for entry in manifest.segments)
        self._open = {segment.entry.number: segment for segment in segments}
        rows, vectors = read_rows(connection, settings, manifest.last_row + 1, None)
        tail = _extended(_empty_tail(settings), rows, vectors, settings)
        alive = tuple(
            _alive(connection, segment.rows, segment.entry.first_row, segment.entry.last_row)
            for segment in segments
        )
        return View(
            state.seq,
            state.live,
            settings,
            manifest,
            state.manifest_version,
            segments,
            tail,
            (*alive, None),
        )

    def _segment(
        self, entry: SegmentEntry, settings: Settings, connection: sqlite3.Connection
    ) -> Segment:
        known = self._open.get(entry.number)
        if known is not None and known.entry == entry and not known.damaged:
            return known
        return open_segment(self.cache, entry, settings, connection)

    # -- from the view before ------------------------------------------------------------

    def _advance(self, view: View, state: State, connection: sqlite3.Connection) -> View:
        newest = int(view.tail.rows[-1]) if len(view.tail) else view.manifest.last_row
        rows, vectors = read_rows(connection, view.settings, newest + 1, None)
        tail = _extended(view.tail, rows, vectors, view.settings)
        dead = np.fromiter(
            (
                record[0]
                for record in connection.execute(
                    "SELECT row FROM tombstones WHERE seq > ? ORDER BY row", (view.seq,)
                )
            ),
            dtype=np.int64,
        )
        grown = view.alive[-1]
        if grown is not None and len(rows):
            grown = np.concatenate([grown, np.ones(len(rows), dtype=np.bool_)])
        parts = [*(segment.rows for segment in view.segments), tail.rows]
        alive = tuple(
            _without(mask, part, dead)
            for mask, part in zip((*view.alive[:-1], grown), parts, strict=True)
        )
        return replace(
            view,
            seq=state.seq,
            live=state.live,
            tail=tail,
            alive=alive,
            selected=OrderedDict(),
            living={},
        )


def read_settings(connection: sqlite3.Connection) -> Settings:
    """The settings as of the connection's transaction."""
    return Settings.loads(connection.execute("SELECT settings FROM state").fetchone()[0])


def _empty_tail(settings: Settings) -> Tail:
    buffers = {
        name: GrowingRows(np.empty((0, spec.dim or 0), dtype=np.float32))
        for name, spec in settings.dense.items()
    }
    prepared = {
        name: prepare(buffers[name].array, resolve(spec.metric or "cosine"))
        for name, spec in settings.dense.items()
    }
    return Tail(np.empty(0, dtype=np.int64), prepared, (), buffers)


def _extended(
    tail: Tail, rows: RowArray, vectors: dict[str, Float32Array], settings: Settings
) -> Tail:
    """The tail with ``rows`` appended; the old one stays as it is."""
    if not len(rows):
        return tail
    numbers = np.concatenate([tail.rows, rows])
    prepared = {}
    for name in settings.dense:
        tail.buffers[name].cut(len(tail))  # an interrupted attempt may have left rows there
        tail.buffers[name].extend(vectors[name])
        old = tail.prepared[name]
        prepared[name] = prepare(tail.buffers[name].array, old.metric, old.summary)
    full = len(tail) // TAIL_BLOCK
    blocks = tail.blocks[:full] + tuple(
        FieldColumns(numbers[start : start + TAIL_BLOCK])
        for start in range(full * TAIL_BLOCK, len(numbers), TAIL_BLOCK)
    )
    return Tail(numbers, prepared, blocks, tail.buffers, tail.derived)


def _alive(
    connection: sqlite3.Connection, rows: RowArray, first: int, last: int
) -> MaskArray | None:
    dead = np.fromiter(
        (
            record[0]
            for record in connection.execute(
                "SELECT row FROM tombstones WHERE row BETWEEN ? AND ? ORDER BY row", (first, last)
            )
        ),
        dtype=np.int64,
    )
    return _without(None, rows, dead)


def _without(alive: MaskArray | None, rows: RowArray, dead: RowArray) -> MaskArray | None:
    """``alive`` with the ``dead`` row numbers taken out, as a copy when anything changes."""
    if not len(dead) or not len(rows):
        return alive
    places = np.searchsorted(rows, dead)
    places, numbers = places[places < len(rows)], dead[places < len(rows)]
    places = places[rows[places] == numbers]
    if not len(places):
        return alive
    mask = np.ones(len(rows), dtype=np.bool_) if alive is None else alive.copy()
    mask[places] = False
    return mask


def _count(view: View) -> int:
    return sum(
        len(rows) if mask is None else int(np.count_nonzero(mask))
        for rows, mask in zip(view.parts, view.alive, strict=True)
    )


def located(view: View, rows: RowArray) -> Iterator[tuple[int, MaskArray, RowArray]]:
    """Per part of the view: its number, which of ``rows`` lie in it, and at which places."""
    for number, part in enumerate(view.parts):
        if not len(part):
            continue
        chosen = (rows >= part[0]) & (rows <= part[-1])
        if chosen.any():
            yield number, chosen, np.searchsorted(part, rows[chosen])
