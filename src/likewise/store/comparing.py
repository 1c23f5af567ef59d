"""Two runs over the same queries, paired: how far they differ, and whether chance would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Signs drawn where there are too many to try all, and queries resampled for the interval.
DRAWS = 10_000
#: Differences whose signs are flipped at a time.
BLOCK = 2_000_000

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of two runs over the same queries.

    Attributes:
        metric: its name.
        mean, other: the means of the two runs.
        difference: ``mean - other``.
        interval: the middle 95 % of the mean difference over queries drawn again (bootstrap).
        p_value: how often the mean difference would be at least as large, in either direction,
            if for each query chance alone had said which run is which (randomisation test).
        wins, ties, losses: queries where this run is better, equal, worse.

    Example:
        >>> found = compare("ndcg@10", np.array([0.5, 0.9, 0.7]), np.array([0.4, 0.9, 0.5]))
        >>> round(found.difference, 3), found.p_value, (found.wins, found.ties, found.losses)
        (0.1, 0.5, (2, 1, 0))
    """

    metric: str
    mean: float
    other: float
    difference: float
    interval: tuple[float, float]
    p_value: float
    wins: int
    ties: int
    losses: int

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.metric}: {self.mean:.4f} against {self.other:.4f} "
            f"({self.difference:+.4f}, 95 % between {low:+.4f} and {high:+.4f}), "
            f"p = {self.p_value:.4f}; better, equal, worse on {self.wins}, {self.ties}, "
            f"{self.losses} queries"
        )


def compare(metric: str, ours: FloatArray, theirs: FloatArray, random_state: int = 0) -> Comparison:
    """The values (queries,) of one metric in two runs, compared query by query."""
    differences = ours - theirs
    rng = np.random.default_rng(random_state)
    return Comparison(
        metric,
        float(ours.mean()),
        float(theirs.mean()),
        float(differences.mean()),
        _interval(differences, rng),
        randomisation_test(differences, rng),
        int((differences > 0).sum()),
        int((differences == 0).sum()),
        int((differences < 0).sum()),
    )


def randomisation_test(differences: FloatArray, rng: np.random.Generator) -> float:
    """Fisher's paired randomisation test of mean zero, two-sided.

    Under the hypothesis that the runs do not differ, each difference has either sign with equal
    chance. Up to 13 differences that are not zero, all signs are tried and p is exact; otherwise
    10,000 are drawn and p = (1 + as large) / (1 + drawn). Recommended for retrieval by Smucker,
    Allan and Carterette (CIKM 2007).
    """
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    least = abs(moved.sum()) * (1 - 1e-12)  # the order of a sum must not decide
    if 2 ** len(moved) <= DRAWS:
        bits = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float((np.abs((1 - 2 * bits) @ moved) >= least).mean())
    larger, step = 0, max(1, BLOCK // len(moved))
    for start in range(0, DRAWS, step):
        size = (min(step, DRAWS - start), len(moved))
        signs = rng.integers(0, 2, size=size, dtype=np.int8) * np.int8(2) - np.int8(1)
        larger += int((np.abs(signs @ moved) >= least).sum())
    return (1 + larger) / (1 + DRAWS)


def _interval(differences: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    """The percentile bootstrap over queries."""
    size, step = len(differences), max(1, BLOCK // len(differences))
    means = [
        differences[rng.integers(0, size, size=(min(step, DRAWS - start), size))].mean(axis=1)
        for start in range(0, DRAWS, step)
    ]
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return float(low), float(high)
