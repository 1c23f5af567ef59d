"""Votes made into probabilities, by rows that are left out of their own votes."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.learn.calibrators import Temperature, fit_temperature
from likewise.learn.voting import shares
from likewise.learn.weighting import Weights, weigh
from likewise.store.deciding.live_rows import ids_of, values_of
from likewise.store.drawing import SAMPLE, Drawn, draw, row_hash
from likewise.store.forking import Mutex
from likewise.store.queries import Limits
from likewise.store.retrieving import Dense
from likewise.store.selecting import Selected
from likewise.store.view import View, located
from likewise.vectors import Float32Array

RowArray = npt.NDArray[np.int64]

#: Fewer labelled rows say too little of how often votes are right.
FEWEST = 30
#: Calibrations of so many ways to ask are remembered.
KEPT = 16


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the votes of one way to ask are to be read.

    Attributes:
        classes: every label there is among the rows asked, ascending. calibrator: or None.
        reason: why there is no calibrator; empty where there is one.
    """

    classes: tuple[Any, ...]
    calibrator: Temperature | None
    reason: str = ""

    def read(self, probabilities: dict[Any, float]) -> dict[Any, float]:
        """The shares of votes as probabilities, of every class."""
        row = np.array([[probabilities.get(name, 0.0) for name in self.classes]])
        if self.calibrator is not None:
            row = self.calibrator.predict(row / row.sum())
        return dict(zip(self.classes, row[0].tolist(), strict=True))


class Way(NamedTuple):
    """A way to ask: what a calibration depends on, beside the rows."""

    field: str
    label: str
    k: int
    weights: Weights
    temperature: float
    recall: float | None
    exact: bool


class Calibrations:
    """The calibrations of one collection, as of the newest commit that was asked."""

    def __init__(self) -> None:
        self._drawn: Drawn | None = None
        self._known: OrderedDict[Any, Calibration] = OrderedDict()
        self._lock = Mutex()

    def of(
        self, way: Way, view: View, selected: Selected, where: Any, connection: sqlite3.Connection
    ) -> Calibration:
        """The calibration for this way to ask the ``selected`` rows, which all have the label.

        Up to `SAMPLE` of them, drawn by a hash of their ids, are asked for their own label, each
        left out of its own neighbours. It depends on which rows there are, not on how they came.

        Cost: a search a row drawn, once a commit; then nothing.
        """
        key = (view.seq, way, where)
        with self._lock:
            found = self._known.get(key)
            if found is None:
                found = self._made(way, view, selected, connection)
                self._known[key] = found
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return found

    def _made(
        self, way: Way, view: View, selected: Selected, connection: sqlite3.Connection
    ) -> Calibration:
        every = selected.row_numbers(view)
        labels = values_of(connection, way.label, every)
        classes = tuple(sorted(set(labels)))
        if len(classes) < 2 or len(every) < FEWEST:
            few = f"{len(every)} labelled rows, fewer than {FEWEST}"
            return Calibration(classes, None, few if len(classes) > 1 else "one class only")
        # Not through an array of them, which would round large numbers and cut strings.
        place = {name: i for i, name in enumerate(classes)}
        codes = np.array([place[label] for label in labels], dtype=np.int64)
        chosen = self._chosen(view, every, connection)
        asked = every[chosen]
        queries = _vectors(view, way.field, asked)
        limits = Limits(way.k + 1, None, None, way.recall, way.exact)
        found = Dense(view, way.field, queries).find(selected, limits)
        votes = np.array(
            [
                _vote(row.ids, row.distances, own, every, codes, len(classes), way)
                for row, own in zip(found.rows, asked.tolist(), strict=True)
            ]
        )
        prior = np.bincount(codes, minlength=len(classes))
        return Calibration(classes, fit_temperature(votes, codes[chosen], prior=prior))

    def _chosen(self, view: View, every: RowArray, connection: sqlite3.Connection) -> RowArray:
        """Places of the rows to ask, of least hash."""
        if len(every) <= SAMPLE:
            return np.arange(len(every))
        self._drawn = draw(connection, view, self._drawn)
        drawn = np.array([row for _, _, row in self._drawn.keys[:SAMPLE]], dtype=np.int64)
        places = np.searchsorted(every, drawn)
        there = every[np.minimum(places, len(every) - 1)] == drawn
        if np.count_nonzero(there) >= FEWEST:
            return np.sort(places[there])
        hashes = [(row_hash(id_), repr(id_), i) for i, id_ in enumerate(ids_of(connection, every))]
        return np.sort(np.array([i for _, _, i in sorted(hashes)[:SAMPLE]]))


def _vote(
    rows: RowArray,
    distances: npt.NDArray[np.float64],
    own: int,
    every: RowArray,
    codes: RowArray,
    classes: int,
    way: Way,
) -> npt.NDArray[np.float64]:
    """The shares of the neighbours of one row, itself left out."""
    others = np.flatnonzero(rows != own)[: way.k]
    weights = weigh(distances[None, others], way.weights, way.temperature)
    voted = codes[np.searchsorted(every, rows[others])]
    share: npt.NDArray[np.float64] = shares(voted[None], weights, classes)[0]
    return share


def _vectors(view: View, field: str, rows: RowArray) -> Float32Array:
    found = np.empty((len(rows), view.settings.dense[field].dim or 1), dtype=np.float32)
    for part, chosen, places in located(view, rows):
        held = (
            view.segments[part].vectors(field)
            if part < len(view.segments)
            else view.tail.prepared[field].rows
        )
        found[chosen] = held[places]
    return found
