"""`Collection`: durable rows and vectors, and the questions one can ask of them.

The class holds the parts together and checks what users give; the work is done in the
modules it imports.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import EllipsisType, TracebackType
from typing import Any, Self, overload

import numpy as np

from likewise._arguments import (
    check_count,
    check_k,
    suggest_arguments,
)
from likewise.errors import (
    CollectionClosed,
    CorruptCollection,
    InvalidArgument,
    InvalidType,
    LikewiseError,
    ReadOnly,
)
from likewise.filters import Filter
from likewise.index import CosineAdapter, CostModel, Measured, NullCutoff
from likewise.metrics import resolve
from likewise.results import Results, SearchInfo
from likewise.store import describe, maintenance, writing
from likewise.store.batch import Batch, Id, prepare
from likewise.store.by_field import ByField
from likewise.store.by_prefix import ByPrefix
from likewise.store.cutting import (
    Cutter,
    cut_field,
    read_cutoff,
    refuse_other_metric,
    save_adapter,
    train_adapter,
)
from likewise.store.database import Database
from likewise.store.deciding.files import damaged_files, remove_files
from likewise.store.deciding.methods import Decisions
from likewise.store.fields import Field
from likewise.store.forking import Mutex
from likewise.store.judgements import read_qrels, read_queries
from likewise.store.lexical import Lexical
from likewise.store.lock import WriterLock
from likewise.store.measuring import measure_recall
from likewise.store.prefix_ways import read_dims
from likewise.store.queries import (
    Limits,
    Where,
    dims_fields,
    read_field,
    read_filter,
    read_fusion,
    read_ids,
    read_query,
    read_using,
    read_windows,
    text_of,
    vectors_of,
)
from likewise.store.query_log import QueryLog
from likewise.store.reading import fetch, fetch_hits, walk
from likewise.store.reports import CompactReport, Finding, RecallReport, RepairReport
from likewise.store.retrieving import Dense, Retriever, answer
from likewise.store.sealing import Progress, Sealer
from likewise.store.selecting import select
from likewise.store.settings import LEXICAL, Settings, check_language
from likewise.store.view import OlderTransaction, View, ViewKeeper, read_settings, read_state
from likewise.vectors import as_dense

#: Transactions begun anew while a writer replaces the cache, before one does without it.
PATIENCE = 10


class Collection(Decisions):
    """Rows in one directory, searchable by likeness. Made by ``create``, ``open``, ``restore``.

    Safe to use from several threads. Everything acknowledged is on disk; every index is a
    cache that is rebuilt from the database when it must be.

    Example:
        >>> import likewise as lw
        >>> col = lw.create("c.likewise", dim=2)
        >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
        >>> len(col), col.search([1, 2], k=1).ids
        (2, ['up'])
        >>> col.close()
    """

    def __init__(
        self,
        path: Path,
        database: Database,
        encoders: Mapping[str, Any],
        timeout: float,
        costs: CostModel | None,
    ) -> None:
        self.path = path
        self.name = path.name
        self._database = database
        self._cache = path / maintenance.CACHE
        self._lock = WriterLock(path / "writer.lock", timeout)
        self._keeper = ViewKeeper(self._cache)
        self._sealer = Sealer(database, self._keeper, self._cache, costs)
        self._writing = Mutex()
        self._encoders = dict(encoders)
        self._fields = self.settings  # what never changes of them: the vector fields
        self._log = QueryLog()
        self._cutter = Cutter()
        self._begin_deciding()
        # Also runs when the last reference goes, and when the interpreter ends.
        self._shut = weakref.finalize(
            self, _shut_somewhere, database, self._lock, self._sealer, self._log, self._writing
        )

    # -- what it is --------------------------------------------------------------------

    @property
    def read_only(self) -> bool:
        """Whether writes are refused."""
        return self._database.read_only

    @property
    def settings(self) -> Settings:
        """Fields, metrics and switches, as they are now."""
        with self._database.read() as connection:
            return read_settings(connection)

    def __len__(self) -> int:
        with self._database.read() as connection:
            return read_state(connection).live

    def __repr__(self) -> str:
        if not self._shut.alive:
            return f"Collection({self.name!r}, closed)"
        return f"Collection({self.name!r}, {len(self)} rows)"

    def info(self) -> dict[str, Any]:
        """What there is to know: rows, bytes, fields, segments, recall curves. Plain values.

        Returns:
            A dict that JSON can carry. ``bytes`` is the size of the directory, ``tail_rows`` how
            many rows are not indexed yet, ``recall`` the measured curves, a list a field: of dense
            vectors by what a walk looks at, of bags by how many are ranked; the searches of other
            fields are exact and have none.

        Cost: one look at every file's size.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> info = col.info()
            >>> info["rows"], info["tail_rows"], info["fields"]["dense"]["metric"]
            (2, 2, 'cosine')
        """
        with self._viewing() as (connection, view):
            return describe.describe(self.path, view, connection)

    # -- changing it -------------------------------------------------------------------

    @suggest_arguments
    def add(self, rows: Any, *, progress: Progress | None = None) -> list[Id]:
        """Add rows; all of them, or none.

        Args:
            rows: dicts, a DataFrame, an Arrow table, or any iterable of dicts. ``id`` (str or
                int) is made when missing; ``text``, ``vector`` and ``vectors`` have meaning;
                every other key is metadata.
            progress: called with (done, total) while texts are encoded.

        Returns:
            The ids, in the order of the rows. The rows are on disk by then.

        Raises:
            DuplicateId: an id is there already, or twice in the batch.
            InvalidRow and its children: something is wrong with a row; it is named.
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: the encoder's, and about 20 microseconds a row of 384 numbers.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> col.add([{"id": "up", "vector": [0, 1], "year": 2020}, {"id": 7, "vector": [1, 0]}])
            ['up', 7]
            >>> col.add([{"id": 8, "vector": [1, 1]}, {"id": 7, "vector": [1, 1]}])
            Traceback (most recent call last):
            ...
            likewise.errors.DuplicateId: collection 'c.likewise': id 7 is there already; ...
            >>> len(col)
            2
        """
        return self._write(rows, replace=False, progress=progress)

    @suggest_arguments
    def upsert(self, rows: Any, *, progress: Progress | None = None) -> list[Id]:
        """As `add`, but a row whose id is there already takes its place, whole.

        The old row is gone whole: what the new one does not bring is not kept.

        Args:
            rows, progress: as in `add`.

        Returns:
            The ids, in the order of the rows.

        Raises:
            DuplicateId: an id stands twice in the batch; otherwise as `add`.

        Cost: as `add`, and a tombstone for each row replaced.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> col.upsert([{"id": "up", "vector": [0, 2], "seen": True}])
            ['up']
            >>> len(col), col.get("up")[0]["seen"]
            (2, True)
        """
        return self._write(rows, replace=True, progress=progress)

    @suggest_arguments
    def delete(self, ids: Any = None, where: Where = None) -> int:
        """Delete the rows with these ids, or those that pass a filter (both: that are in both).

        Args:
            ids: one id or several; unknown ones are ignored.
            where: a filter.

        Returns:
            How many rows were deleted.

        Raises:
            InvalidArgument: neither is given; ``delete(where="…")`` or `ids` must say what.
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: about 20 microseconds a row; with a filter, that of `count` too. The bytes are
        overwritten in the database at once, and leave the other files with `compact`.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> col.delete(["up", "nobody"]), len(col)
            (1, 1)
            >>> col.delete(where="exists(id)")
            1
        """
        self._refuse_read_only()
        condition = read_filter(where)
        if ids is None and condition is None:
            raise InvalidArgument(
                "delete() needs ids= or where=; to delete all, drop the directory"
            )
        wanted = None if ids is None else read_ids(ids)
        with self._writing:
            self._acquire()
            rows = self._rows_of(wanted, condition)
            if not rows:
                return 0
            with self._database.write() as connection:
                count = writing.remove(connection, rows, len(read_settings(connection).fields))
                writing.commit_number(connection)
            self._committed(count)
        return count

    @suggest_arguments
    def index_field(
        self,
        name: str,
        *,
        window: bool | None = None,
        using: str | Sequence[str] | None = None,
    ) -> None:
        """Keep a mapped column of this metadata path, so that new filters on it are fast.

        With windows, a filter that has a range on the field (``= < <= > >= between``), alone or
        joined to others by *and*, is searched for among the rows of the range alone, by
        `likewise.index.Window`. Values of any kind that has an order will do: numbers, times,
        strings and booleans.

        Args:
            name: a metadata field; a dotted path reaches into nested values.
            window: True also keeps windows, False no longer does; None leaves it as it is.
            using: the vector fields to keep windows of; None is all of them.

        Raises:
            UnknownField: no row has ever had it, or there is no such vector field.
            InvalidType: ``name`` is no string, or ``window`` neither True, False nor None.
            InvalidArgument: ``using`` without ``window=True``.
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: one walk over the rows that are sealed; doing it twice does nothing. Segments that
        have a graph and lack the windows are built anew when writes pause, or by `seal`; until
        then they are searched as before. The first window of a vector field takes the place of
        its graph, and takes at most three times its memory and four times its time to build; each
        further one as much again. Without windows, segments that have them stay as they are
        until they are next written.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"vector": [0, 1], "year": 2020}])
            >>> col.index_field("year", window=True)
            >>> col.info()["metadata_fields"]
            {'year': {'indexed': True, 'windows': ['dense']}}
        """
        self._refuse_read_only()
        if not isinstance(name, str):
            raise InvalidType(f"index_field takes the name of a field; got {name!r}")
        wanted = read_windows(window, using, self._fields)
        with self._writing:
            self._acquire()
            with self._database.write() as connection:
                describe.add_indexed_field(connection, name, self.name, wanted)
            self._sealer.add_missing()
            if wanted:
                self._sealer.wake()

    @suggest_arguments
    def index_text(self, *, language: str | EllipsisType | None = ...) -> None:
        """Keep the terms of all texts in the cache, so that lexical search need not read them.

        Without it, the first search by ``using="lexical"`` of a process takes every text apart,
        and a process that writes then begins to keep the terms by itself. What is kept is of the
        texts and can be made again from them, so the language can be changed at any time.

        Args:
            language: of the texts: a name of `likewise.encode.terms`, or None to cut no word to
                its stem. Left out, it stays what it is ("english" if ``create`` was not told).

        Raises:
            InvalidArgument: no such language; the message lists those there are.
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: about 0.3 milliseconds a text of 200 words that is sealed; doing it twice does
        nothing.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "a", "vector": [0, 1], "text": "Mice that sleep"}])
            >>> col.index_text()
            >>> col.search("a sleeping mouse", using="lexical").ids
            ['a']
        """
        self._refuse_read_only()
        chosen = None if language is ... else check_language(language)
        with self._writing:
            self._acquire()
            with self._database.write() as connection:
                if language is not ...:
                    describe.set_language(connection, chosen)
                describe.keep_kinds(connection, [LEXICAL])
            self._sealer.add_missing()

    @suggest_arguments
    def index_prefix(
        self,
        dims: int | Measured,
        *,
        using: str | Sequence[str] | None = None,
        keep: bool = True,
    ) -> None:
        """Keep prefixes of vectors in the cache, so that ``search(dims=)`` need not make them.

        Without it, the first search by a length makes the prefixes of every segment, in the memory
        of its process, where those of the last four lengths stay. They are not kept by themselves:
        each length is a file a segment, made again whenever rows are sealed.

        Args:
            dims: how many of the first numbers, or a way that `likewise.index.sweep` measured.
            using: the vector fields; None is the default one.
            keep: False drops what was kept; searches by it still answer.

        Raises:
            InvalidArgument, InvalidType: ``dims`` is no prefix of the field's vectors, or ``keep``
                neither True nor False.
            UnknownField: no such vector field.
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: a file of 4 bytes a number and row (fewer with codes). About two seconds for 100,000
            rows of 384 numbers that are sealed, where a segment has at least 2,048; a smaller one
            is scanned. Doing it twice does nothing.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=8)
            >>> rng = np.random.default_rng(0)
            >>> _ = col.add([{"id": i, "vector": rng.normal(size=8)} for i in range(20)])
            >>> col.index_prefix(4)
            >>> col.info()["fields"]["dense"]["prefixes"]
            ['prefix4']
            >>> col.search(col.get(7)[0]["vector"], k=1, dims=4).ids
            [7]
        """
        self._refuse_read_only()
        if not isinstance(keep, bool):
            raise InvalidType(f"keep must be True or False; got {keep!r}")
        named = [using] if using is None or isinstance(using, str) else list(using)
        names = [read_field(name, self._fields) for name in named]
        short = read_dims(dims, [(name, self._fields.dense[name]) for name in names], self.name)
        with self._writing:
            self._acquire()
            with self._database.write() as connection:
                ways = {name: (one.way,) for name, one in short.items()}
                describe.keep_prefixes(connection, ways, keep)
            self._sealer.add_missing()

    @suggest_arguments
    def log_queries(self, enabled: bool) -> None:
        """Switch the keeping of recent query vectors on or off (see ``create``).

        Queries for words, and for fields of terms, bags and Gaussians, are never kept.

        Args:
            enabled: off also forgets what was kept.

        Raises:
            InvalidType: neither True nor False.
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> col.log_queries(True)
            >>> col.settings.log_queries
            True
        """
        self._refuse_read_only()
        if not isinstance(enabled, bool):
            raise InvalidType(f"log_queries takes True or False; got {enabled!r}")
        with self._writing:
            self._acquire()
            with self._database.write() as connection:
                describe.set_query_logging(connection, enabled)
            self._log.clear()

    # -- asking it ---------------------------------------------------------------------

    @suggest_arguments
    def get(self, ids: Any, *, vectors: bool = False) -> list[dict[str, Any]]:
        """The rows with these ids, in the order asked; missing ones are left out.

        Args:
            ids: one id or several, any number.
            vectors: also give vectors that an encoder made; those that a row brought itself
                are always there.

        Returns:
            Dicts as they were given to `add`; a vector is a (dim,) float32 array.

        Raises:
            InvalidType: ``ids`` is no id and no list of ids.
            InvalidRow: an id is neither str nor int.

        Cost: about 25 microseconds a row.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> [row["id"] for row in col.get(["right", "nobody", "up"])]
            ['right', 'up']
            >>> col.get("up")[0]["vector"].tolist()
            [0.0, 1.0]
        """
        wanted = read_ids(ids)
        found: dict[Id, dict[str, Any]] = {}
        for chunk in writing.chunks(wanted):
            with self._database.read() as connection:
                settings = read_settings(connection)
                found |= fetch(connection, settings, chunk, vectors)
        return [found[id_] for id_ in wanted if id_ in found]

    @suggest_arguments
    def count(self, where: Where = None) -> int:
        """How many rows there are, or pass the filter: exactly.

        Args:
            where: a filter, in one of its three spellings; None counts all.

        Raises:
            InvalidFilter, UnknownField: ``where`` cannot be read, or names no field.

        Cost: a look-up for a filter seen before; a new one reads a field that is not indexed once,
        row by row.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"vector": [0, 1], "year": year} for year in (2019, 2020, 2021)])
            >>> col.count(), col.count("year >= 2020")
            (3, 2)
        """
        condition = read_filter(where)
        with self._viewing() as (connection, view):
            return select(view, condition, connection).matching

    @suggest_arguments
    def rows(self, *, batch: int = 1000, vectors: bool = True) -> Iterator[dict[str, Any]]:
        """Every row, in the order of writing, page by page.

        Each page is read in a transaction of its own, so that a long walk does not keep the
        write-ahead log from being cut; rows changed meanwhile are seen as they are then.

        Args:
            batch: rows a page.
            vectors: also give vectors that an encoder made.

        Raises:
            InvalidType, InvalidArgument: ``batch`` is no positive integer.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> [row["id"] for row in col.rows()]
            ['up', 'right']
        """
        size = check_count("batch", batch)
        return walk(self._database, size, vectors)

    @overload
    def search(
        self,
        query: str | Mapping[str, Id],
        k: int | None = ...,
        *,
        where: Where = ...,
        radius: float | None = ...,
        min_score: float | None = ...,
        recall: float | None = ...,
        exact: bool = ...,
        using: str | Sequence[str] | None = ...,
        fuse: str | None = ...,
        weights: Mapping[str, float] | None = ...,
        depth: int | None = ...,
        cutoff: str | float | CosineAdapter | NullCutoff | None = ...,
        dims: int | Measured | None = ...,
        explain: bool = ...,
    ) -> Results: ...
    @overload
    def search(
        self,
        query: Any,
        k: int | None = ...,
        *,
        where: Where = ...,
        radius: float | None = ...,
        min_score: float | None = ...,
        recall: float | None = ...,
        exact: bool = ...,
        using: str | Sequence[str] | None = ...,
        fuse: str | None = ...,
        weights: Mapping[str, float] | None = ...,
        depth: int | None = ...,
        cutoff: str | float | CosineAdapter | NullCutoff | None = ...,
        dims: int | Measured | None = ...,
        explain: bool = ...,
    ) -> Any: ...
    @suggest_arguments
    def search(
        self,
        query: Any,
        k: int | None = 10,
        *,
        where: Where = None,
        radius: float | None = None,
        min_score: float | None = None,
        recall: float | None = None,
        exact: bool = False,
        using: str | Sequence[str] | None = None,
        fuse: str | None = None,
        weights: Mapping[str, float] | None = None,
        depth: int | None = None,
        cutoff: str | float | CosineAdapter | NullCutoff | None = None,
        dims: int | Measured | None = None,
        explain: bool = False,
    ) -> Any:
        """The rows most alike.

        Args:
            query: a string, a 1-d vector, or ``{"id": …}`` for more like that row (itself left
                out). A list of strings or a 2-d array is a batch. Fields of terms, bags or
                Gaussians take a value of their own, or a list of these. ``{"vectors": {field: …},
                "text": …}`` brings each field its own value, and the text to the others.
            k: how many; None, with ``radius`` or ``min_score``, for all within.
            where: a filter, in one of its three spellings.
            radius: no farther than this distance (inclusive).
            min_score: no lower than this score (inclusive).
            recall: the share of the true neighbours to aim at, in (0, 1]; None is the
                collection's default.
            exact: find the true neighbours, whatever it costs.
            using: a vector field; ``"lexical"`` for the words of the texts; or several of these,
                to search by each and fuse what they find. None is the default vector field.
            fuse: how several are fused: ``"rrf"`` (the default; by ranks) or ``"score"``; see
                `likewise.store.fusing` for the formulas.
            weights: field to a positive number, to let a field count for more or less than 1.
            depth: how many candidates each field gives to a fusion, at least; 100 if not given,
                and never fewer than k.
            cutoff: of the k nearest, only what is probably relevant, maybe nothing: ``"auto"``
                by the adapter of `train_cutoff` if there is one, else by what chance would bring
                (`likewise.index.NullCutoff`); a number for another least probability; or a
                `CosineAdapter` or `NullCutoff` of one's own. Hits then have ``probability``.
            dims: propose rows by this many of the first numbers of dense vectors, and rank what is
                proposed (100 rows a segment, or 10 k) by whole vectors, so that distances are true;
                or a way that `likewise.index.sweep` measured. Vectors of a field that is not
                ``nested`` are turned by PCA first, and ``info.reason`` says so. ``info.recall`` is
                what such searches were measured to find. See `index_prefix`.
            explain: fill ``info.candidates`` with the strategies weighed and what a query should
                take by each, and ``info.actual`` with what one took by that chosen, in seconds.

        Returns:
            `Results`, nearest first: ``min(k, matching)`` hits unless a limit cuts them short, or
            words alone are looked for, which few rows may have. A batch gives a list of them.
            Fused hits have no distance, and say in ``branches`` what each field gives them.

        Raises:
            InvalidType, InvalidArgument: an impossible argument.
            InvalidFilter, UnknownField: ``where`` cannot be read, or names no field.
            InvalidVector, DimensionMismatch: the query is no vector of the field.
            MissingExtra, EncoderMismatch: a text that cannot be encoded.

        Cost: that of the strategy chosen (``info`` names it and counts the distances), of encoding
        where the query is a text, and about ten microseconds a hit.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> found = col.search([1, 2], k=2)
            >>> found.ids, found.scores.round(3).tolist(), found.info.strategy
            (['up', 'right'], [0.947, 0.724], 'exact')
            >>> col.search({"id": "up"}, k=None, min_score=0.4).ids
            ['right']
            >>> [results.ids for results in col.search([[0, 1], [1, 0]], k=1)]
            [['up'], ['right']]
        """
        started = time.perf_counter()
        limits = Limits(k, radius, min_score, recall, exact)
        condition = read_filter(where)
        if not isinstance(explain, bool):
            raise InvalidType(f"explain must be True or False; got {explain!r}")
        names = read_using(using, self._fields)
        fusion = read_fusion(names, fuse, weights, depth, limits)
        shortened = {}
        if dims is not None:
            shortened = read_dims(dims, dims_fields(names, self._fields, limits), self.name)
        limit = None
        if cutoff is not None:
            limit = read_cutoff(cutoff, *cut_field(names, self._fields))
        asked = read_query(query, names, self._fields, self.name)
        vectors = dict(asked.vectors)
        if asked.texts is not None:
            missing = [name for name in names if name != LEXICAL and name not in vectors]
            vectors |= {name: self._encode(asked.texts, name) for name in missing}
        dense = self._fields.dense
        with self._viewing() as (connection, view):
            excluded, texts = None, asked.texts
            if asked.like is not None:
                excluded, text = text_of(connection, asked.like, self.name)
                texts = [text or ""]
                vectors = vectors_of(connection, view.settings, names, excluded)
            retrievers: list[Retriever] = [
                Lexical.of(view, texts or [], connection)
                if name == LEXICAL
                else ByPrefix.of(view, name, vectors[name], shortened[name], connection)
                if name in shortened
                else Dense(view, name, vectors[name])
                if name in dense
                else ByField.of(view, name, vectors[name], connection)
                for name in names
            ]
            found, rankings = answer(
                view, retrievers, condition, excluded, fusion, limits, connection
            )
            hits = fetch_hits(connection, rankings)
            if limit is not None:
                (name,) = names
                selected = select(view, condition, connection, name)
                if excluded is not None:
                    selected = selected.without(view, excluded)
                cut = self._cutter.cut
                hits = cut(limit, connection, view, selected, name, vectors[name], hits)
        for name, queries in vectors.items():
            if name in dense:
                self._log.note(view.settings, name, queries, asked.like, self.read_only)
        if LEXICAL in names and self._lock.held:
            self._sealer.want(LEXICAL)
        info = SearchInfo(
            found.strategy,
            found.recall,
            found.scanned,
            time.perf_counter() - started,
            found.matching,
            found.reason,
            found.candidates if explain else {},
            found.actual if explain else None,
        )
        results = [Results(row, info) for row in hits]
        return results[0] if asked.single else results

    @suggest_arguments
    def train_cutoff(
        self,
        queries: Mapping[Any, Any] | str | Path,
        qrels: Any,
        *,
        k: int = 50,
        using: str | None = None,
        form: str = "linear",
        random_state: int = 0,
    ) -> CosineAdapter:
        """Learn from judged queries what is relevant; ``cutoff="auto"`` then goes by it.

        Each query is searched for, and a `likewise.index.CosineAdapter` is trained on the rows
        found. It is kept in the database, one a vector field, and takes the place of an earlier
        one. A row that is not judged counts as not relevant.

        Args:
            queries: {query: text or vector}, or a file, as `likewise.evaluate` takes them.
            qrels: {query: {id: grade}}, a DataFrame or a file, as `likewise.evaluate` takes them;
                relevant is a grade above 0. Queries without judgements are left out.
            k: rows found a query; the probabilities are those of rows among the k nearest.
            using: the vector field; None is the default one.
            form, random_state: of the adapter.

        Returns:
            The adapter. Its ``threshold`` is that of the best F1 on queries held out; its
            ``curve`` has the others, by precision and recall.

        Raises:
            InvalidArgument: a field of another metric than cosine, too few judged queries, rows
                found that are all relevant, or none.
            InvalidType, InvalidFile, InvalidVector: queries or judgements that cannot be read.
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: a search a query, and the training: about 30 s for 800 queries and k = 50.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=3)
            >>> rng = np.random.default_rng(0)
            >>> _ = col.add([{"id": i, "vector": rng.normal(size=3)} for i in range(30)])
            >>> queries = {i: rng.normal(size=3) for i in range(20)}
            >>> near = {i: {id_: 1 for id_ in col.search(queries[i], 3).ids} for i in queries}
            >>> adapter = col.train_cutoff(queries, near, k=20)
            >>> found = col.search(queries[0], k=20, cutoff="auto")
            >>> all(hit.probability >= adapter.threshold for hit in found), len(found) < 10
            (True, True)
        """
        self._refuse_read_only()
        field = read_field(using, self._fields)
        spec = self._fields.dense[field]
        refuse_other_metric(field, spec)
        adapter = CosineAdapter(form, random_state=random_state)
        judged, given = read_qrels(qrels), read_queries(queries)
        asked = {query: value for query, value in given.items() if query in judged}
        texts = [value for value in asked.values() if isinstance(value, str)]
        encoded = iter(self._encode(texts, field) if texts else ())
        what = f"collection {self.name!r}, field {field!r}"
        vectors = {
            query: next(encoded)
            if isinstance(value, str)
            else as_dense(value, dim=spec.dim, metric=resolve("cosine"), what=f"{what}, query")[0]
            for query, value in asked.items()
        }
        if not vectors:
            raise InvalidArgument(
                f"none of the {len(given)} queries is judged in qrels; are the ids the same?"
            )
        answers = self.search(np.stack(list(vectors.values())), k, using=field)
        train_adapter(adapter, vectors, answers, judged)
        with self._writing:
            self._acquire()
            with self._database.write() as connection:
                save_adapter(connection, field, adapter)
        return adapter

    @suggest_arguments
    def recall(self, k: int = 10, *, using: str | None = None, queries: int = 200) -> RecallReport:
        """Measure recall now: the usual search against the exact one.

        Args:
            k: neighbours a query.
            using: one field, or ``"lexical"``; None is the default vector field.
            queries: how many to ask: logged queries of users if there are any, and rows
                drawn by a hash of their id, each left out of its own answer and moved
                away from a near neighbour, since a graph finds its own rows too easily.
                Fields of terms, bags and Gaussians, and words, are asked with the values and
                texts of such rows, not moved; their queries are not logged.

        Returns:
            `RecallReport`; what is scanned exactly has recall 1. Words, terms and Gaussians always
            are; bags are where few are sealed.

        Raises:
            InvalidType, InvalidArgument: ``k`` or ``queries`` is no positive integer, or ``using``
                names several.
            UnknownField: no such field.

        Cost: two searches a query, one of them exact.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> report = col.recall(k=1, queries=2)
            >>> report.recall, report.strategy
            (1.0, 'exact')
        """
        depth, count = check_k(k), check_count("queries", queries)
        names = read_using(using, self._fields)
        if len(names) != 1:
            raise InvalidArgument(
                f"recall() measures one field; got using={', '.join(names)}: measure each"
            )
        with self._viewing() as (connection, view):
            return measure_recall(connection, view, names[0], depth, count)

    # -- keeping it --------------------------------------------------------------------

    @suggest_arguments
    def seal(self, *, progress: Progress | None = None) -> None:
        """Index everything and measure the recall curves, now; returns when it is done.

        It happens by itself when writes pause; call it before a measurement or after an import.

        Args:
            progress: called with (rows done, rows in all) while a graph is built; what it raises
                ends the sealing, and leaves what was done.

        Raises:
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: about 0.25 milliseconds a row of 384 numbers that joins a graph, and core; where the
            kernels are not compiled yet, about a minute first, which is announced on stderr.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> col.seal()
            >>> col.info()["tail_rows"]
            0
        """
        self._refuse_read_only()
        with self._writing:
            self._acquire()
            _flush(self._database, self._log)
            self._sealer.seal(progress)

    def check(self) -> list[Finding]:
        """Read everything and say what is not as it should be; empty when all is well.

        Returns:
            `Finding` s; their ``severity`` is ``"error"`` where data is damaged (restore a
            snapshot) and ``"warning"`` where only a cache is (`repair` it).

        Cost: one pass over every byte. Others may read and write meanwhile.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> col.check()
            []
        """
        findings: list[Finding] = []
        try:
            with self._database.read() as connection:
                settings = read_settings(connection)
                findings.extend(maintenance.check_database(connection, settings))
            findings += self._check_cache()
        except CorruptCollection as error:  # too damaged to be read to its end
            findings.append(maintenance.unreadable(error))
        return findings

    @suggest_arguments
    def repair(self, *, progress: Progress | None = None) -> RepairReport:
        """Rebuild what caches are damaged from the database, and index the rest.

        A damaged database is beyond it: what remains is in the report.

        Raises:
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: `seal` for what is rebuilt, then `check`.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> col.repair().remaining
            []
        """
        self._refuse_read_only()
        started = time.perf_counter()
        with self._writing:
            self._acquire()
            rebuilt = self._sealer.rebuild(progress)
            if damaged_files(self._cache):
                self._forget_neighbors()
        return RepairReport(rebuilt, self.check(), time.perf_counter() - started)

    @suggest_arguments
    def compact(self, *, progress: Progress | None = None) -> CompactReport:
        """Write everything anew without what was deleted, so that its bytes are gone.

        Deleted rows are overwritten in the database at once (``secure_delete``); this also
        rewrites the caches, forgets logged queries, and cuts the write-ahead log. A reader in
        the middle of a search can keep the log; the report then says so.

        Raises:
            ReadOnly, CollectionLocked, StorageFailed: it cannot be written.

        Cost: everything is written anew, as `seal` of the whole collection, beside what is there:
        it needs as much free disk as the collection takes.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> col.delete("up")
            1
            >>> report = col.compact()
            >>> report.rows, report.erased, report.message
            (1, True, '')
        """
        self._refuse_read_only()
        started = time.perf_counter()
        with self._writing:
            self._acquire()
            before = maintenance.directory_bytes(self.path)
            self._log.clear()
            self._forget_neighbors()
            with self._sealer.paused():
                with self._database.write() as connection:
                    connection.execute("DELETE FROM queries")
                self._sealer.rewrite(progress)
                with self._database.alone() as connection:
                    connection.execute("VACUUM")
                    erased = maintenance.cut_log(connection)
            after = maintenance.directory_bytes(self.path)
        message = (
            ""
            if erased
            else (
                "another process was reading, so the write-ahead log still holds old pages; "
                "run compact again when it is done"
            )
        )
        seconds = time.perf_counter() - started
        return CompactReport(len(self), before, after, erased, message, seconds)

    def snapshot(self, path: Any) -> Path:
        """A consistent copy in a new directory ``path``, made while others go on working.

        It is a collection itself; ``restore`` copies it back.

        Raises:
            CollectionExists: ``path`` is there already.

        Returns:
            The absolute path of the copy.

        Cost: the bytes of the directory, read and written once.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> copy = col.snapshot("monday.likewise")
            >>> col.delete("up"), len(lw.restore("monday.likewise", "again.likewise"))
            (1, 2)
        """
        if not isinstance(path, (str, Path)):
            raise InvalidType(f"path must be a string or a Path; got {type(path).__name__}")
        return self.copy_to(Path(path).expanduser().absolute())

    def copy_to(self, target: Path) -> Path:
        """`snapshot` to an absolute path; also what ``restore`` does.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
            >>> from pathlib import Path
            >>> col.copy_to(Path("copy.likewise").absolute()).name
            'copy.likewise'
        """
        with self._sealer.paused():
            maintenance.copy_collection(self._database, self.path, target)
        return target

    def close(self) -> None:
        """Finish what must be finished and let go; a second call does nothing.

        Where many rows are not indexed yet, they are sealed in short tiers (a few seconds at most).
        The writer's lock is let go. A ``with`` block does it, and so does the end of the process.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> col.close()
            >>> len(col)
            Traceback (most recent call last):
            ...
            likewise.errors.CollectionClosed: collection 'c.likewise' is closed; open it again
        """
        self._shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside ------------------------------------------------------------------------

    def _check_cache(self) -> list[Finding]:
        found: list[Finding] = []
        for _ in range(PATIENCE):
            with self._viewing() as (connection, view):
                problems = self._keeper.problems
                found = list(maintenance.check_cache(self._cache, view, problems, connection))
            found += [
                Finding("damaged_cache", f"{what}; repair() removes it", "warning", name)
                for name, what in damaged_files(self._cache)
            ]
            # A writer may have removed old files while they were being read: look again.
            if not found or not maintenance.is_replaced(self._cache, view):
                break
        return found

    @contextmanager
    def _viewing(self) -> Iterator[tuple[sqlite3.Connection, View]]:
        """One read transaction, and the view of exactly its commit."""
        for attempt in itertools.count():
            with self._database.read() as connection:
                try:
                    view = self._keeper.current(connection, patient=attempt < PATIENCE)
                except OlderTransaction:
                    continue
                yield connection, view
                return

    def _forget_neighbors(self) -> None:
        """Remove the files of neighbours, which may hold what was deleted; memory has the rest."""
        remove_files(self._cache)
        self._neighbors = None

    def _refuse_read_only(self) -> None:
        if not self._shut.alive:
            raise CollectionClosed(f"collection {self.name!r} is closed; open it again")
        if self.read_only:
            raise ReadOnly(
                f"collection {self.name!r} was opened with read_only=True; open it without to write"
            )

    def _write(self, rows: Any, *, replace: bool, progress: Progress | None) -> list[Id]:
        self._refuse_read_only()
        batch = self._prepare(rows, progress)
        if not len(batch):
            return []
        with self._writing:
            self._acquire()
            with self._database.write() as connection:
                if replace:
                    old = [row for row, _ in writing.rows_of(connection, batch.ids)]
                    writing.remove(connection, old, len(batch.vectors))
                writing.insert(connection, batch, self.name)
                self._log.write(connection)
                writing.commit_number(connection)
            self._committed(len(batch))
        return list(batch.ids)

    def _prepare(self, rows: Any, progress: Progress | None) -> Batch:
        encoders = {name: functools.partial(self._encoder, name) for name in self._fields.fields}
        return prepare(rows, self._fields, encoders, self.name, progress)

    def _committed(self, changed: int) -> None:
        with self._database.read() as connection:
            self._sealer.committed(describe.tail_rows(connection, self._keeper), changed)

    def _encoder(self, field: str) -> Any:
        """The encoder of ``field``, checked against the fingerprint; None when it has none."""
        spec = self._fields.fields[field]
        if spec.encoder is None:
            return None
        if field not in self._encoders:
            encoder = spec.get_encoder(spec.encoder)
            describe.check_fingerprint(encoder, spec, field, self.name)
            self._encoders[field] = encoder
        return self._encoders[field]

    def _encode(self, texts: list[str], field: str) -> Any:
        encoder = self._encoder(field)
        if encoder is None:
            raise InvalidArgument(
                f"collection {self.name!r}, field {field!r} has no encoder for text; "
                "give a vector, or make the collection with encoder="
            )
        spec = self._fields.fields[field]
        if isinstance(spec, Field):
            what = f"collection {self.name!r}, encoder {encoder.name}"
            return spec.encode_queries(encoder, texts, what)
        return as_dense(
            np.stack([encoder.encode_query(text) for text in texts]),
            dim=spec.dim,
            metric=resolve(spec.metric or "cosine"),
            what=f"collection {self.name!r}, encoder {encoder.name}",
            name=lambda i: f"the vector it made of query {i}",
        )

    def _rows_of(self, ids: list[Id] | None, where: Filter | None) -> list[int]:
        """Row numbers of live rows that are among ``ids`` and pass ``where``."""
        with self._viewing() as (connection, view):
            chosen: set[int] | None = None
            if where is not None:
                chosen = set(select(view, where, connection).row_numbers(view).tolist())
            if ids is not None:
                named = {row for row, _ in writing.rows_of(connection, ids)}
                chosen = named if chosen is None else chosen & named
        return sorted(chosen or ())

    def _acquire(self) -> None:
        """Become the writer, if this process is not; clear away what a crash left behind."""
        if not self._lock.held:
            self._lock.acquire()
            self._sealer.tidy()


def _shut_somewhere(
    database: Database, lock: WriterLock, sealer: Sealer, log: QueryLog, writing_: Any
) -> None:
    """Shut here, or apart when the garbage was collected by the sealer's own thread.

    That thread cannot wait for its own end, and may hold the database just then.
    """
    parts = (database, lock, sealer, log, writing_)
    if sealer.works_here:
        threading.Thread(target=_shut, args=parts, name="likewise-closer").start()
    else:
        _shut(*parts)


def _shut(
    database: Database, lock: WriterLock, sealer: Sealer, log: QueryLog, writing_: Any
) -> None:
    """What `Collection.close` does; apart, so that it does not keep the collection alive."""
    with writing_:
        try:
            if log.pending:  # of a process that only searched; not worth waiting for
                with contextlib.suppress(LikewiseError):
                    lock.acquire(timeout=0)
            if lock.held:
                _flush(database, log)
                sealer.close()
        finally:
            database.close()
            lock.release()


def _flush(database: Database, log: QueryLog) -> None:
    if log.pending:
        with database.write() as connection:
            log.write(connection)
