"""Fields of terms, bags and Gaussians the slow way: every row by the formula, in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.results import Results
from likewise.store import BagField, GaussianField, SparseField
from likewise.testing._comparing import check

Id = str | int
AnyField = SparseField | BagField | GaussianField
#: Vectors of bags are kept at length one in 32 bits, and a float32 stands for a weight.
ROUNDING = 2e-6


def distance(field: AnyField, query: Any, value: Any) -> float:
    """The distance of one value to one query, as `likewise.store.fields` states it."""
    if isinstance(field, SparseField):
        q, d = _weights(query), _weights(value)
        return -math.fsum(weight * d.get(term, 0.0) for term, weight in q.items())
    if isinstance(field, GaussianField):
        return _divergence(query, value)
    best = [max(_alike(field, q, p) for p in np.asarray(value)) for q in np.asarray(query)]
    mean = math.fsum(best) / len(best)
    return 1.0 - mean if field.metric != "dot" else -mean


def score(field: AnyField, query: Any, distance: float) -> float:
    """The score of a distance."""
    if isinstance(field, SparseField):
        own = math.fsum(weight**2 for weight in _weights(query).values())
        return -distance / (-distance + own) if own else 0.0
    if isinstance(field, GaussianField):
        return 1.0 / (1.0 + distance)
    if field.metric != "dot":
        return 1.0 - distance / 2.0
    return 1.0 / (1.0 + math.exp(distance))


def can_be_found(field: AnyField, query: Any, value: Any) -> bool:
    """Every row, but for terms: those that share one with the query."""
    if not isinstance(field, SparseField):
        return True
    return bool(_weights(query).keys() & _weights(value).keys())


def same_values(field: AnyField, one: Any, two: Any) -> bool:
    """Whether ``one``, which came back, is ``two``, which was put in."""
    if isinstance(field, SparseField):
        same = one == _weights(two)
        return same and [type(term) for term in one] == [type(term) for term in _weights(two)]
    if isinstance(field, GaussianField):
        return one.keys() == two.keys() and all(_bytes(one[k]) == _bytes(two[k]) for k in two)
    return np.shape(one) == np.shape(two) and _bytes(one) == _bytes(two)


@dataclass(frozen=True)
class ValueAnswer:
    """What a search by one such field must give.

    Attributes:
        distances, scores: of every passing row that can be found, by id.
    """

    distances: dict[Id, float]
    scores: dict[Id, float]

    def must_be(self, found: Results, k: int | None, *, exact: bool = True) -> None:
        """Fail unless ``found`` has ``min(k, rows)`` of these, each once, nearest first."""
        wanted = len(self.distances) if k is None else min(k, len(self.distances))
        check(len(found) == wanted, f"{len(found)} hits of {wanted}: {found.info}")
        check(len(set(found.ids)) == wanted, "an id came twice")
        strangers = [id_ for id_ in found.ids if id_ not in self.distances]
        check(not strangers, f"rows that do not pass, or cannot be found: {strangers[:5]}")
        _near(found.distances, [self.distances[id_] for id_ in found.ids])
        _near(found.scores, [self.scores[id_] for id_ in found.ids])
        check(bool((np.diff(found.distances) >= 0).all()), "not nearest first")
        check(bool((np.diff(found.scores) <= 0).all()), "scores do not follow distances")
        check(bool(((found.scores >= 0) & (found.scores <= 1)).all()), "scores are in [0, 1]")
        if exact:
            _near(found.distances, sorted(self.distances.values())[:wanted])
            check(found.info.recall == 1.0, f"exact, and recall {found.info.recall}")


def answer(field: AnyField, query: Any, values: Mapping[Id, Any]) -> ValueAnswer:
    """Distances and scores of all ``values`` that can be found."""
    found = {
        i: distance(field, query, v) for i, v in values.items() if can_be_found(field, query, v)
    }
    return ValueAnswer(found, {i: score(field, query, d) for i, d in found.items()})


def _near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


def _bytes(value: Any) -> bytes:
    return np.asarray(value, np.float32).tobytes()


def _weights(value: Mapping[Any, Any]) -> dict[Any, float]:
    kept = {term: float(np.float32(weight)) for term, weight in value.items()}
    return {term: weight for term, weight in kept.items() if weight > 0}


def _alike(field: BagField, q: Any, p: Any) -> float:
    q, p = (np.asarray(np.asarray(v, np.float32), np.float64) for v in (q, p))
    product = math.fsum((q * p).tolist())
    if field.metric == "dot":
        return product
    return product / (
        math.sqrt(math.fsum((q * q).tolist())) * math.sqrt(math.fsum((p * p).tolist()))
    )


def _divergence(query: Any, value: Any) -> float:
    parts = (
        np.asarray(one[key], np.float32) for one in (query, value) for key in ("mean", "variance")
    )
    total = 0.0
    for mq, sq, md, sd in zip(*(part.tolist() for part in parts), strict=True):
        total += sq / sd + (mq - md) ** 2 / sd - 1.0 + math.log(sd / sq)
    return total / 2.0
