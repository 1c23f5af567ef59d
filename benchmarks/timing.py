"""Times of several works, taken in turn (A B A B …), so that a noisy machine is noisy to all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]
Work = Callable[[int], object]
Name = TypeVar("Name", bound=Hashable)
#: Rounds before the clock.
WARM = 3


def interleaved(
    works: Mapping[Name, Work],
    repetitions: int,
    *,
    warm: int = WARM,
    before: Work | None = None,
) -> dict[Name, Seconds]:
    """Seconds of each work for each repetition; ``works[name](i)`` does the i-th.

    Every work does its i-th before any does the next, and the one that goes first changes.
    The first ``warm`` rounds are run before the clock, on the last indexes, so that what is
    cached by argument is not seen beforehand. ``before(i)`` is done untimed ahead of the i-th,
    lest the work that goes first warm the processor's caches for the others. The garbage
    collector waits meanwhile.
    """
    names = list(works)
    seconds = {name: np.empty(repetitions) for name in names}
    for i in range(warm):
        for name in names:
            works[name](repetitions + i)
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for i in range(repetitions):
            if before is not None:
                before(i)
            first = i % len(names)
            for name in names[first:] + names[:first]:
                started = time.perf_counter()
                works[name](i)
                seconds[name][i] = time.perf_counter() - started
    finally:
        if enabled:
            gc.enable()
    return seconds


def median(seconds: Seconds) -> float:
    """The median."""
    return float(np.median(seconds))


def least(seconds: Seconds) -> float:
    """The best round: for works of a few milliseconds, in which nobody else was let in between."""
    return float(seconds.min())


def difference(whole: Seconds, part: Seconds) -> float:
    """The median of what the whole takes longer than the part, repetition by repetition."""
    return float(np.median(whole - part))


def undisturbed(seconds: Seconds) -> float:
    """The lower quartile: for works that wait for a disk which others use too.

    A sync that meets somebody else's takes ten times as long, so a median jumps between the
    two kinds.
    """
    return float(np.quantile(seconds, 0.25))


def quietest(seconds: Seconds, rounds: int) -> Seconds:
    """For each of the works that were done ``rounds`` times over, its least time.

    What else the machine does can only add to a time, so the least is nearest to the truth.
    """
    least: Seconds = seconds.reshape(rounds, -1).min(axis=0)
    return least


def spread(values: Seconds, scale: float = 1.0, digits: int = 2) -> str:
    """The quartiles, for a note."""
    low, high = np.quantile(values, [0.25, 0.75]) * scale
    return f"quartiles {low:.{digits}f} to {high:.{digits}f}"
