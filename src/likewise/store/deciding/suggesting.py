"""Which rows without a label to label next."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from likewise.errors import InvalidArgument
from likewise.filters import Filter
from likewise.learn._unit import directions
from likewise.learn.active import SELECTIONS, UNCERTAINTIES, suggest
from likewise.metrics import resolve
from likewise.store.batch import Id
from likewise.store.deciding.labels import labelled
from likewise.store.deciding.live_rows import LiveRows, ids_of, live_rows, rows_of
from likewise.store.deciding.outliers import NearRow
from likewise.store.deciding.predicting import RowAnswer
from likewise.store.queries import Limits
from likewise.store.retrieving import Dense
from likewise.store.selecting import check_fields, select
from likewise.store.view import View

EMPTY = LiveRows(np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A row to label.

    Attributes:
        id, text, metadata: of the row.
        nearest: the nearest row that has the label; None where none has.
        answer: what the rows with the label say of it, where the selection went by that.
    """

    id: Id
    nearest: NearRow | None = None
    answer: RowAnswer | None = None
    text: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "id": self.id,
            "nearest": None if self.nearest is None else self.nearest._asdict(),
            "answer": None if self.answer is None else self.answer.to_dict(),
            "text": self.text,
            "metadata": self.metadata,
        }


def reads_votes(selection: Any) -> bool:
    """Whether the selection goes by what neighbours say."""
    if not isinstance(selection, str) or selection not in SELECTIONS:
        raise InvalidArgument(
            f"selection must be one of {', '.join(SELECTIONS)}; got {selection!r:.60}"
        )
    return selection in UNCERTAINTIES


def is_new(view: View, connection: sqlite3.Connection, label: str) -> bool:
    """Whether no row has ever had the label, which is fine unless it is a slip of the pen.

    Raises:
        UnknownField: another field is spelled almost so.
    """
    known = {record[0] for record in connection.execute("SELECT path FROM known_fields")}
    if label in known:
        return False
    if get_close_matches(label, known, n=1, cutoff=0.8):
        check_fields(labelled(label), view, connection)
    return True


def chosen(
    view: View,
    connection: sqlite3.Connection,
    field: str,
    label: str,
    condition: Filter | None,
    n: int,
    selection: str,
    beliefs: Mapping[Id, RowAnswer] | None,
    seed: int,
) -> list[Suggestion]:
    """``n`` rows of those without the label, and the nearest row with it of each."""
    new = is_new(view, connection, label)
    missing = None if new else ~labelled(label)
    wanted = missing if condition is None else condition if missing is None else missing & condition
    pool = live_rows(view, field, select(view, wanted, connection))
    known = EMPTY if new else live_rows(view, field, select(view, labelled(label), connection))
    ids = ids_of(connection, pool.numbers)
    if beliefs is not None:  # rows that came since were not asked
        there = [i for i, id_ in enumerate(ids) if id_ in beliefs]
        pool, ids = LiveRows(pool.numbers[there], pool.vectors[there]), [ids[i] for i in there]
    if n > len(pool):
        raise InvalidArgument(
            f"n = {n} is more than the {len(pool)} rows without {label!r}"
            f"{'' if condition is None else ' that pass the filter'}; ask for fewer"
        )
    places = _places(view, field, pool, known, n, selection, ids, beliefs, seed)
    nearest: list[NearRow | None] = [None] * n
    if len(known):
        nearest = _nearest(view, connection, field, label, pool.vectors[places])
    rows = rows_of(connection, pool.numbers[places])
    return [
        Suggestion(ids[i], near, None if beliefs is None else beliefs[ids[i]], *row)
        for i, near, row in zip(places.tolist(), nearest, rows, strict=True)
    ]


def _places(
    view: View,
    field: str,
    pool: LiveRows,
    known: LiveRows,
    n: int,
    selection: str,
    ids: list[Id],
    beliefs: Mapping[Id, RowAnswer] | None,
    seed: int,
) -> Any:
    """Which rows of the pool."""
    if beliefs is not None:
        answers = [beliefs[id_] for id_ in ids]
        classes = sorted({name for answer in answers for name in answer.probabilities})
        table = np.array([[a.probabilities.get(c, 0.0) for c in classes] for a in answers])
        table /= table.sum(axis=1, keepdims=True)
        return suggest(None, n, probabilities=table, selection=selection, random_state=seed)
    if selection == "random":
        return suggest(pool.vectors, n, selection=selection, random_state=seed)
    unit = resolve(view.settings.dense[field].metric or "cosine").name == "cosine"
    features, labelled_ = (
        directions(rows.vectors.astype(np.float64)) if unit else rows.vectors
        for rows in (pool, known)
    )
    return suggest(
        features,
        n,
        features_labelled=labelled_ if len(known) else None,
        selection=selection,
        copies="keep",
        random_state=seed,
    )


def _nearest(
    view: View, connection: sqlite3.Connection, field: str, label: str, vectors: Any
) -> list[NearRow | None]:
    selected = select(view, labelled(label), connection, field)
    found = Dense(view, field, vectors).find(selected, Limits(1, None, None, None, False))
    ids = ids_of(connection, np.array([row.ids[0] for row in found.rows], dtype=np.int64))
    pairs = zip(ids, found.rows, strict=True)
    return [NearRow(id_, float(row.distances[0])) for id_, row in pairs]
