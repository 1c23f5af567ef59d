"""Which family of index to build: `recommend` weighs them by what they take and what they give.

The speeds are those of `benchmarks/index_families.py` on one core, written as formulas. They
are right within a factor of two or so, which is enough to choose by: the families differ by more.
`Prefix` is not among them: what it finds depends on the rows, and `sweep` measures that on them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number, check_recall, suggest_arguments
from likewise.errors import InvalidType, OverLimit
from likewise.index.base import Index, IndexPlan
from likewise.index.exact import Exact
from likewise.index.graph import Graph
from likewise.index.hashing import Hash
from likewise.index.inverted import Inverted
from likewise.index.planner import CostModel
from likewise.index.tree import Tree
from likewise.index.window import Window
from likewise.metrics import Metric, resolve

#: Families in the order in which they are preferred where speed does not decide.
FAMILIES: tuple[type[Index], ...] = (Exact, Tree, Graph, Inverted, Hash, Window)
#: Up to so many dimensions a tree rules out enough to be worth its room.
FEW_DIMENSIONS = 12
#: A faster family must be faster by this factor to displace a simpler one.
MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """One family, weighed.

    Attributes:
        name: its key in `INDEXES`.
        plan: memory, and seconds to build.
        seconds: of one query, estimated.
        refused: why it is out of the question; empty when it is not.

    Example:
        >>> Candidate("exact", IndexPlan(1_000, 0.0), 1e-3, "").refused
        ''
    """

    name: str
    plan: IndexPlan
    seconds: float
    refused: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The family to use, why, and all that were weighed.

    Attributes:
        name: its key in `INDEXES`.
        reason: a sentence for people.
        candidates: the chosen one and the others, by name.

    Example:
        >>> recommend(500, 384).name
        'exact'
    """

    name: str
    reason: str
    candidates: dict[str, Candidate]

    def make(self, metric: str | Metric = "cosine", **options: Any) -> Index:
        """The index itself, not yet fitted; ``options`` as its class takes them.

        Example:
            >>> recommend(500, 384, "dot").make("dot")
            Exact(metric='dot', 0 rows)
        """
        return next(kind for kind in FAMILIES if kind.name == self.name)(metric, **options)


@suggest_arguments
def recommend(
    n: int,
    dim: int,
    metric: str | Metric = "cosine",
    *,
    recall: float = 0.95,
    queries: int | None = None,
    windows: bool = False,
    memory_limit: int | None = None,
    build_seconds: float | None = None,
    costs: CostModel | None = None,
) -> Recommendation:
    """Which family suits ``n`` rows of ``dim`` numbers.

    Args:
        n, dim: what is to be indexed.
        metric: a family that does not take it is out.
        recall: the share of the true neighbours that is enough; 1 leaves the exact families.
        queries: how many will be asked in all; None, so many that building does not matter.
            With few, what counts is the time to build and to ask together.
        windows: whether searches ask for a range of a number (year, price); then only a scan and
            what keeps rows in that order are weighed.
        memory_limit: bytes; a family whose `plan` exceeds it is out.
        build_seconds: a family whose `plan` takes longer is out.
        costs: what reading costs on this machine (`CostModel.measure`); None takes typical
            values, so that the same call gives the same advice.

    Returns:
        `Recommendation`: the family with the quickest answers, simpler ones preferred when they
        are nearly as quick.

    Raises:
        OverLimit: no family is within the limits; the message says what each would take.
        UnknownMetric, InvalidType, InvalidArgument: an argument is wrong.

    Example:
        >>> for n, dim in [(1_000, 384), (500_000, 3), (200_000, 384)]:
        ...     print(recommend(n, dim, "euclidean").name)
        exact
        tree
        graph
        >>> recommend(200_000, 384, build_seconds=30).name
        'inverted'
        >>> recommend(200_000, 384, windows=True).name
        'window'
    """
    n, dim = check_count("n", n, minimum=0), check_count("dim", dim)
    target, kind = check_recall(recall), resolve(metric)
    if not isinstance(windows, (bool, np.bool_)):
        raise InvalidType(f"windows must be True or False; got {windows!r}")
    if queries is not None:
        queries = check_count("queries", queries)
    if memory_limit is not None:
        memory_limit = check_count("memory_limit", memory_limit)
    if build_seconds is not None:
        build_seconds = check_number("build_seconds", build_seconds)
    if costs is not None and not isinstance(costs, CostModel):
        raise InvalidType(f"costs must be a CostModel or None; got {type(costs).__name__}")
    candidates = {}
    for family in FAMILIES:
        candidate = _weighed(family, n, dim, kind, target, costs or CostModel())
        refused = (
            candidate.refused
            or _unfit(family, windows=bool(windows))
            or _over(candidate.plan, memory_limit, build_seconds)
        )
        candidates[family.name] = Candidate(
            candidate.name, candidate.plan, candidate.seconds, refused
        )
    return _chosen(candidates, n, dim, queries)


