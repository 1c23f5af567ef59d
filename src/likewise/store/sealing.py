"""Sealing: the tail becomes a segment, small segments become larger ones.

The tail is written out once it is past `TAIL_ROWS`, together with the segments before it
that are not much larger (so each row is indexed about log n times in all). A segment with
many dead rows, or a damaged, missing or outdated file, is written anew. Nobody waits for it: a
thread of the writing process does it when writes pause, `seal` does it now, and `close` leaves
at least short tiers behind, so that processes that write one row and exit do not leave an
ever longer tail.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arrays import save_arrays
from likewise.errors import CacheWarning, LikewiseError, StorageFailed
from likewise.index import CostModel, Index, _compiled
from likewise.store.building import Built, build_graph, build_scan
from likewise.store.columns import Column, Order
from likewise.store.database import Database
from likewise.store.describe import keep_kinds
from likewise.store.field_columns import read_columns
from likewise.store.field_kinds import FieldKind
from likewise.store.forking import Mutex, watch
from likewise.store.kernels import load_at_hand, load_now, load_patiently
from likewise.store.kinds import derive, kept_kinds
from likewise.store.maintenance import check_segment
from likewise.store.manifest import FILE_NAME, Manifest, SegmentEntry, write_manifest
from likewise.store.query_log import logged_queries
from likewise.store.segments import Segment, read_rows, rows_file
from likewise.store.settings import Settings
from likewise.store.view import OlderTransaction, View, ViewKeeper, read_state

RowArray = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
#: Loads what building a graph of so many rows needs; gives whether it is there.
Kernels = Callable[[int], bool]

#: A longer tail is sealed in the background.
TAIL_ROWS = 4096
#: Smaller segments are scanned: a graph would not be faster.
GRAPH_ROWS = 2048
#: `close` builds graphs of at most this many rows (a few seconds); larger ones are left to
#: the next long-lived writer, to `seal` or to `compact`.
CLOSE_ROWS = 8192
#: A segment with more than this share of dead rows is written anew.
DEAD_SHARE = 0.25
#: So many rows added or deleted are worth a look at the dead shares.
MUCH_CHANGED = 1024
#: The background thread starts when nothing was committed for so long, or has waited so long.
QUIET_SECONDS, PATIENCE_SECONDS = 0.25, 10.0

_CACHE_FILE = re.compile(r"\d{6,}\.|\.")


class _Stopped(Exception):
    """`close` asked the sealer to leave."""


class _KernelsWanted(Exception):
    """A graph is to be built, and the kernels for it are not loaded yet."""


def _only_if_ready(rows: int) -> bool:
    if not _compiled.ready():
        raise _KernelsWanted
    return True


@dataclass(frozen=True, slots=True)
class _Job:
    """Segments ``first`` to ``stop`` (and the tail, when ``tail``) become one segment."""

    first: int
    stop: int
    tail: bool
    graph: bool


class Sealer:
    """Builds the cache of one collection; used by the one process that holds the writer lock.

    Args:
        database, keeper: of the collection.
        cache: the folder of derived files.
        costs: the planner's constants for new graphs; None has them measured.
    """

    def __init__(
        self, database: Database, keeper: ViewKeeper, cache: Path, costs: CostModel | None
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._cache = cache
        self._costs = costs
        self._working = Mutex()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_commit = 0.0
        self._tail_rows = 0
        self._changed = 0
        self._wanted: set[str] = set()
        watch(self)

    def after_fork(self) -> None:
        """The thread stayed with the parent."""
        self._stop, self._wake, self._thread = threading.Event(), threading.Event(), None

    # -- when --------------------------------------------------------------------------

    def committed(self, tail_rows: int, changed: int) -> None:
        """Told after each commit how long the tail may be, and how many rows came or went.

        The thread looks for work at the first commit of a process (an earlier one may have
        left some), when the tail is long, and when much has changed.
        """
        self._last_commit = time.monotonic()
        self._tail_rows = tail_rows
        self._changed += changed
        if self._thread is not None and tail_rows <= TAIL_ROWS and self._changed < MUCH_CHANGED:
            return
        self.wake()

    def wake(self) -> None:
        """Have the thread look for work, when nothing is committed for a moment."""
        self._changed = 0
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._in_background, name="likewise-sealer", daemon=True
            )
            self._thread.start()
        self._wake.set()

    def want(self, kind: str) -> None:
        """Keep files of what is derived of rows from now on: a search has asked for it."""
        if kind not in self._wanted:
            self._wanted.add(kind)
            self.wake()

    @property
    def works_here(self) -> bool:
        """Whether the caller is the sealer's own thread."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Stop the thread, then leave short tiers behind where the tail is long."""
        thread = self._thread
        if thread is None:
            return
        self._stop.set()
        self._wake.set()
        thread.join()
        self._stop.clear()
        self._thread = None
        if self._tail_rows > TAIL_ROWS:
            try:
                with self._working:
                    self._work(
                        force_tail=False,
                        graph_rows=CLOSE_ROWS,
                        kernels=lambda _: load_at_hand(),
                        progress=None,
                    )
            except (LikewiseError, OSError) as error:
                self._warn(error)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Hold sealing off, for work that needs the cache to itself."""
        with self._working:
            yield

    def _in_background(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            self._wait_for_quiet()
            if self._stop.is_set():
                return
            try:
                self._work_behind()
            except _Stopped:
                return
            except (LikewiseError, OSError) as error:
                if not self._stop.is_set():
                    self._warn(error)

    def _work_behind(self) -> None:
        def work(kernels: Kernels) -> None:
            with self._working:
                self._work(
                    force_tail=False, graph_rows=None, kernels=kernels, progress=self._check_stop
                )

        try:
            work(_only_if_ready)
        except _KernelsWanted:
            # Outside the lock: this may take a minute, and `seal` need not wait for it.
            there = load_patiently(lambda: self._check_stop(0, 0))
            work(lambda _: there)

    def _warn(self, error: Exception) -> None:
        warnings.warn(
            f"collection {self._cache.parent.name!r} could not be indexed: {error}; "
            "searches stay right, but scan more; try seal()",
            CacheWarning,
            stacklevel=2,
        )

    def _wait_for_quiet(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and not self._stop.is_set():
            rest = self._last_commit + QUIET_SECONDS - time.monotonic()
            if rest <= 0:
                return
            self._stop.wait(rest)

    def _check_stop(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _Stopped

    # -- what --------------------------------------------------------------------------

    def seal(self, progress: Progress | None = None) -> None:
        """Index everything, now; a caller's ``progress`` may raise to interrupt."""
        with self._alone():
            self._work_now(progress)

    def rewrite(self, progress: Progress | None = None) -> None:
        """Write one segment of all rows, from the database, and drop every other file."""
        with self._alone():
            view = self._view()
            graph = _may_have_graph(view, view.live) and load_now(view.live, progress)
            self._replace(view, _Job(0, len(view.segments), True, graph), progress)

    def rebuild(self, progress: Progress | None = None) -> int:
        """Write every segment anew that `check` finds fault with, and index the rest.

        Returns how many were.
        """
        with self._alone():
            with self._keeper.read_anew():
                faulty = self._faulty()
                whole = bool(self._keeper.problems) and not faulty  # the manifest itself
                for i in reversed(faulty):  # so that the places of the others stay
                    view = self._view()
                    rows = _live(view, i)
                    graph = _may_have_graph(view, rows) and load_now(rows, progress)
                    self._replace(view, _Job(i, i + 1, False, graph), progress)
                self._work_now(progress)
            return len(self._view().segments) if whole else len(faulty)

    def _faulty(self) -> list[int]:
        """The places of segments that are damaged, at first sight or when all is read."""
        view = self._view()
        with self._database.read() as connection:
            return [
                i
                for i, segment in enumerate(view.segments)
                if segment.damaged or any(check_segment(self._cache, view, segment, connection))
            ]

    def add_missing(self) -> None:
        """Write the columns of indexed fields, and what else is kept, that segments lack.

        What is no longer kept is dropped.
        """
        with self._alone():
            self._add_missing(self._view(), None, None)

    def _add_missing(self, view: View, most_rows: int | None, progress: Progress | None) -> bool:
        """To segments of at most ``most_rows``; whether there was anything to write."""
        entries = list(view.manifest.segments)
        number = self._next_number(view)
        for i, segment in enumerate(view.segments):
            paths = self._lacking(segment, view.settings)
            kept = segment.kinds(view.settings)
            kinds = segment.lacks_derived(view.settings)
            needless = set(entries[i].derived) - set(kept)
            small = most_rows is None or len(segment) <= most_rows
            if segment.damaged or not small or not (paths or kinds or needless):
                continue
            with self._database.read() as connection:
                found = read_columns(connection, segment.rows, paths)
                derived = {  # where a search has made it, it is in memory already
                    name: segment.derived.current(
                        kept[name],
                        segment.rows,
                        view.alive[i],
                        connection,
                        view.settings,
                        progress,
                    )
                    for name in kinds
                    if not isinstance(kept[name], FieldKind)
                }
                rest = [kept[name] for name in kinds if name not in derived]
                derived |= derive(rest, segment.rows, connection, view.settings, progress)
            columns = self._write_columns(number + i, found, {})
            others = self._write_derived(number + i, derived, view.settings)
            names = [*columns.values(), *(file for _, file in others.values())]
            old = {name: entries[i].derived[name] for name in entries[i].derived.keys() - needless}
            gone = {entries[i].derived[name][1] for name in needless}
            files = {file: size for file, size in entries[i].files.items() if file not in gone}
            entries[i] = replace(
                entries[i],
                columns={**entries[i].columns, **columns},
                derived={**old, **others},
                files={**files, **self._sizes(names)},
            )
        changed = tuple(entries) != view.manifest.segments
        if changed:
            self._publish(view, tuple(entries))
        return changed

    def tidy(self) -> None:
        """Remove files that no manifest names: leavings of a crash, or of older segments."""
        with self._working, contextlib.suppress(OSError):
            self._make_folder()
            named = self._view().manifest.files | {FILE_NAME}
            for path in self._cache.iterdir():
                if path.name not in named and _CACHE_FILE.match(path.name):
                    with contextlib.suppress(OSError):
                        path.unlink()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other sealing meanwhile; a disk that refuses is an error of ours."""
        with self._working:
            try:
                yield
            except LikewiseError:
                raise
            except OSError as error:
                self.tidy()
                raise StorageFailed(
                    f"collection {self._cache.parent.name!r}: the cache cannot be written "
                    f"({error}); every row is safe, searches scan what is not indexed. Free some "
                    "space and seal() again"
                ) from error

    def _work_now(self, progress: Progress | None) -> None:
        self._work(
            force_tail=True,
            graph_rows=None,
            kernels=lambda rows: load_now(rows, progress),
            progress=progress,
        )

    def _work(
        self,
        *,
        force_tail: bool,
        graph_rows: int | None,
        kernels: Kernels,
        progress: Progress | None,
    ) -> None:
        loaded: bool | None = None  # until a graph is wanted
        self._keep_wanted()
        while True:
            view = self._view()
            job = _next_job(view, force_tail, graph_rows, graphs=loaded is not False)
            if job is None:
                if self._add_missing(view, graph_rows, progress):
                    continue
                self._forget_tombstones(view)
                return
            if job.graph and loaded is None:
                loaded = kernels(view.live)
                continue  # it may have taken long, and much may have been committed
            self._replace(view, job, progress)

    def _keep_wanted(self) -> None:
        """Note in the settings which kinds are kept from now on."""
        if self._wanted - set(self._view().settings.kept):
            with self._database.write() as connection:
                keep_kinds(connection, self._wanted)

    def _view(self) -> View:
        while True:
            with self._database.read() as connection, contextlib.suppress(OlderTransaction):
                return self._keeper.current(connection)

    # -- how ---------------------------------------------------------------------------

    def _replace(self, view: View, job: _Job, progress: Progress | None) -> None:
        """Do ``job``: write the files, then the manifest, then drop the tombstones."""
        entries = view.manifest.segments
        first_row = (
            entries[job.first].first_row
            if job.first < len(entries)
            else (view.manifest.last_row + 1)
        )
        with self._database.read() as connection:
            seq = read_state(connection).seq
            last_row = _last_row(connection) if job.tail else entries[job.stop - 1].last_row
            rows, vectors = read_rows(connection, view.settings, first_row, last_row)
            columns = read_columns(connection, rows, list(view.settings.indexed))
            kinds = kept_kinds(view.settings, vectors).values()
            derived = derive(kinds, rows, connection, view.settings, progress)
            keys = _sample_keys(connection, rows)
            asked = {
                name: logged_queries(connection, name, field.dim or 0)
                for name, field in view.settings.dense.items()
            }
        kept_before, kept_after = entries[: job.first], entries[job.stop :]
        new: tuple[SegmentEntry, ...] = ()
        if len(rows):
            number = self._next_number(view)
            orders = {path: Order.of(columns[path]) for path in view.settings.windows}
            graph = job.graph and len(rows) >= GRAPH_ROWS
            built = {
                name: build_graph(
                    vectors[name],
                    field.metric or "cosine",
                    {path: orders[path] for path in view.settings.windows_of(name)},
                    random_state=view.settings.random_state,
                    costs=self._costs,
                    keys=keys,
                    asked=asked[name],
                    progress=progress,
                )
                if graph
                else build_scan(vectors[name], field.metric or "cosine")
                for name, field in view.settings.dense.items()
            }
            entry = self._write(number, seq, first_row, last_row, rows, built, columns, orders)
            others = self._write_derived(number, derived, view.settings)
            files = {**entry.files, **self._sizes(file for _, file in others.values())}
            new = (replace(entry, derived=others, files=files),)
        self._publish(view, (*kept_before, *new, *kept_after), purge_up_to=seq)

    def _write(
        self,
        number: int,
        seq: int,
        first_row: int,
        last_row: int,
        rows: RowArray,
        built: dict[str, Built],
        columns: dict[str, Column],
        orders: dict[str, Order],
    ) -> SegmentEntry:
        arrays: dict[str, npt.NDArray[Any]] = {"rows": rows}
        arrays |= {f"vectors/{name}": parts.index.rows for name, parts in built.items()}
        save_arrays(self._cache / rows_file(number), arrays)
        names: dict[str, str] = {}
        windows: dict[str, dict[str, str]] = {}
        for i, (name, parts) in enumerate(built.items()):
            # By position: a name may be too long for a file, or differ from another only in case.
            names[name] = self._save(parts.index, f"{number:06d}.{i}.{parts.index.name}")
            for j, (path, window) in enumerate(parts.windows.items()):
                apart = window is not parts.index
                file = self._save(window, f"{names[name]}-{j}") if apart else names[name]
                windows.setdefault(path, {})[name] = file
        column_files = self._write_columns(number, columns, orders)
        others = [file for files in windows.values() for file in files.values()]
        files = self._sizes({rows_file(number), *names.values(), *others, *column_files.values()})
        return SegmentEntry(
            number, seq, first_row, last_row, len(rows), files, column_files, names, windows
        )

    def _save(self, index: Index, file: str) -> str:
        index.save(self._cache / file, include_rows=False)
        return file

    def _write_columns(
        self, number: int, columns: dict[str, Column], orders: dict[str, Order]
    ) -> dict[str, str]:
        files = {}
        for i, (path, column) in enumerate(columns.items()):
            name = f"{number:06d}.column-{i}"
            arrays, attributes = column.to_arrays()
            if path in orders:
                places, kinds = orders[path].to_arrays()
                arrays, attributes = arrays | places, attributes | kinds
            save_arrays(self._cache / name, arrays, attributes)
            files[path] = name
        return files

    def _write_derived(
        self, number: int, derived: dict[str, Any], settings: Settings
    ) -> dict[str, list[str]]:
        files = {}
        kinds = kept_kinds(settings)
        for name, thing in derived.items():
            file = f"{number:06d}.{name}"
            kinds[name].save(thing, self._cache / file)
            files[name] = [kinds[name].identity(settings), file]
        return files

    def _publish(
        self, view: View, entries: tuple[SegmentEntry, ...], purge_up_to: int | None = None
    ) -> None:
        """Make ``entries`` the valid segments, then forget tombstones that none needs."""
        self._make_folder()
        with self._database.write() as connection:
            state = read_state(connection)
            version = max(view.manifest.version, state.manifest_version) + 1
            write_manifest(self._cache, Manifest(state.identity, version, state.seq, entries))
            if purge_up_to is not None:
                connection.execute(
                    f"DELETE FROM tombstones WHERE {_needless(entries, purge_up_to)}"
                )
            connection.execute(
                "UPDATE state SET seq = seq + 1, purged_seq = seq + 1, manifest_version = ?",
                (version,),
            )
        self._view()
        self.tidy()

    def _forget_tombstones(self, view: View) -> None:
        """Where rows came and went without a seal, only their tombstones pile up."""
        with self._database.read() as connection:
            seq = read_state(connection).seq
            condition = _needless(view.manifest.segments, seq)
            found = connection.execute(f"SELECT count(*) FROM tombstones WHERE {condition}")
            needless = found.fetchone()[0]
        if needless > TAIL_ROWS:
            self._publish(view, view.manifest.segments, purge_up_to=seq)

    def _make_folder(self) -> None:
        """The folder is only a cache: somebody may have deleted it whole, at any time."""
        self._cache.mkdir(exist_ok=True)

    def _next_number(self, view: View) -> int:
        self._make_folder()
        used = [entry.number for entry in view.manifest.segments]
        used += [int(p.name[:6]) for p in self._cache.glob("[0-9]*.*") if p.name[:6].isdigit()]
        return max(used, default=0) + 1

    def _sizes(self, files: Iterable[str]) -> dict[str, int]:
        return {name: (self._cache / name).stat().st_size for name in sorted(files)}

    @staticmethod
    def _lacking(segment: Segment, settings: Settings) -> list[str]:
        return [path for path in settings.indexed if path not in segment.fields.mapped]


def _next_job(
    view: View, force_tail: bool, graph_rows: int | None, *, graphs: bool = True
) -> _Job | None:
    """What to do next; None when all is done. Without ``graphs`` none is built, nor dropped."""
    sizes = [_live(view, i) for i in range(len(view.segments) + 1)]
    for i, segment in enumerate(view.segments):
        if graph_rows is not None and sizes[i] > graph_rows:
            continue  # would take long: left to somebody with more time
        dead = 1 - sizes[i] / max(1, len(segment))
        wants_graph = graphs and _wants_graph(view, i, sizes[i])
        stale = (segment.outdated or dead > DEAD_SHARE) and (graphs or segment.graphless)
        if segment.damaged or stale or wants_graph:
            keep_graph = graphs and (not segment.graphless or wants_graph)
            return _Job(i, i + 1, False, keep_graph and sizes[i] >= GRAPH_ROWS)
    tail = sizes[-1]
    if len(view.tail) <= (0 if force_tail else TAIL_ROWS):
        return None
    first, total = len(view.segments), tail
    while first and sizes[first - 1] < 2 * total and (graphs or view.segments[first - 1].graphless):
        first -= 1
        total += sizes[first]
    if graph_rows is not None and total > graph_rows:
        first, total = len(view.segments), tail
    small = graph_rows is None or total <= graph_rows
    return _Job(first, len(view.segments), True, graphs and small and _may_have_graph(view, total))


def _may_have_graph(view: View, rows: int) -> bool:
    """Whether so many rows are worth a graph, and a field can have one."""
    return rows >= GRAPH_ROWS and bool(view.settings.dense)


def _wants_graph(view: View, i: int, rows: int) -> bool:
    """Whether a graph is missing, or a window."""
    segment = view.segments[i]
    return _may_have_graph(view, rows) and (
        segment.graphless or segment.lacks_windows(view.settings)
    )


def _live(view: View, part: int) -> int:
    alive = view.alive[part]
    return len(view.parts[part]) if alive is None else int(np.count_nonzero(alive))


def _last_row(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'").fetchone()
    return int(found[0]) if found else 0


def _sample_keys(connection: sqlite3.Connection, rows: RowArray) -> RowArray:
    """A hash of each row's id: who is drawn to measure recall does not depend on row numbers."""
    if not len(rows):
        return np.empty(0, dtype=np.int64)
    cursor = connection.execute(
        "SELECT id FROM rows WHERE row BETWEEN ? AND ? ORDER BY row", (int(rows[0]), int(rows[-1]))
    )
    return np.array([zlib.crc32(repr(record[0]).encode()) for record in cursor], dtype=np.int64)


def _needless(entries: tuple[SegmentEntry, ...], up_to: int) -> str:
    """SQL: tombstones known at commit ``up_to``, but for rows that an older segment holds."""
    needed = [(e.first_row, e.last_row) for e in entries if e.seq < up_to]
    ranges = "".join(f" AND NOT row BETWEEN {int(a)} AND {int(b)}" for a, b in needed)
    return f"seq <= {int(up_to)}{ranges}"
