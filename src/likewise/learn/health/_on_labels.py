"""The checks that look at labels: missing, wrong, ambiguous, of harm, and classes apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.learn.health._labels import Classes, codes_of
from likewise.learn.health.findings import HealthFinding, named
from likewise.learn.health.label_quality import disagreement, self_confidence
from likewise.learn.health.rarity import CLOSE, ambiguity
from likewise.learn.health.separability import OVERLAP, RECALL, Separability, separability
from likewise.learn.health.shapley import neighbour_shapley
from likewise.learn.health.shared import Checked, Shared
from likewise.learn.health.target_quality import target_issues

IntArray = npt.NDArray[np.int64]

#: Neighbours that vote in the game of which values are the shares.
VOTERS = 5
#: A class of fewer rows than this cannot be judged by neighbours.
FEWEST = 5


def missing_label(shared: Shared) -> Checked:
    """Rows without a label: they neither vote nor are judged."""
    rows = np.flatnonzero(~shared.need_labels().known)
    if not len(rows):
        return Checked([], {})
    names = shared.of(rows)
    finding = HealthFinding(
        "missing_label",
        f"{len(rows):,} of {len(shared.ids):,} rows have no label: {named(names)}",
        severity="notice",
        rows=names,
        score=len(rows) / len(shared.ids),
        remedy="Label them, or predict them from the others.",
    )
    return Checked([finding], {})


def wrong_label(shared: Shared) -> Checked:
    """Labels that the others speak against; a finding a row.

    Scores: ``wrong_label``, ``p_o / (p_o + p_y)`` of the label and the best other class;
    ``disagreement``, the share of neighbours with another label.
    """
    labels, issues = shared.need_classes(), shared.issues
    against = disagreement(shared.ids, labels.codes)
    own = self_confidence(shared.probabilities, labels.codes)
    best = shared.probabilities[np.arange(len(own)), issues.suggested]
    findings = []
    for row in _worst(issues.scores, issues.flagged):
        mine, other = labels.name(labels.codes[row]), labels.name(issues.suggested[row])
        names, near = shared.of([row]), shared.ids[row]
        findings.append(
            HealthFinding(
                "wrong_label",
                f"{named(names)} is labelled {mine}, and looks like {other} (probability "
                f"{best[row]:.2f} against {own[row]:.2f}; {against[row]:.0%} of its neighbours "
                "disagree)",
                rows=names,
                score=float(issues.scores[row]),
                remedy="Look at it; correct the label if it is wrong: likeness is no proof.",
                suggested=labels.label(issues.suggested[row]),
                evidence=shared.of(near[labels.codes[near] == issues.suggested[row]]),
            )
        )
    return Checked(findings, {"wrong_label": issues.scores, "disagreement": against})


def wrong_target(shared: Shared) -> Checked:
    """Numbers far from those of the neighbours; a finding a row.

    Scores: ``z / (1 + z)``, z the residual in units of what is usual there (see `target_issues`).
    """
    numbers = shared.need_numbers()
    issues = target_issues(shared.ids, numbers.values, numbers.known)
    findings = []
    for row in _worst(issues.scores, issues.flagged):
        names, z = shared.of([row]), issues.z[row]
        times = f"{z:.1f} times what is usual there" if np.isfinite(z) else "where none varies"
        findings.append(
            HealthFinding(
                "wrong_target",
                f"{named(names)} has {numbers.values[row]:.6g}; its neighbours have "
                f"{issues.suggested[row]:.6g}, {times}",
                rows=names,
                score=float(issues.scores[row]),
                remedy="Look at it; correct the number if it is wrong: likeness is no proof.",
                suggested=float(issues.suggested[row]),
                evidence=shared.of(shared.ids[row]),
            )
        )
    return Checked(findings, {"wrong_target": issues.scores})


def ambiguous(shared: Shared) -> Checked:
    """Rows between two classes whose label is not taken for wrong; a finding a row.

    Scores: the probability of the second class by that of the first.
    """
    labels, p = shared.need_classes(), shared.probabilities
    scores = ambiguity(p)
    findings = []
    for row in _worst(scores, (scores >= CLOSE) & ~shared.issues.flagged):
        first, second = np.argsort(-p[row], kind="stable")[:2]
        names = shared.of([row])
        findings.append(
            HealthFinding(
                "ambiguous",
                f"{named(names)} lies between {labels.name(first)} ({p[row, first]:.2f}) and "
                f"{labels.name(second)} ({p[row, second]:.2f})",
                severity="notice",
                rows=names,
                score=float(scores[row]),
                remedy="Have it labelled twice, or give the classes a clearer border.",
            )
        )
    return Checked(findings, {"ambiguous": scores})


def harmful(shared: Shared) -> Checked:
    """Rows whose k-NN Shapley value is below 0; one finding.

    Scores: ``value``, by the test rows where they have labels, else by all other rows; times the
    number of rows, so that 1 is a row that carries its part of a perfect vote.
    """
    labels = shared.need_classes()
    test = shared.test
    if test is not None and isinstance(test.labels, Classes):
        wanted = codes_of(test.labels, labels)
        found = neighbour_shapley(test.ids, labels.codes, wanted, k=VOTERS)
    else:
        found = neighbour_shapley(shared.ids, labels.codes, k=VOTERS)
    values = found.values * int(labels.known.sum())
    below = np.flatnonzero(values < 0)
    if not len(below):
        return Checked([], {"value": values})
    names = shared.of(below[np.argsort(values[below], kind="stable")])
    finding = HealthFinding(
        "harmful",
        f"{named(names)} have values below 0: votes of {VOTERS} neighbours are better without them"
        if len(names) > 1
        else f"{named(names)} has a value below 0: votes are better without it",
        severity="notice",
        rows=names,
        score=float(-values[below].sum() / np.abs(values).sum()),
        remedy="Look at the lowest values first; most are wrong labels or rows between classes.",
    )
    return Checked([finding], {"value": values})


def overlap(shared: Shared) -> Checked:
    """Classes that do not keep apart, and classes too small to judge; a finding a class or pair."""
    labels = shared.need_classes()
    found = separability(shared.ids, labels.codes, shared.probabilities)
    findings = [*_pairs(shared, labels, found), *_weak(shared, labels, found)]
    return Checked(findings, {})


def _pairs(shared: Shared, labels: Classes, found: Separability) -> list[HealthFinding]:
    """Pairs of classes of which one has many neighbours in the other, beyond its share."""
    both = np.maximum(found.overlap, found.overlap.T)
    many = np.maximum.outer(found.expected, found.expected)
    one, two = np.nonzero(np.triu((both >= OVERLAP) & (both > many / 2), 1))
    findings = []
    pairs = zip(one.tolist(), two.tolist(), strict=True)
    for a, b in sorted(pairs, key=lambda pair: -both[pair]):
        rows = np.flatnonzero((labels.codes == a) | (labels.codes == b))
        findings.append(
            HealthFinding(
                "overlapping_classes",
                f"{labels.name(a)} and {labels.name(b)}: {found.overlap[a, b]:.0%} of the "
                f"neighbours of the one are of the other, and {found.overlap[b, a]:.0%} back",
                severity="notice",
                rows=shared.of(rows),
                score=float(both[a, b]),
                remedy="Join the classes, draw the border anew, or find features that tell them.",
            )
        )
    return findings


def _weak(shared: Shared, labels: Classes, found: Separability) -> list[HealthFinding]:
    """Classes of few rows, and classes whose rows are seldom told as theirs."""
    findings = []
    counts = labels.counts
    for c in np.argsort(found.recall, kind="stable").tolist():
        rows = shared.of(np.flatnonzero(labels.codes == c))
        if 0 < counts[c] < FEWEST:
            findings.append(
                HealthFinding(
                    "small_class",
                    f"{labels.name(c)} has {counts[c]} rows; neighbours cannot judge fewer than "
                    f"{FEWEST}",
                    severity="notice",
                    rows=rows,
                    score=1 - counts[c] / FEWEST,
                    remedy="Add rows of this class, or join it with another.",
                )
            )
        elif counts[c] and found.recall[c] < RECALL:
            findings.append(
                HealthFinding(
                    "weak_class",
                    f"{labels.name(c)}: {found.recall[c]:.0%} of its {counts[c]:,} rows are told "
                    "as theirs by the others",
                    rows=rows,
                    score=float(1 - found.recall[c]),
                    remedy="These features do not tell the class; add features, or rows.",
                )
            )
    return sorted(findings, key=lambda one: (one.code, -one.score))


def _worst(scores: Any, flagged: Any) -> IntArray:
    """The flagged rows, those of the highest scores first."""
    rows = np.flatnonzero(flagged)
    return rows[np.argsort(-scores[rows], kind="stable")]