def _weighed(
    family: type[Index], n: int, dim: int, metric: Metric, recall: float, costs: CostModel
) -> Candidate:
    if family.metrics is not None and metric.name not in family.metrics:
        return Candidate(family.name, IndexPlan(0, 0.0), math.inf, f"it has no {metric.name}")
    plan = family(metric).plan(n, dim)
    if recall == 1.0 and family not in (Exact, Tree):
        return Candidate(family.name, plan, math.inf, "it is not exact")
    if family is Tree and dim > FEW_DIMENSIONS:
        return Candidate(family.name, plan, math.inf, f"{dim} dimensions are too many for a tree")
    seconds = _SECONDS[family.name](n, dim, recall, costs)
    return Candidate(family.name, plan, seconds, "")


def _unfit(family: type[Index], *, windows: bool) -> str:
    if windows and family not in (Exact, Window):
        return "it keeps no order to find a range by"
    return "no range of a number is asked for" if family is Window and not windows else ""


def _over(plan: IndexPlan, memory_limit: int | None, build_seconds: float | None) -> str:
    if memory_limit is not None and plan.bytes > memory_limit:
        return f"it takes {plan.bytes / 1e6:,.1f} MB of {memory_limit / 1e6:,.1f} MB"
    if build_seconds is not None and plan.seconds > build_seconds:
        return f"it takes {plan.seconds:,.0f} s to build, of {build_seconds:,.0f} s"
    return ""


def _chosen(
    candidates: dict[str, Candidate], n: int, dim: int, queries: int | None
) -> Recommendation:
    """The quickest by the factor of `MARGIN`, in the order of the families."""
    able = [candidate for candidate in candidates.values() if not candidate.refused]
    if not able:
        told = "; ".join(f"{c.name}: {c.refused}" for c in candidates.values())
        raise OverLimit(
            f"no index of {n:,} rows of {dim} numbers is within the limits ({told}); "
            "raise a limit or keep fewer rows"
        )

    def total(candidate: Candidate) -> float:
        built = 0.0 if queries is None else candidate.plan.seconds / queries
        return candidate.seconds + built

    best = able[0]
    for candidate in able[1:]:
        if total(candidate) * MARGIN < total(best):
            best = candidate
    scan = candidates["exact"].seconds
    reason = f"about {best.seconds * 1e3:,.2f} ms a query, {best.plan} to build"
    if best.name != "exact" and math.isfinite(scan):
        reason += f"; a scan takes {scan * 1e3:,.2f} ms"
    refused = [f"{c.name}: {c.refused}" for c in candidates.values() if c.refused]
    return Recommendation(best.name, "; ".join([reason, *refused]), candidates)


# Seconds of one query on its own at a recall; the last factor grows as the misses are to shrink.


def _misses(recall: float) -> float:
    """How many times the effort of recall 0.95 a recall takes: 1 there, about 2.5 at 0.99."""
    return float((0.05 / max(1e-4, 1 - recall)) ** 0.55) if recall < 1 else math.inf


def _exact_seconds(n: int, dim: int, recall: float, costs: CostModel) -> float:
    return costs.exact_seconds(n, n, dim)


def _tree_seconds(n: int, dim: int, recall: float, costs: CostModel) -> float:
    looked_at = min(n, 40 * 1.9**dim * max(1.0, math.log2(max(2, n)) / 10))
    return 8e-5 + looked_at * (dim * costs.gathered + 1.5e-8)


def _graph_seconds(n: int, dim: int, recall: float, costs: CostModel) -> float:
    looked_at = 350 * math.log2(n / 1000 + 2) * _misses(recall)
    return 1e-4 + looked_at * (dim * costs.gathered / 8 + 2e-8)


def _inverted_seconds(n: int, dim: int, recall: float, costs: CostModel) -> float:
    cells = 2 * math.sqrt(n)
    read = cells * dim + 0.07 * n * _misses(recall) * dim / 16 * 2 + 4 * 60 * dim
    return 2.5e-4 + read * costs.streamed


def _hash_seconds(n: int, dim: int, recall: float, costs: CostModel) -> float:
    bits = min(1024, max(256, 2 * dim))
    return 3e-4 + (n * bits / 24 + 4 * 100 * _misses(recall) * dim) * costs.streamed


_SECONDS = {
    "exact": _exact_seconds,
    "tree": _tree_seconds,
    "graph": _graph_seconds,
    "inverted": _inverted_seconds,
    "hash": _hash_seconds,
    "window": _graph_seconds,  # at most: narrow windows take a scan of themselves
}
