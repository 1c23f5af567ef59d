"""Lexical and fused search the slow way: every row by the formulas, and what an answer must be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.encode.terms import Terms
from likewise.results import Results
from likewise.testing._comparing import check

Id = str | int
K1, B = 1.2, 0.75
#: Apart by less is the same but for rounding.
ROUNDING = 1e-9


def bm25(
    texts: Mapping[Id, str | None], query: str, language: str | None = "english"
) -> tuple[dict[Id, float], float]:
    """The score of every text, and what no score can reach; see `likewise.index.Sparse`.

    Texts without terms count neither as rows nor in the mean length.
    """
    counts = {id_: _counts(text or "", language) for id_, text in texts.items()}
    lengths = [sum(count.values()) for count in counts.values() if count]
    mean = sum(lengths) / max(1, len(lengths))
    scores, most = dict.fromkeys(texts, 0.0), 0.0
    for term, times in _counts(query, language).items():
        having = sum(term in count for count in counts.values())
        idf = math.log(1 + (len(lengths) - having + 0.5) / (having + 0.5))
        most += times * idf
        for id_, count in counts.items():
            if f := count.get(term, 0):
                length = sum(count.values())
                scores[id_] += times * idf * f / (f + K1 * (1 - B + B * length / mean))
    return scores, most


@lru_cache
def _terms(language: str | None) -> Terms:
    return Terms(language)


@lru_cache(maxsize=10_000)
def _counts(text: str, language: str | None) -> Mapping[str, int]:
    return _terms(language).encode_query(text)


@dataclass(frozen=True)
class PlainBranch:
    """What one branch says of every passing row.

    Attributes:
        distances, scores: by id.
        listed: the ids that it can list: all, or those that share a word.
        rounding: apart by less is the same but for rounding.
    """

    distances: dict[Id, float]
    scores: dict[Id, float]
    listed: set[Id]
    rounding: float = ROUNDING

    def ranks(self, id_: Id, depth: int) -> tuple[float, float]:
        """The best and the worst rank that ties leave it; infinity beyond the depth."""
        if id_ not in self.listed:
            return math.inf, math.inf
        own = self.distances[id_]
        near = self.rounding * max(1.0, abs(own))
        best = 1 + int(np.searchsorted(self._ordered, own - near, side="left"))
        worst = int(np.searchsorted(self._ordered, own + near, side="right"))
        return _within(best, depth), _within(worst, depth)

    @cached_property
    def _ordered(self) -> npt.NDArray[np.float64]:
        return np.sort([self.distances[id_] for id_ in self.listed])

    def without(self, id_: Id) -> PlainBranch:
        """Leave out one row, for "more like this"."""
        distances, scores = dict(self.distances), dict(self.scores)
        distances.pop(id_, None)
        scores.pop(id_, None)
        return PlainBranch(distances, scores, self.listed - {id_}, self.rounding)


def _within(rank: int, depth: int) -> float:
    return rank if rank <= depth else math.inf


@dataclass(frozen=True)
class FusedAnswer:
    """What a fused search must give.

    Attributes:
        branches: by name.
        fuse, weights, depth: as the search was told.
    """

    branches: dict[str, PlainBranch]
    fuse: str
    weights: Sequence[float]
    depth: int

    def must_be(self, found: Results, k: int) -> None:
        """Fail unless ``found`` has the best of these, each with what every branch says of it."""
        passing = next(iter(self.branches.values())).distances
        for hit in found:
            check(hit.id in passing, f"{hit.id!r} does not pass")
            check(hit.distance is None and 0 <= hit.score <= 1 + 1e-12, f"{hit}")
            check(list(hit.branches) == list(self.branches), f"branches {list(hit.branches)}")
            for name, branch in self.branches.items():
                self._must_say(branch, hit.id, hit.branches[name], name)
            ranks = [hit.branches[name].rank or math.inf for name in self.branches]
            wanted = self.fused(hit.id, ranks)
            check(abs(hit.score - wanted) < self.rounding, f"{hit.id!r}: {hit.score}, not {wanted}")
        check(bool((np.diff(found.scores) <= 0).all()), "not the best first")
        check(len(set(found.ids)) == len(found) <= k, "an id came twice, or too many")
        sure = {id_: worst for id_ in passing if (worst := self._worst(id_)) is not None}
        check(len(found) >= min(k, len(sure)), f"{len(found)} hits of {len(sure)}")
        last = found.scores[-1] if len(found) == k else -1.0
        for id_ in sure.keys() - set(found.ids):
            check(sure[id_] <= last + self.rounding, f"{id_!r} was left out: {sure[id_]} of {last}")

    @property
    def rounding(self) -> float:
        """Of the branch that has most."""
        return max(branch.rounding for branch in self.branches.values())

    def fused(self, id_: Id, ranks: Sequence[float]) -> float:
        """The fused score by the formula."""
        if self.fuse == "rrf":
            values = [61 / (60 + rank) for rank in ranks]
        else:
            values = [branch.scores[id_] for branch in self.branches.values()]
        total = sum(w * v for w, v in zip(self.weights, values, strict=True))
        return total / sum(self.weights)

    def _worst(self, id_: Id) -> float | None:
        """The least fused score that ties leave it; None where it may be no candidate."""
        ranks = [branch.ranks(id_, self.depth)[1] for branch in self.branches.values()]
        return None if min(ranks) == math.inf else self.fused(id_, ranks)

    def _must_say(self, branch: PlainBranch, id_: Id, said: Any, name: str) -> None:
        where = f"{id_!r}, branch {name}"
        distance, score = branch.distances[id_], branch.scores[id_]
        check(_near(said.distance, distance, branch.rounding), f"{where}: distance {said.distance}")
        check(_near(said.score, score, branch.rounding), f"{where}: score {said.score}")
        best, worst = branch.ranks(id_, self.depth)
        rank = math.inf if said.rank is None else said.rank
        check(best <= rank <= worst, f"{where}: rank {said.rank}, not {best} to {worst}")


def _near(one: float, two: float, rounding: float) -> bool:
    return abs(one - two) <= rounding * max(1.0, abs(two))
