"""How a term in a row counts: inner products, and the variants of BM25.

All variants of BM25 are one formula with other constants. With f the count of the term in the
row, L the row's number of terms (counted as often as they occur), M the mean of L over the rows,
n the rows there are and d those that have the term::

    B = 1 - b + b L / M
    score = sum over the terms of the query of  count in the query * idf(n, d) *
            (scale (f + low B) / (f + high B) + plus)

The sum is over the terms that the row has, as in the papers of each variant: a row is not paid
for a term that it lacks.

Sources: Kamphuis, de Vries, Boytsov and Lin, "Which BM25 do you mean?", ECIR 2020 (the variants
side by side); Lv and Zhai, "When documents are very long, BM25 fails!", SIGIR 2011 (BM25L), and
"Lower-bounding term frequency normalization", CIKM 2011 (BM25+); Trotman, Jia and Crane, 2012
(ATIRE); Robertson and others, "Okapi at TREC-3", 1994.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import NamedTuple


class Constants(NamedTuple):
    """The numbers of the formula above."""

    scale: float
    low: float
    high: float
    plus: float


@dataclass(frozen=True, slots=True)
class Weighting:
    """One way to weigh terms.

    Attributes:
        name: its key in `WEIGHTINGS`.
        idf: from the rows there are and those with the term; None for inner products, which
            take weights as they are.
        idf_formula, formula: the same as text, for messages and docs.
        constants: the constants of the formula, from k1 and delta.
        delta: the default of ``delta``; None where the formula has none.
    """

    name: str
    formula: str
    idf_formula: str = ""
    idf: Callable[[int, int], float] | None = None
    constants: Callable[[float, float], Constants] | None = None
    delta: float | None = None


def _lucene(n: int, d: int) -> float:
    return log(1 + (n - d + 0.5) / (d + 0.5))


def _robertson(n: int, d: int) -> float:
    # Below 0 for a term that more than half of the rows have; having it must not harm a row.
    return log(max(1.0, (n - d + 0.5) / (d + 0.5)))


def _atire(n: int, d: int) -> float:
    return log(n / d)


def _long(n: int, d: int) -> float:
    return log((n + 1) / (d + 0.5))


def _plus(n: int, d: int) -> float:
    return log((n + 1) / d)


SATURATION = "f / (f + k1 B)"
WEIGHTINGS: dict[str, Weighting] = {
    weighting.name: weighting
    for weighting in (
        Weighting("dot", "sum of query weight * weight"),
        Weighting(
            "lucene",
            SATURATION,
            "ln(1 + (n - d + 0.5) / (d + 0.5))",
            _lucene,
            lambda k1, delta: Constants(1.0, 0.0, k1, 0.0),
        ),
        Weighting(
            "robertson",
            SATURATION,
            "max(0, ln((n - d + 0.5) / (d + 0.5)))",
            _robertson,
            lambda k1, delta: Constants(1.0, 0.0, k1, 0.0),
        ),
        Weighting(
            "atire",
            "(k1 + 1) f / (f + k1 B)",
            "ln(n / d)",
            _atire,
            lambda k1, delta: Constants(k1 + 1, 0.0, k1, 0.0),
        ),
        Weighting(
            "bm25l",
            "(k1 + 1) (f / B + delta) / (k1 + f / B + delta)",
            "ln((n + 1) / (d + 0.5))",
            _long,
            lambda k1, delta: Constants(k1 + 1, delta, k1 + delta, 0.0),
            delta=0.5,
        ),
        Weighting(
            "bm25+",
            "(k1 + 1) f / (f + k1 B) + delta",
            "ln((n + 1) / d)",
            _plus,
            lambda k1, delta: Constants(k1 + 1, 0.0, k1, delta),
            delta=1.0,
        ),
    )
}
