"""The decisions of a `Collection`: what it inherits from here, its neighbours answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise._arguments import check_count, check_k, suggest_arguments
from likewise.errors import CollectionLocked, InvalidArgument, InvalidType, StorageFailed
from likewise.filters import Filter
from likewise.store.batch import Id
from likewise.store.deciding.labels import check_label, check_task, labelled, task_of
from likewise.store.deciding.live_rows import ids_of, live_rows, values_of
from likewise.store.queries import read_field, read_filter, read_query, text_of, vectors_of
from likewise.store.selecting import select
from likewise.store.view import read_state

if TYPE_CHECKING:
    import sqlite3

    from likewise.learn.health.findings import AuditReport
    from likewise.store.deciding.kept_neighbors import KeptNeighbors, RowLists
    from likewise.store.deciding.outliers import OutlierHit
    from likewise.store.deciding.predicting import RowAnswer
    from likewise.store.deciding.row_neighbors import RowNeighbors
    from likewise.store.deciding.suggesting import Suggestion
    from likewise.store.forking import Mutex
    from likewise.store.lock import WriterLock
    from likewise.store.settings import Settings
    from likewise.store.view import View

Progress = Callable[[int, int], None]
#: Rows that are predicted at a time.
PAGE = 1000
#: An audit of a label that few rows have looks at so many times more neighbours, at most.
MOST_WIDER = 8
#: The words of `likewise.learn.audit`.
AUDIT_TASKS = {"classify": "classification", "regress": "regression"}

Where = Filter | str | Mapping[str, Any] | None


class Decisions:
    """What a collection decides from its rows; mixed into `Collection`."""

    name: str
    _fields: Settings
    _cache: Path
    _lock: WriterLock
    _writing: Mutex
    read_only: Any
    search: Any
    _encode: Any

    @abstractmethod
    def _viewing(self) -> AbstractContextManager[tuple[sqlite3.Connection, View]]: ...

    def _begin_deciding(self) -> None:
        """What is kept between calls; scikit-learn and the like are loaded when first used."""
        self._calibrations: Any = None
        self._neighbors: KeptNeighbors | None = None
        self._gaussians: Any = None

    @suggest_arguments
    def predict(
        self,
        label: str,
        query: Any,
        *,
        k: int = 10,
        where: Where = None,
        using: str | None = None,
        task: str = "auto",
        weights: Any = "uniform",
        temperature: float | None = None,
        calibrate: bool = True,
        recall: float | None = None,
        exact: bool = False,
    ) -> Any:
        """What the nearest rows that have a label say of a query, and who said it.

        Args:
            label: a metadata field. Rows without it do not vote.
            query: as in `search`: a string, a vector, ``{"id": …}`` (which does not vote), or a
                batch of strings or vectors.
            k: how many rows vote. where: only rows that pass this filter do.
            using: a field of dense vectors; None is the default one.
            task: "classify", "regress", or "auto": floats regress, the rest classify.
            weights: "uniform", "distance" (1 / d), "softmax" (``exp(-d / temperature)``), or a
                function from distances (n, k) to weights. temperature: of "softmax" alone, in the
                units of the distances; None is 1.
            calibrate: read shares of votes as probabilities, by up to 1,000 labelled rows that are
                asked for their own label, each left out (a temperature and a floor, chosen by
                log loss); else probabilities are the shares. Where there are fewer than 30
                labelled rows, or one class, they are the shares in any case: see ``calibrated``.
            recall, exact: as in `search`.

        Returns:
            A `RowAnswer`, or a list of them for a batch: ``value`` (of equal shares the smaller
            label), ``probability`` of it, ``probabilities`` of every label, ``evidence``: the rows
            that voted with their weights, and which of them, deleted, would flip the answer. It
            is of the rows as they are: delete one, and every answer is as if it had never been.

        Raises:
            UnknownField: no row ever had the label. InvalidArgument: no row has it now, or passes
            the filter. InvalidType: labels of several kinds, lists or times; else as `search`.

        Cost: a search for 3 k rows, and once a commit the searches that calibrate.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": i, "vector": [1, i], "high": i > 3} for i in range(8)])
            >>> answer = col.predict("high", [1, 9], k=3)
            >>> answer.value, answer.probability, answer.evidence.ids
            (True, 1.0, [7, 6, 5])
            >>> answer.evidence.flip.ids, answer.evidence.flip.value
            ([7, 6, 5], False)
        """
        from likewise.store.deciding.calibrating import Calibrations, Way
        from likewise.store.deciding.predicting import DEEPER, check_votes, decide

        label, asked, votes = check_label(label), check_task(task), check_k(k)
        weights, degree = check_votes(weights, temperature)
        if not isinstance(calibrate, bool):
            raise InvalidType(f"calibrate must be True or False; got {calibrate!r:.60}")
        field = read_field(using, self._fields)
        condition = read_filter(where)
        voting = labelled(label) if condition is None else labelled(label) & condition
        with self._viewing() as (connection, view):
            kind = task_of(view, connection, label, asked)
        found = self.search(
            query, DEEPER * votes, where=voting, using=field, recall=recall, exact=exact
        )
        single = not isinstance(found, list)
        batch = [found] if single else found
        if any(not len(results) for results in batch):
            raise InvalidArgument(
                f"label {label!r}: no row that may vote has one; widen where={str(where)!r}"
                if where is not None
                else f"label {label!r}: no other row has one; nothing can be learnt from it"
            )
        answers = [decide(results, label, kind, votes, weights, degree) for results in batch]
        if calibrate and kind == "classify":
            way = Way(field, label, votes, weights, degree, recall, exact)
            if self._calibrations is None:
                self._calibrations = Calibrations()
            with self._viewing() as (connection, view):
                selected = select(view, voting, connection, field)
                calibration = self._calibrations.of(way, view, selected, voting, connection)
            answers = [_read(answer, calibration) for answer in answers]
        return answers[0] if single else answers

    @suggest_arguments
    def predict_missing(
        self,
        label: str,
        *,
        k: int = 10,
        where: Where = None,
        using: str | None = None,
        task: str = "auto",
        weights: Any = "uniform",
        temperature: float | None = None,
        calibrate: bool = True,
        recall: float | None = None,
        exact: bool = False,
        progress: Progress | None = None,
    ) -> dict[Id, RowAnswer]:
        """`predict` for every row that has no label; nothing is written.

        Args:
            where: only rows that pass it are predicted; all rows with the label vote.
            progress: called with (rows done, rows in all) now and then.
            label, k, using, task, weights, temperature, calibrate, recall, exact: as `predict`.

        Returns:
            id to `RowAnswer`, in the order in which rows came.

        Raises:
            As `predict`.

        Cost: a search a row without the label.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=2)
            >>> _ = col.add([{"id": i, "vector": [1, i], "high": i > 3} for i in range(8)])
            >>> _ = col.add([{"id": "new", "vector": [1, 9]}])
            >>> {id: answer.value for id, answer in col.predict_missing("high", k=3).items()}
            {'new': True}
        """
        field, condition = read_field(using, self._fields), read_filter(where)
        missing = ~labelled(check_label(label))
        wanted = missing if condition is None else missing & condition
        with self._viewing() as (connection, view):
            task_of(view, connection, label, check_task(task))
            rows = live_rows(view, field, select(view, wanted, connection))
            ids = ids_of(connection, rows.numbers)
        found: dict[Id, RowAnswer] = {}
        for start in range(0, len(ids), PAGE):
            some = slice(start, start + PAGE)
            answers: Any = self.predict(
                label,
                rows.vectors[some],
                k=k,
                using=field,
                task=task,
                weights=weights,
                temperature=temperature,
                calibrate=calibrate,
                recall=recall,
                exact=exact,
            )
            found |= zip(ids[some], answers, strict=True)
            if progress is not None:
                progress(len(found), len(ids))
        return found

    @suggest_arguments
    def density(
        self,
        query: Any,
        *,
        bandwidth: float | str = "scott",
        where: Where = None,
        using: str | None = None,
    ) -> Any:
        """How densely the rows lie around a query, and which of them make it so.

        ``log (1/n) sum_i N(x; x_i, h^2 I)`` over all rows, exactly; under cosine of rows and query
        at length 1. Comparable between queries of one collection; see `likewise.learn.Density`.

        Args:
            query: as in `search`: a string, a vector, or a batch of either.
            bandwidth: h; "scott", by the spread of the rows; or "loo", the most likely one when
                each row is left out of its own density (n^2 distances, about ten times).
            where: the density of the rows that pass this filter. using: a field of dense vectors;
                None is the default one.

        Returns:
            A `DensityAnswer`, or a list of them: ``log_density`` and ``evidence``, the ten rows
            that add most.

        Raises:
            UnknownMetric: the field is neither euclidean nor cosine. InvalidArgument: too few rows.
            Else as `search`.

        Cost: O(n dim) a query; the rows are kept in float64 until the next commit.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=1, metric="euclidean")
            >>> _ = col.add([{"id": i, "vector": [i]} for i in (0, 2)])
            >>> found = col.density([0.0], bandwidth=1.0)
            >>> round(found.log_density, 3), found.evidence[0].id, round(found.evidence[0].part, 2)
            (-1.485, 0, 0.88)
        """
        from likewise.store.deciding import density

        field, condition = read_field(using, self._fields), read_filter(where)
        asked = read_query(query, (field,), self._fields, self.name)
        with self._viewing() as (connection, view):
            if asked.like is not None:
                row, _ = text_of(connection, asked.like, self.name)
                vectors = vectors_of(connection, view.settings, (field,), row)[field]
            else:
                vectors = asked.vectors.get(field)
                if vectors is None:
                    vectors = self._encode(asked.texts, field)
            metric = view.settings.dense[field].metric or "cosine"
            key = view.seq, field, condition, bandwidth
            kept = self._gaussians  # another thread may put others in its place
            if kept is None or kept[0] != key:
                rows = live_rows(view, field, select(view, condition, connection))
                self._gaussians = kept = key, density.gaussians_of(rows, metric, bandwidth)
            found = density.answers(kept[1], vectors, connection)
        return found[0] if asked.single else found

    @suggest_arguments
    def outliers(
        self,
        k: int = 10,
        *,
        neighbors: int = 15,
        method: str = "distance",
        where: Where = None,
        using: str | None = None,
    ) -> list[OutlierHit]:
        """The k rows that are least like the others.

        Args:
            k: how many rows. neighbors: with how many others each is compared.
            method: "distance": the distance to the last of these neighbours. "lof": how much
                sparser it is around a row than around its neighbours (1 is even; needs distances
                of at least 0).
            where: look at the rows that pass this filter only, as if there were no others.
            using: a field of dense vectors; None is the default one.

        Returns:
            `OutlierHit`s, the most unlike first: each with its score and the rows it was compared
            with.

        Raises:
            InvalidArgument: fewer than two rows, an unknown method. UnknownField, InvalidFilter:
            as `search`.

        Cost: once the neighbours of all rows (see `neighbors`), then what changed since; with
            ``where``, those of the rows that pass, each time.

        Source: S. Ramaswamy, R. Rastogi and K. Shim, "Efficient algorithms for mining outliers
        from large data sets", SIGMOD 2000; M. Breunig et al., "LOF", SIGMOD 2000.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=1, metric="euclidean")
            >>> _ = col.add([{"id": i, "vector": [i]} for i in (1, 2, 3, 4, 50)])
            >>> [odd] = col.outliers(1, neighbors=2)
            >>> odd.id, odd.score, odd.neighbors[0].id
            (50, 47.0, 4)
        """
        from likewise.store.deciding import outliers

        count, field = check_k(k), read_field(using, self._fields)
        with self._viewing() as (connection, view):
            lists = self._lists(check_count("neighbors", neighbors), where, field, connection, view)
            scores = outliers.outlier_scores(lists, method)
            chosen = outliers.most_outlying(scores, count)
            return outliers.hits(connection, lists, scores, chosen)

    @suggest_arguments
    def audit(
        self,
        label: str | None = None,
        *,
        k: int = 20,
        where: Where = None,
        using: str | None = None,
        task: str = "auto",
        checks: Sequence[str] | None = None,
    ) -> AuditReport:
        """What seems wrong with the rows and their labels: see `likewise.learn.audit`.

        Args:
            label: a metadata field; None looks at the rows alone. Rows without it do not vote.
            k: neighbours of each row that are looked at; where some rows have no label, as many
                more as let about k have one (up to 8 k).
            where: look at the rows that pass this filter only, as if there were no others.
            using: a field of dense vectors; None is the default one.
            task: "classify", "regress" or "auto", as in `predict`.
            checks: names of checks; None is all that apply.

        Returns:
            An `AuditReport`: findings with a code, a score, a remedy and the ids concerned.

        Raises:
            UnknownField, InvalidArgument, InvalidType: labels as in `predict`; an unknown check.

        Cost: once the neighbours of all rows (see `neighbors`), then what changed since; with
            ``where``, those of the rows that pass, each time.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=1, metric="euclidean")
            >>> far = [{"id": i, "vector": [i], "side": "left"} for i in range(30)]
            >>> near = [{"id": i, "vector": [i], "side": "right"} for i in range(60, 90)]
            >>> _ = col.add([*far, *near])
            >>> _ = col.upsert([{"id": 70, "vector": [70], "side": "left"}])
            >>> col.audit("side", k=5).rows_of("wrong_label")
            [70]
        """
        from likewise.learn.health.audit import audit_neighbours

        field, asked = read_field(using, self._fields), check_task(task)
        with self._viewing() as (connection, view):
            labels: list[Any] | None = None
            kind: Any = "auto"
            if label is not None:
                kind = AUDIT_TASKS[task_of(view, connection, check_label(label), asked)]
            wide = check_k(k)
            if label is not None:
                wide = self._wide_enough(wide, label, where, connection, view)
            lists = self._lists(wide, where, field, connection, view)
            if label is not None:
                labels = values_of(connection, label, lists.numbers)
            names = ids_of(connection, lists.numbers)
        return audit_neighbours(
            lists.places, lists.distances, labels, names=names, task=kind, checks=checks
        )

    @suggest_arguments
    def suggest(
        self,
        n: int,
        *,
        label: str,
        where: Where = None,
        using: str | None = None,
        selection: str = "lcmd",
        k: int = 10,
        random_state: int = 0,
    ) -> list[Suggestion]:
        """The n rows without a label that would tell most if they had one.

        Args:
            n: how many. label: a metadata field; a row without it may be chosen. No row need have
                it yet.
            where: only rows that pass this filter may be chosen; all rows with the label count as
                known.
            using: a field of dense vectors; None is the default one.
            selection: one of `likewise.learn.active.SELECTIONS`. "lcmd" (the default) takes, of
                the rows nearest to each known or chosen one, the farthest of the group that
                spreads most; "margin", "entropy" and "least_confident" go by what `predict` would
                say, with ``k`` votes.
            random_state: the seed of selections that draw.

        Returns:
            `Suggestion`s in the order in which they were chosen, each with the nearest row that
            has a label.

        Raises:
            InvalidArgument: more than there are rows without a label; an unknown selection.
            UnknownField, InvalidType: as `predict`.

        Cost: that of the selection, about (n + labelled) rows dim.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=1, metric="euclidean")
            >>> _ = col.add([{"id": i, "vector": [i]} for i in range(1, 9)])
            >>> _ = col.add([{"id": 0, "vector": [0], "kind": "a"}])
            >>> [row.id for row in col.suggest(1, label="kind")]
            [8]
        """
        from likewise.store.deciding import suggesting

        wanted, field = check_count("n", n), read_field(using, self._fields)
        label, condition = check_label(label), read_filter(where)
        beliefs = None
        if suggesting.reads_votes(selection):
            beliefs = self.predict_missing(label, k=k, where=where, using=field, task="classify")
        with self._viewing() as (connection, view):
            return suggesting.chosen(
                view,
                connection,
                field,
                label,
                condition,
                wanted,
                selection,
                beliefs,
                check_count("random_state", random_state, minimum=0),
            )

    @suggest_arguments
    def neighbors(
        self, k: int = 15, *, where: Where = None, using: str | None = None
    ) -> RowNeighbors:
        """The k nearest rows of every row, itself left out: one graph that many things are read of.

        It is made once, at the collection's recall, and then changed by what is added and deleted;
        a process that writes keeps it in a file of the cache.

        Args:
            k: how many, at least.
            where: of the rows that pass this filter only, as if there were no others; made anew.
            using: a field of dense vectors; None is the default one.

        Returns:
            `RowNeighbors`: ids, places, distances, and `to_csr` for scikit-learn.

        Raises:
            InvalidArgument: fewer than two rows.

        Cost: `likewise.learn.NeighborGraph.fit` at first. In memory the graph holds the vectors
            once more.

        Example:
            >>> import likewise as lw
            >>> col = lw.create("c.likewise", dim=1, metric="euclidean")
            >>> _ = col.add([{"id": i, "vector": [i]} for i in (1, 2, 4, 8)])
            >>> found = col.neighbors(1)
            >>> {id: near for id, (near,) in zip(found.ids, found.near, strict=True)}
            {1: 2, 2: 1, 4: 2, 8: 4}
        """
        from likewise.store.deciding.row_neighbors import RowNeighbors

        field = read_field(using, self._fields)
        with self._viewing() as (connection, view):
            lists = self._lists(check_k(k), where, field, connection, view)
            return RowNeighbors(ids_of(connection, lists.numbers), lists)

    @staticmethod
    def _wide_enough(
        k: int, label: str, where: Where, connection: sqlite3.Connection, view: View
    ) -> int:
        """How many neighbours of a row let about ``k`` of them have the label."""
        condition, known = read_filter(where), labelled(label)
        every = select(view, condition, connection).matching
        voting = known if condition is None else known & condition
        having = max(1, select(view, voting, connection).matching)
        return min(-(-k * every // having), MOST_WIDER * k)

    def _lists(
        self, k: int, where: Where, field: str, connection: sqlite3.Connection, view: View
    ) -> RowLists:
        """The neighbours of all rows, or of those that pass the filter."""
        from likewise.store.deciding import kept_neighbors as kept

        condition = read_filter(where)
        rows = live_rows(view, field, select(view, condition, connection))
        if len(rows) < 2:
            raise InvalidArgument(
                f"collection {self.name!r}: neighbours of a row need two rows at least; there "
                f"{'is' if len(rows) == 1 else 'are'} {len(rows)}"
            )
        if condition is not None:
            graph = kept.new_graph(rows, k, field, view.settings)
            return kept.lists_of(graph, rows.numbers, k)
        if self._neighbors is None:
            self._neighbors = kept.KeptNeighbors(self._cache)
        identity = read_state(connection).identity
        return self._neighbors.current(rows, field, k, view.settings, identity, self._writing_cache)

    @contextmanager
    def _writing_cache(self) -> Iterator[bool]:
        """Whether a file of the cache may be written: by the writer, or where there is none now."""
        if self.read_only:
            yield False
            return
        with self._writing:
            borrowed = not self._lock.held
            try:
                self._lock.acquire(timeout=0)
            except (CollectionLocked, StorageFailed):
                yield False
                return
            try:
                yield True
            finally:
                if borrowed:
                    self._lock.release()


def _read(answer: RowAnswer, calibration: Any) -> RowAnswer:
    """The answer with its shares read as probabilities."""
    known = answer.probabilities.keys() <= set(calibration.classes)
    if calibration.calibrator is None or not known:  # a commit came in between
        return answer
    probabilities = calibration.read(answer.probabilities)
    return replace(
        answer,
        probability=probabilities[answer.value],
        probabilities=probabilities,
        calibrated=True,
    )
