"""``cutoff=``: of the rows found, only those that are relevant, with how probably they are.

A collection's own adapter, once trained, is kept in its database; until then rows must be nearer
than chance would bring them, by a sample of the collection.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import CosineAdapter, NullCutoff
from likewise.results import Hit, Results
from likewise.store.drawing import Drawn, draw, sample
from likewise.store.selecting import Selected
from likewise.store.settings import Settings, VectorField
from likewise.store.view import View
from likewise.store.writing import commit_number
from likewise.vectors import Float32Array

Cutoff = str | float | CosineAdapter | NullCutoff
FloatArray = npt.NDArray[np.float64]

#: Made when a collection first trains an adapter.
TABLE = "CREATE TABLE IF NOT EXISTS cutoffs (field TEXT PRIMARY KEY, state TEXT NOT NULL)"


def read_cutoff(cutoff: Any, field: str, spec: VectorField) -> Cutoff | None:
    """``cutoff`` as `Collection.search` takes it, checked for a vector field.

    Raises:
        InvalidType, InvalidArgument: none of the things it may be, or made for other vectors.
        NotFitted: an adapter that was not trained.
    """
    if cutoff is None:
        return None
    if isinstance(cutoff, CosineAdapter):
        refuse_other_metric(field, spec)
        if cutoff.dim != spec.dim:
            raise InvalidArgument(
                f"cutoff= is an adapter for {cutoff.dim} numbers; field {field!r} has {spec.dim}"
            )
        return cutoff
    if isinstance(cutoff, NullCutoff):
        return cutoff
    if isinstance(cutoff, str):
        if cutoff != "auto":
            raise InvalidArgument(f"cutoff must be 'auto' or a probability; got {cutoff!r}")
        return cutoff
    if isinstance(cutoff, bool) or not isinstance(cutoff, (int, float, np.number)):
        raise InvalidType(
            "cutoff must be 'auto', a probability, a CosineAdapter or a NullCutoff; "
            f"got {cutoff!r:.60} of type {type(cutoff).__name__}"
        )
    least = check_number("cutoff", cutoff)
    if not 0 <= least <= 1:
        raise InvalidArgument(
            f"cutoff is a probability in [0, 1]; got {least}; for a distance use radius=, for a "
            "score min_score="
        )
    return least


def cut_field(names: Sequence[str], settings: Settings) -> tuple[str, VectorField]:
    """The one vector field that a search with ``cutoff=`` goes by, and what it is.

    Raises:
        InvalidArgument: several fields, words, or a field of another kind: none of these has
            distances whose chance is known.
    """
    if len(names) != 1 or names[0] not in settings.dense:
        raise InvalidArgument(
            "cutoff= says how probable a distance of one vector field is; got "
            f"using={', '.join(names)}: name one of {', '.join(settings.dense)}"
        )
    return names[0], settings.dense[names[0]]


def refuse_other_metric(field: str, spec: VectorField) -> None:
    """An adapter speaks of cosines.

    Raises:
        InvalidArgument: the field has another metric.
    """
    if spec.metric != "cosine":
        raise InvalidArgument(
            f"a CosineAdapter needs a field with metric 'cosine'; {field!r} has {spec.metric!r}"
        )


class Cutter:
    """Cuts the answers of one collection; keeps the sample and the adapters between searches."""

    def __init__(self) -> None:
        self._drawn: Drawn | None = None
        self._adapters: dict[str, tuple[int, CosineAdapter | None]] = {}
        self._latest: tuple[Selected, str, Float32Array] | None = None

    def cut(
        self,
        cutoff: Cutoff,
        connection: sqlite3.Connection,
        view: View,
        selected: Selected,
        field: str,
        queries: Float32Array,
        hits: Sequence[Sequence[Hit]],
    ) -> list[list[Hit]]:
        """The hits of each query that are probable enough, each with its probability."""
        if not any(hits):
            return [list(row) for row in hits]
        model: CosineAdapter | NullCutoff
        if isinstance(cutoff, (CosineAdapter, NullCutoff)):
            model, least = cutoff, cutoff.threshold
        else:
            model = self._adapter(connection, view, field) or NullCutoff()
            least = model.threshold if isinstance(cutoff, str) else cutoff
        if isinstance(model, NullCutoff) and not model.fitted:
            model = self._null(model, connection, view, selected, field)
        answers = []
        for query, row in zip(queries, hits, strict=True):
            probable = _probability(model, query, row, selected.matching)
            answers.append(
                [
                    replace(hit, probability=p)
                    for hit, p in zip(row, probable.tolist(), strict=True)
                    if p >= least
                ]
            )
        return answers

    def _adapter(
        self, connection: sqlite3.Connection, view: View, field: str
    ) -> CosineAdapter | None:
        """The adapter that the collection was trained to, as of this commit."""
        known = self._adapters.get(field)
        if known is None or known[0] != view.seq:
            known = view.seq, load_adapter(connection, field)
            self._adapters[field] = known
        return known[1]

    def _null(
        self,
        asked: NullCutoff,
        connection: sqlite3.Connection,
        view: View,
        selected: Selected,
        field: str,
    ) -> NullCutoff:
        """A null distribution of rows that the filter lets pass; of all where these are few."""
        latest = self._latest
        if latest is None or latest[0] is not selected or latest[1] != field:
            self._drawn = drawn = draw(connection, view, self._drawn)
            self._latest = latest = selected, field, sample(view, selected, field, drawn)
        metric = view.settings.dense[field].metric or "cosine"
        return NullCutoff(asked.level).fit(latest[2], metric=metric)


def _probability(
    model: CosineAdapter | NullCutoff, query: Float32Array, row: Sequence[Hit], rows: int
) -> FloatArray:
    distances = np.array([hit.distance for hit in row], dtype=np.float64)
    if isinstance(model, CosineAdapter):
        return model.probability(query, np.clip(1 - distances, -1, 1))
    return model.probability(query, distances, rows=rows)


# -- the collection's own adapter --------------------------------------------------------


def load_adapter(connection: sqlite3.Connection, field: str) -> CosineAdapter | None:
    """The adapter that is kept for a vector field, if there is one."""
    there = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'cutoffs'"
    ).fetchone()
    if there is None:
        return None
    found = connection.execute("SELECT state FROM cutoffs WHERE field = ?", (field,)).fetchone()
    return None if found is None else CosineAdapter.from_dict(json.loads(found[0]))


def save_adapter(connection: sqlite3.Connection, field: str, adapter: CosineAdapter) -> None:
    """Keep ``adapter`` for a vector field (inside a transaction)."""
    connection.execute(TABLE)
    connection.execute(
        "INSERT OR REPLACE INTO cutoffs VALUES (?, ?)", (field, json.dumps(adapter.to_dict()))
    )
    commit_number(connection)


def train_adapter(
    adapter: CosineAdapter,
    queries: Mapping[str, Float32Array],
    answers: Sequence[Results],
    judged: Mapping[str, Mapping[str, int]],
) -> CosineAdapter:
    """Fit ``adapter`` to what searches found and what is judged of it; unjudged is not relevant."""
    of, cosines, relevant = [], [], []
    for number, (query, answer) in enumerate(zip(queries, answers, strict=True)):
        grades = judged[query]
        of += [number] * len(answer)
        cosines += np.clip(1 - answer.distances, -1, 1).tolist()
        relevant += [grades.get(str(id_), 0) > 0 for id_ in answer.ids]
    return adapter.fit(
        np.stack(list(queries.values())),
        np.array(of, dtype=np.int64),
        np.array(cosines, dtype=np.float64),
        np.array(relevant, dtype=np.bool_),
    )
