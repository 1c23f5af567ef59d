"""What all checks share: one search, the labels, and what is derived of them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument
from likewise.learn.health._labels import Classes, Numbers
from likewise.learn.health.duplicates import copy_radius, nearest_law
from likewise.learn.health.findings import HealthFinding
from likewise.learn.health.label_quality import LabelIssues, label_issues, label_probabilities

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: The share of labels told right that an optional model may cost.
HARM = 0.05


class NotApplicable(InvalidArgument):
    """A check that says nothing about this table; the message says why.

    `audit` lists it under ``skipped``, and raises it only where the check was asked for by name.
    """


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows to test with, and their neighbours among the rows that are looked at.

    Attributes:
        ids, distances: (m, k) nearest first. labels: of the m rows, or None.
        names: (m,) what messages call them.
    """

    ids: IntArray
    distances: Float64Array
    labels: Classes | Numbers | None
    names: Sequence[Any]


@dataclass(frozen=True)
class Shared:
    """The arrays that checks work on.

    Attributes:
        ids, distances: (n, k) neighbours of each row, itself left out, nearest first.
        names: (n,) what messages and findings call the rows.
        labels: or None.
        model: (n, classes) probabilities by another model that left each row out, or None; those of
            the neighbours are averaged with them.
        model_optional: whether the model is left out where it does harm: where by both a
            twentieth fewer labels are told right than by neighbours alone.
        test: or None.
        radius: within which rows are copies; None lets `copy_radius` say, by ``level``.
        left_out, test_left_out: names of the rows that were left out: no finite numbers in them.
    """

    ids: IntArray
    distances: Float64Array
    names: Sequence[Any]
    labels: Classes | Numbers | None = None
    model: Float64Array | None = None
    test: HeldOut | None = None
    radius: float | None = None
    level: float = 0.05
    left_out: Sequence[Any] = ()
    test_left_out: Sequence[Any] = ()
    model_optional: bool = False

    def of(self, rows: Any) -> tuple[Any, ...]:
        """The names of some rows."""
        return tuple(self.names[int(row)] for row in rows)

    def need_classes(self) -> Classes:
        """The labels, which are classes and two at least."""
        labels = self.need_labels()
        if not isinstance(labels, Classes):
            raise NotApplicable("labels are numbers, and this check needs classes")
        if len(labels.classes) < 2:
            raise NotApplicable(
                f"labels are of one class only, {labels.name(0)}; this check needs two"
            )
        if labels.nearly_all_differ:
            raise NotApplicable(
                f"labels are nearly all different ({len(labels.classes):,} classes of "
                f"{int(labels.known.sum()):,} rows); of numbers, give task='regression'"
            )
        return labels

    def need_numbers(self) -> Numbers:
        """The labels, which are numbers."""
        labels = self.need_labels()
        if not isinstance(labels, Numbers):
            raise NotApplicable("labels are classes, and this check needs numbers")
        return labels

    def need_labels(self) -> Classes | Numbers:
        """The labels."""
        if self.labels is None:
            raise NotApplicable("there are no labels; give y")
        return self.labels

    def need_test(self) -> HeldOut:
        """The rows to test with."""
        if self.test is None:
            raise NotApplicable("there are no test rows; give test=(X, y)")
        return self.test

    def need_metric(self) -> None:
        """Distances that are 0 between copies."""
        if self.distances.size and self.distances.min() < 0:
            raise NotApplicable(
                "distances are below 0 (inner products), so they do not tell copies or far rows; "
                "use cosine or euclidean"
            )

    @cached_property
    def probabilities(self) -> Float64Array:
        """(n, classes) of each row by all others: neighbours', averaged with the model's."""
        labels = self.need_classes()
        found = label_probabilities(self.ids, self.distances, labels.codes, len(labels.classes))
        if self.model is None:
            return found
        both = (found + self.model) / 2
        harm = _right(both, labels) < (1 - HARM) * _right(found, labels)
        return found if harm and self.model_optional else both

    @cached_property
    def issues(self) -> LabelIssues:
        """How wrong each label looks."""
        return label_issues(self.probabilities, self.need_classes().codes)

    @cached_property
    def within(self) -> float:
        """The distance within which rows are copies."""
        if self.radius is not None:
            return self.radius
        return copy_radius(self.distances, self.level)

    @cached_property
    def usual(self) -> float:
        """The median distance to the nearest row, copies aside."""
        return nearest_law(self.distances).usual

    def nearness(self, distance: Any) -> Float64Array:
        """1 for a copy, 0 for a row as far as the nearest usually is."""
        if self.usual == 0:
            return np.where(np.asarray(distance) <= 0, 1.0, 0.0)
        near: Float64Array = np.clip(1 - np.asarray(distance) / self.usual, 0.0, 1.0)
        return near


def _right(probabilities: Float64Array, labels: Classes) -> int:
    """How many labels are the most probable class."""
    return int((probabilities.argmax(axis=1) == labels.codes).sum())


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check hands back: findings, the worst first, and scores by name, (n,) each."""

    findings: list[HealthFinding]
    scores: dict[str, Float64Array]
