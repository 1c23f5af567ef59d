"""What maintenance gives back: findings and reports, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Something `check` found.

    Attributes:
        code: a stable name, such as ``"row_checksum"``.
        message: what is wrong, where, and what to do.
        severity: ``"error"`` when data is damaged, ``"warning"`` when only a cache is.
        where: the file, or the id of the row.
    """

    code: str
    message: str
    severity: str
    where: str

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What `compact` did.

    Attributes:
        rows: rows there are.
        bytes_before, bytes_after: of the directory.
        erased: whether deleted bytes are gone from every file of the directory; False when a
            reader kept the log from being cut, see ``message``.
        message: what to do when they are not, else empty.
        seconds: wall time.
    """

    rows: int
    bytes_before: int
    bytes_after: int
    erased: bool
    message: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What `repair` did: cache segments rebuilt, and findings that only a snapshot can mend."""

    rebuilt: int
    remaining: list[Finding]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RecallReport:
    """Recall as measured by `Collection.recall`.

    Attributes:
        field: the field, or ``"lexical"``.
        k: neighbours a query.
        target: the recall that searches aimed at.
        recall: the mean share of true neighbours found.
        interval: a 95 % confidence interval of that mean (bootstrap over queries).
        queries: how many were asked.
        source: what they were: ``"rows"`` of the collection, each left out of its own
            answer, ``"logged"`` queries of users, or both joined by ``+``.
        strategy: what answered most of them.
        estimate: the recall that the searches themselves reported.
        seconds: mean wall time of one search.
        exact_seconds: mean wall time of one exact search.
    """

    field: str
    k: int
    target: float
    recall: float
    interval: tuple[float, float]
    queries: int
    source: str
    strategy: str
    estimate: float
    seconds: float
    exact_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)
