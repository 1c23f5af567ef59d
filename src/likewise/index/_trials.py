"""Filters to measure with: some that chance made, and some that leave only rows far away."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.index.recall import DEPTHS, RecallCurve, depths_for, measure
from likewise.index.scanning import PreparedRows, scan
from likewise.results import Row
from likewise.vectors import Float32Array

IdArray = npt.NDArray[np.int64]
PlaceArray = npt.NDArray[np.int32]

#: Queries around each of some pivots, whose far rows pass; and as many in all for chance.
PIVOTS, AROUND = 4, 16
#: Numbers of rows compared with a pivot at a time.
BLOCK = 1 << 22


class Trial(NamedTuple):
    """Queries that are asked with one filter.

    Attributes:
        queries: (b, dim).
        listed: (m,) the slots that pass, ascending.
        truth: one `Row` a query, as deep as is measured.
    """

    queries: Float32Array
    listed: PlaceArray
    truth: list[Row]


def by_chance(
    prepared: PreparedRows, asked: Float32Array, slots: IdArray, share: float, jobs: int
) -> list[Trial]:
    """A filter that passes a ``share`` of the slots, whatever they hold."""
    drawn = np.random.default_rng(0).permutation(len(slots))[: round(share * len(slots))]
    return _trials(prepared, [(asked[: PIVOTS * AROUND], slots[np.sort(drawn)])], jobs)


def far_away(
    prepared: PreparedRows, asked: Float32Array, slots: IdArray, share: float, jobs: int
) -> list[Trial]:
    """Filters that pass the ``share`` of the slots farthest from a query and those around it.

    Cost: some dozen distances a row.
    """
    made = []
    for pivot in asked[: PIVOTS * AROUND : AROUND]:
        apart = _distances(prepared, pivot, slots)
        among = prepared.metric.pairwise(pivot[None], asked)[0]
        around = np.argsort(among, kind="stable")[:AROUND]
        passing = np.argsort(apart, kind="stable")[len(slots) - round(share * len(slots)) :]
        made.append((asked[around], slots[np.sort(passing)]))
    return _trials(prepared, made, jobs)


def curve_of(
    trials: list[Trial],
    efforts: list[int],
    search: Callable[[Trial, int, int], list[Row]],
    most: int = DEPTHS[-1],
) -> RecallCurve:
    """The recall over all trials, at depths up to ``most``.

    ``search`` answers one trial at an effort and a depth.
    """
    truth = [row for trial in trials for row in trial.truth]
    least = min(len(trial.listed) for trial in trials)
    depths = tuple(depth for depth in depths_for(least) if depth <= most)

    def answers(effort: int, depth: int) -> list[Row]:
        return [row for trial in trials for row in search(trial, effort, depth)]

    return measure(answers, truth, efforts, depths)


def _trials(
    prepared: PreparedRows, made: list[tuple[Float32Array, IdArray]], jobs: int
) -> list[Trial]:
    trials = []
    for queries, slots in made:
        depth = depths_for(len(slots))[-1]
        truth = scan(prepared, queries, depth, None, slots, n_jobs=jobs).rows
        trials.append(Trial(queries, slots.astype(np.int32), truth))
    return trials


def _distances(
    prepared: PreparedRows, pivot: Float32Array, slots: IdArray
) -> npt.NDArray[np.float64]:
    height = max(1, BLOCK // prepared.rows.shape[1])
    blocks = [slots[start : start + height] for start in range(0, len(slots), height)]
    found = [prepared.metric.pairwise(pivot[None], prepared.rows[some])[0] for some in blocks]
    apart: npt.NDArray[np.float64] = np.concatenate(found)
    return apart
