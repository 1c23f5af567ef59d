"""What goes in and out of an index's hooks: a checked request, an answer, a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from likewise.index._selection import Selection
from likewise.index._slots import IdArray
from likewise.results import DistanceArray, Row

#: Called with (rows done, rows in all) during long work.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What an index of a given size will take: main memory, and seconds to build.

    Example:
        >>> str(IndexPlan(bytes=2_000_000, seconds=1.25))
        '2.0 MB and about 1.2 s'
    """

    bytes: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.bytes / 1e6:,.1f} MB and about {self.seconds:,.1f} s"


# The next two are made for every search, and frozen ones take four times as long to make.


@dataclass(slots=True)
class Request:
    """One checked search, as the hooks see it: ``k`` or ``radius`` may be None, not both.

    ``effort`` and ``budget`` are None but for indexes whose `search` takes them.
    """

    k: int | None
    radius: float | None
    recall: float
    exact: bool
    selection: Selection
    effort: int | None = None
    budget: int | None = None


class Flat(NamedTuple):
    """The neighbours of all queries in three arrays, as in `Neighbours`; ``ids`` are slots.

    Quicker than one `Row` a query where a hook has such arrays already.
    """

    ids: IdArray
    distances: DistanceArray
    offsets: IdArray


@dataclass(slots=True)
class Answer:
    """What a hook gives back, ids being slots, and the parts of `SearchInfo` it knows.

    Attributes:
        rows: one `Row` a query, or `Flat`: int64 ids, float64 distances, int64 offsets.
        strategy, recall, scanned, reason, candidates: as in `SearchInfo`.
    """

    rows: list[Row] | Flat
    strategy: str
    recall: float
    scanned: int
    reason: str
    candidates: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Partial:
    """One `Row` a query, None where what was tried was not enough; the estimates; the work."""

    rows: list[Row | None]
    recalls: list[float]
    scanned: int = 0
