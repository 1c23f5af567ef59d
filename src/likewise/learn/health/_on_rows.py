"""The checks that look at rows: unusable ones, near-duplicates, rare rows, leakage."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.learn.health._labels import Classes, codes_of
from likewise.learn.health.duplicates import duplicate_clusters
from likewise.learn.health.findings import HealthFinding, named
from likewise.learn.health.rarity import rarity
from likewise.learn.health.shared import Checked, HeldOut, Shared

IntArray = npt.NDArray[np.int64]

SAME, OTHER = "leakage", "leakage_other_label"


def unusable(shared: Shared) -> Checked:
    """Rows with NaN or infinity, or that are 0 where only directions count: left out elsewhere."""
    rows, tested = tuple(shared.left_out), tuple(shared.test_left_out)
    if not rows and not tested:
        return Checked([], {})
    finding = HealthFinding(
        "unusable",
        " and ".join(
            part
            for part in (named(rows) if rows else "", f"test {named(tested)}" if tested else "")
            if part
        )
        + ": NaN, infinity, or no direction; left out of all other checks",
        severity="error",
        rows=rows,
        score=len(rows) / (len(shared.ids) + len(rows)),
        remedy="Fill what is missing, or leave these rows out.",
        test_rows=tested,
    )
    return Checked([finding], {})


def near_duplicate(shared: Shared) -> Checked:
    """Clusters of rows within the copies' radius of each other; a finding a cluster.

    Scores: ``1 - d / usual``, with d the distance to the nearest row and ``usual`` its median: 1
    for an exact copy. A cluster whose rows have several labels is ``conflicting_duplicate``.
    """
    shared.need_metric()
    clusters, count = duplicate_clusters(shared.ids, shared.distances, shared.within)
    nearest = shared.distances[:, 0] if shared.distances.shape[1] else np.zeros(0)
    scores = shared.nearness(nearest)
    order = np.argsort(clusters, kind="stable")
    parts = np.split(order, np.searchsorted(clusters[order], np.arange(count)))[1:]
    found = [_cluster(shared, rows, float(scores[rows].max())) for rows in parts]
    found.sort(key=lambda one: (one.code != "conflicting_duplicate", -one.score))
    return Checked(found, {"near_duplicate": scores})


def _cluster(shared: Shared, rows: IntArray, score: float) -> HealthFinding:
    names, labels = shared.of(rows), shared.labels
    exact = "copies of each other" if score == 1.0 and len(rows) == 2 else "nearly the same"
    codes = labels.codes[rows] if isinstance(labels, Classes) else np.zeros(0, np.int64)
    kinds = np.unique(codes[codes >= 0])
    if isinstance(labels, Classes) and len(kinds) > 1:
        several = ", ".join(labels.name(code) for code in kinds[:3])
        return HealthFinding(
            "conflicting_duplicate",
            f"{named(names)} are {exact}, with {len(kinds)} labels: {several}",
            severity="error",
            rows=names,
            score=score,
            remedy="At most one of these labels is right: decide, and keep one row.",
        )
    return HealthFinding(
        "near_duplicate",
        f"{named(names)} are {exact}",
        rows=names,
        score=score,
        remedy="Keep one of each cluster, and all of a cluster on one side of a split.",
    )


def rare(shared: Shared) -> Checked:
    """Rows far from all others; a finding a row. Scores: the share of rows that are less far."""
    shared.need_metric()
    found = rarity(shared.distances)
    findings = [
        HealthFinding(
            "rare",
            f"{named(shared.of([row]))} is {found.times[row]:.1f} times as far from its "
            "neighbours as is usual",
            rows=shared.of([row]),
            score=float(found.scores[row]),
            remedy="Broken, of another kind, or all there is of its kind: then add more like it.",
        )
        for row in _worst(found.times, found.flagged)
    ]
    return Checked(findings, {"rare": found.scores})


def leakage(shared: Shared) -> Checked:
    """Test rows that are near-copies of rows; a finding a test row, by whether labels agree.

    Scores: of each row ``1 - d / usual`` to the nearest test row that it is a copy of, else 0.
    """
    shared.need_metric()
    test = shared.need_test()
    close = test.distances <= shared.within
    scores = np.zeros(len(shared.ids))
    at, place = np.nonzero(close)
    np.maximum.at(scores, test.ids[at, place], shared.nearness(test.distances[at, place]))
    found = [_leak(shared, test, int(row), close) for row in np.flatnonzero(close.any(axis=1))]
    found.sort(key=lambda one: (one.code != OTHER, -one.score))
    return Checked(found, {"leakage": scores})


def _leak(shared: Shared, test: HeldOut, row: int, close: Any) -> HealthFinding:
    ids = test.ids[row, close[row]]
    rows, names = shared.of(ids), (test.names[row],)
    score = float(shared.nearness(test.distances[row, 0]))
    said = f"test {named(names)} is nearly the same as {named(rows)}"
    other = _other_labels(shared, test, row, ids)
    if other:
        return HealthFinding(
            OTHER,
            f"{said}, {other}",
            severity="error",
            rows=rows,
            score=score,
            test_rows=names,
            remedy="One of the labels is wrong; and the row is in both sets.",
        )
    return HealthFinding(
        SAME,
        said,
        severity="error",
        rows=rows,
        score=score,
        test_rows=names,
        remedy="Take it out of one of the sets, or the test flatters.",
    )


def _other_labels(shared: Shared, test: HeldOut, row: int, ids: IntArray) -> str:
    """What to say where the copies have another class than the test row; else empty."""
    if not (isinstance(shared.labels, Classes) and isinstance(test.labels, Classes)):
        return ""
    own = int(codes_of(test.labels, shared.labels)[row])
    votes = shared.labels.codes[ids]
    votes = votes[votes >= 0]
    if own < 0 or not len(votes) or (votes == own).any():
        return ""
    mine = test.labels.name(int(test.labels.codes[row]))
    return f"but is labelled {mine}, not {shared.labels.name(int(votes[0]))}"


def _worst(scores: Any, flagged: Any) -> IntArray:
    """The flagged rows, those of the highest scores first."""
    rows = np.flatnonzero(flagged)
    return rows[np.argsort(-scores[rows], kind="stable")]
