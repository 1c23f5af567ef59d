"""The neighbour graph of each dense field, moved on by what every commit changes."""

from __future__ import annotations

import contextlib
import warnings
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arrays import DamagedFile, open_arrays, save_arrays, verify_arrays
from likewise.errors import CacheWarning, InvalidFile
from likewise.index import Exact
from likewise.learn.neighbor_graph import NeighborGraph
from likewise.store.deciding.files import paths_of
from likewise.store.deciding.live_rows import LiveRows
from likewise.store.forking import Mutex, watch
from likewise.store.settings import Settings

RowArray = npt.NDArray[np.int64]

#: Neighbours that are kept of a row; more when more are asked for.
USUAL_K = 15
#: The file is written anew when this share of the rows has changed since.
CHANGED = 0.05


@dataclass(slots=True)
class _Kept:
    """A graph, the row number of every position in it, and how many changes its file lacks."""

    graph: NeighborGraph
    numbers: RowArray
    unsaved: int


@dataclass(frozen=True, slots=True, eq=False)
class RowLists:
    """The nearest neighbours of rows, as they were at one commit.

    Attributes:
        numbers: (n,) the row numbers, ascending.
        places: (n, k) which of the n rows the neighbours are, nearest first; no row is its own.
        distances: (n, k), by ``metric``. Neither can be written to.
        recall: the share of the true neighbours in them, an estimate.
    """

    numbers: RowArray
    places: RowArray
    distances: npt.NDArray[np.float64]
    metric: str
    recall: float


def new_graph(rows: LiveRows, k: int, field: str, settings: Settings) -> NeighborGraph:
    """A graph of these rows, by the metric of the field."""
    spec = settings.dense[field]
    graph = NeighborGraph(k, Exact(spec.metric or "cosine"), recall=settings.recall, n_jobs=-1)
    return graph.fit(rows.vectors)


def lists_of(graph: NeighborGraph, numbers: RowArray, k: int) -> RowLists:
    """What a graph of the rows ``numbers`` says now."""
    ids, distances = graph.upto(k)
    places, distances = graph.places(ids).view(), distances.view()
    places.flags.writeable = distances.flags.writeable = False  # the graph's own, maybe
    return RowLists(numbers, places, distances, graph.metric, graph.recall)


class KeptNeighbors:
    """Graphs in memory and in the cache folder, one a dense field.

    A graph is made when it is first asked for. Later only the lists change that a new row enters
    or a deleted one leaves. A writer keeps it in a file of the cache; a reader reads that, and
    never writes.

    Args:
        cache: the folder.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._graphs: dict[str, _Kept] = {}
        self._lock = Mutex()
        watch(self)

    def after_fork(self) -> None:
        """A thread of the parent may have been changing one: begin anew."""
        self._graphs = {}

    def current(
        self,
        rows: LiveRows,
        field: str,
        k: int,
        settings: Settings,
        identity: str,
        writing: Callable[[], AbstractContextManager[bool]],
    ) -> RowLists:
        """The ``k`` neighbours of all live ``rows``, as of now.

        Args:
            rows: all that live. field: whose vectors they are. identity: of the database.
            writing: in whose block files may be written, if it says so.

        Cost: `NeighborGraph.fit` at first; then `add` and `delete` of what has changed.
        """
        with self._lock:
            kept = self._graphs.pop(field, None) or self._read(field, settings, identity)
            if kept is None or not (kept.graph.reaches(k) or len(rows) <= kept.graph.k):
                kept = _Kept(new_graph(rows, max(k, USUAL_K), field, settings), rows.numbers, 1)
                kept.unsaved = len(rows)
            elif not self._moved_on(kept, rows):
                # An older commit than the graph's, asked for by another thread.
                self._graphs[field] = kept
                return lists_of(new_graph(rows, k, field, settings), rows.numbers, k)
            self._graphs[field] = kept
            if kept.unsaved > CHANGED * len(rows):
                with writing() as allowed:
                    if allowed:
                        self._write(kept, field, settings, identity)
            return lists_of(kept.graph, rows.numbers, k)

    @staticmethod
    def _moved_on(kept: _Kept, rows: LiveRows) -> bool:
        """Take out what is gone and put in what is new; whether that could be done.

        New rows have higher numbers than all, or these are the rows of an older commit.
        """
        positions = kept.graph.positions
        held = kept.numbers[positions]
        new = ~np.isin(rows.numbers, held, assume_unique=True)
        if len(held) and new.any() and rows.numbers[new][0] < held[-1]:
            return False
        gone = positions[~np.isin(held, rows.numbers, assume_unique=True)]
        if len(gone):
            kept.graph.delete(gone)
        if new.any():
            kept.graph.add(rows.vectors[new])
            kept.numbers = np.concatenate([kept.numbers, rows.numbers[new]])
        kept.unsaved += len(gone) + int(np.count_nonzero(new))
        return True

    # -- the file ---------------------------------------------------------------------

    def _read(self, field: str, settings: Settings, identity: str) -> _Kept | None:
        """What the file holds; None where there is none of this database, or it is damaged."""
        path, beside = paths_of(self._cache, settings.position(field))
        try:
            verify_arrays(path)
            verify_arrays(beside)
            graph, held = NeighborGraph.load(path), open_arrays(beside)
            numbers = np.array(held.arrays["numbers"])
            sound = held.attributes == _mark(graph, identity)
            if not sound or len(numbers) != graph.index.next_position:
                return None
        except FileNotFoundError:
            return None
        except (DamagedFile, InvalidFile, KeyError, OSError) as error:
            warnings.warn(
                f"collection {self._cache.parent.name!r}: cache file {path.name} cannot be used "
                f"({error}); the neighbours of its rows are found anew",
                CacheWarning,
                stacklevel=2,
            )
            return None
        return _Kept(graph, numbers, 0)

    def _write(self, kept: _Kept, field: str, settings: Settings, identity: str) -> None:
        """A disk that refuses costs the next process some time, and no more."""
        with contextlib.suppress(OSError):
            path, beside = paths_of(self._cache, settings.position(field))
            kept.graph.save(path)
            save_arrays(beside, {"numbers": kept.numbers}, _mark(kept.graph, identity))
            kept.unsaved = 0


def _mark(graph: NeighborGraph, identity: str) -> dict[str, Any]:
    """What says that both files are of one graph, and of this database."""
    return {"identity": identity, "lists": zlib.crc32(graph.ids.tobytes())}
