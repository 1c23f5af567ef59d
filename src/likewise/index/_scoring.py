"""From a weighting and the figures of the rows to the numbers that kernels score with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number
from likewise._sparse_rows import SparseRows
from likewise.errors import InvalidArgument, InvalidType
from likewise.index._columns import Columns
from likewise.index._inverted_rows import InvertedRows
from likewise.index._postings.values import Formula
from likewise.index._statistics import Statistics
from likewise.index._weightings import WEIGHTINGS, Weighting

K1, B = 1.2, 0.75


@dataclass(frozen=True, slots=True)
class Scoring:
    """A weighting and its constants, checked."""

    weighting: Weighting
    k1: float
    b: float
    delta: float

    @classmethod
    def checked(cls, weighting: Any, k1: Any, b: Any, delta: Any) -> Scoring:
        """From what the user gave.

        Raises:
            InvalidArgument, InvalidType: an unknown weighting, or a constant out of its range.
        """
        found = WEIGHTINGS.get(weighting) if isinstance(weighting, str) else None
        if found is None:
            raise InvalidArgument(
                f"weighting must be one of {', '.join(WEIGHTINGS)}; got {weighting!r}"
            )
        k1, b = check_number("k1", k1), check_number("b", b)
        if k1 < 0:
            raise InvalidArgument(f"k1 must be at least 0; got {k1}")
        if not 0 <= b <= 1:
            raise InvalidArgument(f"b must be in [0, 1]; got {b}")
        if delta is None:
            return cls(found, k1, b, found.delta or 0.0)
        if found.delta is None:
            having = ", ".join(name for name, w in WEIGHTINGS.items() if w.delta is not None)
            raise InvalidArgument(f"weighting {found.name!r} has no delta; {having} have one")
        delta = check_number("delta", delta)
        if delta < 0:
            raise InvalidArgument(f"delta must be at least 0; got {delta}")
        return cls(found, k1, b, delta)

    @property
    def counts(self) -> bool:
        """Whether weights are counts."""
        return self.weighting.idf is not None

    def to_dict(self) -> dict[str, Any]:
        """What `checked` takes."""
        delta = None if self.weighting.delta is None else self.delta
        return {"weighting": self.weighting.name, "k1": self.k1, "b": self.b, "delta": delta}

    def ready(
        self,
        queries: SparseRows,
        held: InvertedRows,
        columns: Columns,
        living: int,
        statistics: Statistics | None,
    ) -> tuple[npt.NDArray[np.float64], Formula]:
        """The weight of each term of each query, and the formula, as kernels take them.

        Raises:
            InvalidArgument: ``statistics`` that lack rows of this index, or that are not used.
        """
        idf = self.weighting.idf
        if idf is None or self.weighting.constants is None:
            if statistics is not None:
                raise InvalidArgument(
                    "statistics are for BM25; the scores of weighting 'dot' depend on none"
                )
            nothing = Formula(False, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            return queries.weights.astype(np.float64), nothing
        if statistics is None:
            mean = held.total_length / living if held.total_length else 1.0
            weights = held.idf(idf, living, queries.columns) * queries.weights
        else:
            used = np.unique(queries.columns)
            frequencies = _common(statistics, used, held, columns, living)
            mean = statistics.mean_length
            found = np.array([idf(statistics.rows, d) if d else 0.0 for d in frequencies])
            weights = queries.weights.astype(np.float64)
            if len(found):
                weights *= found[np.searchsorted(used, queries.columns)]
        constants = self.weighting.constants(self.k1, self.delta)
        return weights, Formula(True, *constants, 1.0 - self.b, self.b / mean)


def _common(
    statistics: Statistics,
    used: npt.NDArray[np.int32],
    held: InvertedRows,
    columns: Columns,
    living: int,
) -> list[int]:
    """How many rows have each of the columns ``used``, by ``statistics``."""
    _refuse_fewer(statistics, living)
    names: Any = range(len(columns)) if columns.width is not None else columns.names
    frequencies = [statistics.frequency(names[column]) for column in used.tolist()]
    own = held.frequencies[used].tolist()
    for column, theirs, ours in zip(used.tolist(), frequencies, own, strict=True):
        if theirs < ours:
            raise InvalidArgument(
                f"statistics have {theirs} rows with the term {names[column]!r}; this "
                f"index alone has {ours}; add up those of all indexes"
            )
    return frequencies


def _refuse_fewer(statistics: Any, living: int) -> None:
    if not isinstance(statistics, Statistics):
        raise InvalidType(
            f"statistics must be a likewise.index.Statistics; got {type(statistics).__name__}"
        )
    if statistics.rows < living:
        raise InvalidArgument(
            f"statistics are of {statistics.rows} rows; this index alone has {living}; add up "
            "those of all indexes"
        )
