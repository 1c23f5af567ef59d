"""Recall against speed: points measured, and what lies between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Point:
    """One effort of one engine.

    Attributes:
        engine: its name.
        effort: how hard it searched, as a reader may set it.
        recall: the share of the true neighbours that it found.
        batch: queries a second, many a call.
        single: queries a second, one a call.
    """

    engine: str
    effort: str
    recall: float
    batch: float
    single: float


def curve(points: Sequence[Point], rate: str) -> list[tuple[float, float]]:
    """(recall, rate) of the points that none beats in both, recall rising and rate falling."""
    best: list[tuple[float, float]] = []
    for recall, speed in sorted(((p.recall, getattr(p, rate)) for p in points), reverse=True):
        if not best or speed > best[-1][1]:
            best.append((recall, speed))
    return best[::-1]


def rate_at(points: Sequence[Point], recall: float, rate: str = "batch") -> float | None:
    """Queries a second at ``recall``: the logarithm of the rate is linear between two points.

    Nothing is guessed beyond them: below the least recall measured it is the fastest rate, above
    the greatest it is None.
    """
    measured = curve(points, rate)
    if not measured or measured[-1][0] < recall:
        return None
    recalls, rates = np.array(measured).T
    return float(np.exp(np.interp(recall, recalls, np.log(rates))))


def of(points: Sequence[Point], engine: str) -> list[Point]:
    """The points of one engine."""
    return [point for point in points if point.engine == engine]


def engines(points: Sequence[Point]) -> list[str]:
    """Their names, in the order met."""
    return list(dict.fromkeys(point.engine for point in points))
