"""The state of an index of codes: what has a code, what waits, and what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from likewise.index._calibration import SAMPLE, Calibration, calibrate
from likewise.index._depths import Witnesses
from likewise.index._placing import Placement
from likewise.index._proposer import IdArray, Proposer
from likewise.index._rows import Float32Array
from likewise.index._sampling import sample
from likewise.index.base import Progress
from likewise.index.planner import CostModel
from likewise.index.scanning import PreparedRows

#: Rows kept back to ask with, and the fewest that say anything.
HELD_OUT, FEWEST = 256, 32
#: Rows coded between two looks at progress and at Ctrl-C.
CHUNK = 20_000
#: The curve is measured again when so large a share of the rows came after it was.
STALE = 0.2

#: From a placement, the rows and the numbers of those to learn from, to an empty proposer.
Train = Callable[[Placement, PreparedRows, IdArray], Proposer]


@dataclass(slots=True)
class Coded:
    """Codes of most rows, and how well they find.

    Attributes:
        placement: where rows and queries go.
        proposer: the codes.
        waiting: rows without a code, ascending; they are scanned.
        calibration: what was measured.
        witnesses: rows that tell the depth of an answer.
        trained_on: rows there were when the codes were trained.
        since_training, since_measuring: rows coded since.
    """

    placement: Placement
    proposer: Proposer
    waiting: IdArray
    calibration: Calibration
    witnesses: Witnesses
    trained_on: int
    since_training: int = 0
    since_measuring: int = 0

    @property
    def stale(self) -> bool:
        """Whether so many rows are new that the curve should be measured again."""
        return self.since_measuring > STALE * self.calibration.rows


@dataclass(frozen=True, slots=True)
class Measure:
    """What `build` and `absorb` need to know of their index.

    Attributes:
        seed, costs, clocked, jobs: as there.
        queries: (m, dim) of users, to measure with too; None or fewer than `FEWEST` say nothing.
    """

    seed: int
    costs: CostModel
    clocked: bool
    jobs: int
    queries: Float32Array | None = None


def build(
    prepared: PreparedRows,
    multiple: int,
    train: Train,
    how: Measure,
    progress: Progress | None,
) -> Coded | None:
    """Train on all rows but some, measure with those, then code them too."""
    rows, summary = prepared.rows, prepared.summary
    if summary is None:
        return None
    everything = np.arange(len(rows))
    placement = Placement.over(prepared.metric.name, rows.shape[1], summary, multiple)
    asked = sample(rows, everything, min(HELD_OUT, len(rows) // 4), how.seed)
    rest = np.setdiff1d(everything, asked, assume_unique=True)
    proposer = train(placement, prepared, rest)
    for start in range(0, len(rest), CHUNK):
        part = rest[start : start + CHUNK]
        proposer.insert(placement.rows(rows[part]), part, how.jobs)
        if progress is not None:
            progress(start + len(part), len(rows))
    calibration = _calibrated(proposer, prepared, placement, rest, asked, how)
    proposer.insert(placement.rows(rows[asked]), asked, how.jobs)
    if progress is not None:
        progress(len(rows), len(rows))
    witnesses = Witnesses(prepared, placement, calibration.witnesses, len(rows))
    nothing = np.empty(0, dtype=np.int64)
    return Coded(placement, proposer, nothing, calibration, witnesses, len(rows))


def absorb(coded: Coded, prepared: PreparedRows, how: Measure) -> None:
    """Code what waits; where the curve is due, some of it is asked with first."""
    rows, waiting = prepared.rows, coded.waiting
    joining = waiting[coded.placement.takes(rows[waiting])]
    coded.since_measuring += len(joining)
    asked = np.empty(0, dtype=np.int64)
    if coded.stale and len(joining) >= 2 * FEWEST:
        asked = sample(rows, joining, min(HELD_OUT, len(joining) // 2), how.seed)
    _insert(coded, prepared, np.setdiff1d(joining, asked, assume_unique=True), how.jobs)
    if len(asked):
        held = np.setdiff1d(np.arange(len(rows)), coded.waiting, assume_unique=True)
        measured = _calibrated(coded.proposer, prepared, coded.placement, held, asked, how)
        coded.calibration, coded.since_measuring = measured, 0
        _insert(coded, prepared, asked, how.jobs)
    witnesses = coded.calibration.witnesses
    coded.witnesses = Witnesses(prepared, coded.placement, witnesses, len(rows))


def compact(coded: Coded, prepared: PreparedRows, keep: IdArray, how: Measure) -> Coded:
    """The state when only ``keep`` are left, renumbered; ``prepared`` holds them already."""
    waiting = np.flatnonzero(np.isin(keep, coded.waiting, assume_unique=True))
    chosen = np.flatnonzero(np.isin(keep, coded.calibration.witnesses, assume_unique=True))
    if len(chosen) < min(SAMPLE // 2, len(keep)):
        chosen = sample(prepared.rows, np.arange(len(keep)), SAMPLE, how.seed)
    old = coded.calibration
    calibration = Calibration(old.steps, old.curve, old.seconds, chosen, old.rows)
    witnesses = Witnesses(prepared, coded.placement, chosen, len(keep))
    coded.proposer.compact(keep)
    return Coded(
        coded.placement,
        coded.proposer,
        waiting,
        calibration,
        witnesses,
        coded.trained_on,
        coded.since_training,
        coded.since_measuring,
    )


def _insert(coded: Coded, prepared: PreparedRows, ids: IdArray, jobs: int) -> None:
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        coded.proposer.insert(coded.placement.rows(prepared.rows[part]), part, jobs)
        coded.waiting = np.setdiff1d(coded.waiting, part, assume_unique=True)
        coded.since_training += len(part)


def _calibrated(
    proposer: Proposer,
    prepared: PreparedRows,
    placement: Placement,
    coded: IdArray,
    asked: IdArray,
    how: Measure,
) -> Calibration:
    witnesses = sample(prepared.rows, coded, SAMPLE, how.seed + 1)
    given = how.queries
    if given is not None:
        given = given[placement.takes_queries(given)]
        given = given if len(given) >= FEWEST else None
    return calibrate(
        proposer,
        prepared,
        placement,
        coded,
        prepared.rows[asked],
        witnesses,
        how.costs,
        clocked=how.clocked,
        given=given,
    )
