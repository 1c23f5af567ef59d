"""`SELECTIONS`: how a batch is chosen, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likewise.errors import InvalidArgument, InvalidType
from likewise.learn.active._candidates import Candidates, IntArray, as_ids
from likewise.learn.active.bait import bait
from likewise.learn.active.k_center import k_center
from likewise.learn.active.kmeans_plus_plus import kmeans_plus_plus
from likewise.learn.active.lcmd import lcmd
from likewise.learn.active.typicality import typicality
from likewise.learn.active.uncertainty import UNCERTAINTIES
from likewise.learn.active.variance import max_det, max_diag

#: Chooses n ids of candidates.
Selection = Callable[[Candidates, int], IntArray]


def at_random(candidates: Candidates, n: int) -> IntArray:
    """n rows, each as likely: what every other selection is measured against.

    Example:
        >>> sorted(at_random(Candidates(3), 3).tolist())
        [0, 1, 2]
    """
    return as_ids(candidates.rng.choice(candidates.count, size=n, replace=False))


#: Every selection by its name.
SELECTIONS: dict[str, Selection] = {
    "lcmd": lcmd,
    "k_center": k_center,
    "kmeans++": kmeans_plus_plus,
    "max_diag": max_diag,
    "max_det": max_det,
    "bait": bait,
    "typicality": typicality,
    **UNCERTAINTIES,
    "random": at_random,
}


def as_selection(selection: Any) -> Selection:
    """What ``selection=`` names: a name of `SELECTIONS`, or a function of (candidates, n).

    Raises:
        InvalidArgument: an unknown name. InvalidType: something else.
    """
    if isinstance(selection, str):
        if selection not in SELECTIONS:
            raise InvalidArgument(
                f"selection must be one of {', '.join(SELECTIONS)}, or a function of "
                f"(candidates, n); got {selection!r:.60}"
            )
        return SELECTIONS[selection]
    if not callable(selection):
        raise InvalidType(
            f"selection must be a name or a function of (candidates, n); got {selection!r:.60}"
        )
    found: Selection = selection
    return found
