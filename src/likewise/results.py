"""What a search gives back: `Neighbours` from an index, `Results` from a collection.

Short answers are short arrays: no sentinel ids anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, MissingExtra

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

IdArray = npt.NDArray[np.int64]
DistanceArray = npt.NDArray[np.float64]
# Made once: numpy takes longer over the type objects.
_INT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)


@dataclass(frozen=True, slots=True)
class SearchInfo:
    """How an answer was found.

    Attributes:
        strategy: a short name such as ``exact`` or ``graph``.
        recall: the estimated share of the true neighbours found; 1.0 when exact.
        scanned: distances computed, over all queries of the call.
        seconds: wall time of the search.
        matching: how many rows pass the filter (all rows when there is none).
        reason: why the planner chose this strategy, in a sentence.
        candidates: the strategies weighed, and the seconds that a query should take by each;
            filled when ``explain=True``.
        actual: the seconds that a query did take by that chosen, without the work before and
            after it; filled when ``explain=True``.

    Example:
        >>> info = SearchInfo("exact", 1.0, 200, 0.001, 200, "there is no graph")
        >>> info.to_dict()["strategy"]
        'exact'
    """

    strategy: str
    recall: float
    scanned: int
    seconds: float
    matching: int
    reason: str = ""
    candidates: dict[str, float] = field(default_factory=dict)
    actual: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON.

        Example:
            >>> SearchInfo("exact", 1.0, 200, 0.001, 200).to_dict()["scanned"]
            200
        """
        return asdict(self)


class Row(NamedTuple):
    """The neighbours of one query: ids and distances of the same length, nearest first.

    Example:
        >>> row = Row(np.array([4, 2]), np.array([0.1, 0.5]))
        >>> for id_, distance in zip(*row, strict=True):
        ...     print(id_, distance)
        4 0.1
        2 0.5
    """

    ids: IdArray
    distances: DistanceArray


def join_rows(rows: Sequence[Row]) -> tuple[IdArray, DistanceArray, IdArray]:
    """All ids, all distances, and the offsets at which each row begins and the last ends.

    Example:
        >>> row = Row(np.array([4, 2]), np.array([0.1, 0.5]))
        >>> ids, distances, offsets = join_rows([row, row])
        >>> ids.tolist(), offsets.tolist()
        ([4, 2, 4, 2], [0, 2, 4])
    """
    if len(rows) == 1:
        ((ids, distances),) = rows
        return ids, distances, np.array([0, len(ids)])
    offsets = np.zeros(len(rows) + 1, dtype=_INT64)
    if not rows:
        return np.empty(0, dtype=_INT64), np.empty(0), offsets
    np.cumsum([len(row.ids) for row in rows], out=offsets[1:])
    all_ids, all_distances = zip(*rows, strict=True)
    return np.concatenate(all_ids), np.concatenate(all_distances), offsets


class Neighbours(Sequence[Row]):
    """The neighbours of n queries as flat arrays and offsets; row i is ``neighbours[i]``.

    Args:
        ids: (total,) positions of the rows found.
        distances: (total,) their distances, ascending within a query.
        offsets: (n + 1,) query i owns ``ids[offsets[i]:offsets[i + 1]]``.
        info: how they were found.

    Example:
        >>> found = Neighbours([4, 2, 9], [0.1, 0.5, 0.2], [0, 2, 3], info=None)
        >>> len(found), found[0].ids.tolist()
        (2, [4, 2])
        >>> found.ids
        Traceback (most recent call last):
        ...
        likewise.errors.InvalidArgument: the 2 queries have between 1 and 2 neighbours, ...
    """

    def __init__(
        self, ids: Any, distances: Any, offsets: Any, info: SearchInfo | None = None
    ) -> None:
        self.flat_ids: IdArray = np.asarray(ids, dtype=_INT64)
        self.flat_distances: DistanceArray = np.asarray(distances, dtype=_FLOAT64)
        self.offsets: IdArray = np.asarray(offsets, dtype=_INT64)
        self.info = info

    @classmethod
    def from_rows(cls, rows: Sequence[Row], info: SearchInfo | None = None) -> Neighbours:
        """Join one `Row` a query.

        Example:
            >>> rows = [Row(np.array([4]), np.array([0.1])), Row(np.array([2]), np.array([0.5]))]
            >>> Neighbours.from_rows(rows).ids.tolist()
            [[4], [2]]
        """
        return cls(*join_rows(rows), info)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, i: int) -> Row: ...
    @overload
    def __getitem__(self, i: slice) -> list[Row]: ...
    def __getitem__(self, i: int | slice) -> Row | list[Row]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        queries = len(self.offsets) - 1
        if not -queries <= i < queries:
            raise IndexError(f"query {i} of {queries}")
        if i < 0:
            i += queries
        start, stop = self.offsets[i], self.offsets[i + 1]
        return Row(self.flat_ids[start:stop], self.flat_distances[start:stop])

    def __iter__(self) -> Iterator[Row]:
        ends = self.offsets.tolist()  # quicker than an element of an array for each
        for start, stop in pairwise(ends):
            yield Row(self.flat_ids[start:stop], self.flat_distances[start:stop])

    @property
    def counts(self) -> IdArray:
        """(n,) how many neighbours each query has."""
        return np.diff(self.offsets)

    @property
    def ids(self) -> IdArray:
        """(n, k) ids; raises when the rows are ragged."""
        return self.flat_ids.reshape(len(self), self._width())

    @property
    def distances(self) -> DistanceArray:
        """(n, k) distances; raises when the rows are ragged."""
        return self.flat_distances.reshape(len(self), self._width())

    def _width(self) -> int:
        if len(self.offsets) == 2:  # one query: no need to compare
            return len(self.flat_ids)
        counts = self.counts
        if len(counts) == 0:
            return 0
        low, high = int(counts.min()), int(counts.max())
        if low != high:
            raise InvalidArgument(
                f"the {len(self)} queries have between {low} and {high} neighbours, which is no "
                "rectangle; iterate over the rows, or use flat_ids, flat_distances and offsets"
            )
        return low

    def __repr__(self) -> str:
        return f"Neighbours({len(self)} queries, {len(self.flat_ids)} neighbours)"


@dataclass(frozen=True, slots=True)
class Branch:
    """What one of several fused searches says of a hit.

    Attributes:
        score: in [0, 1], higher is nearer; as a search of this branch alone gives it.
        distance: the metric itself, or minus the BM25 score of the lexical branch.
        rank: the place in the branch's own list, from 1; None where the row is not in it.

    Example:
        >>> Branch(0.875, 0.25, 1).rank
        1
    """

    score: float
    distance: float
    rank: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One row found.

    Attributes:
        id: the row's own id, str or int.
        distance: the metric itself, lower is nearer; None for a fused hit.
        score: in [0, 1], higher is nearer; the formula is the metric's.
        text: the row's text, or None.
        metadata: the row's metadata.
        branches: of a fused hit, what each of the searches says of it, by the name of the field
            (or "lexical"); else empty.
        probability: that the row is relevant, of a search with ``cutoff=``; else None.

    Example:
        >>> hit = Hit("a", 0.25, 0.875, "hello", {"year": 2020})
        >>> hit.id, hit.score, hit.metadata["year"]
        ('a', 0.875, 2020)
    """

    id: str | int
    distance: float | None
    score: float
    text: str | None
    metadata: dict[str, Any]
    branches: dict[str, Branch] = field(default_factory=dict)
    probability: float | None = None


class Results(Sequence[Hit]):
    """The hits of one query, nearest first, and ``info`` on how they were found.

    Example:
        >>> hit = Hit("a", 0.25, 0.875, "hello", {"year": 2020})
        >>> results = Results([hit], SearchInfo("exact", 1.0, 1, 0.0, 1))
        >>> results.ids, results.scores.tolist(), results.to_dicts()[0]["year"]
        (['a'], [0.875], 2020)
    """

    __slots__ = ("_hits", "info")

    def __init__(self, hits: Sequence[Hit], info: SearchInfo) -> None:
        self._hits = list(hits)
        self.info = info

    def __len__(self) -> int:
        return len(self._hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self._hits)

    @overload
    def __getitem__(self, i: int) -> Hit: ...
    @overload
    def __getitem__(self, i: slice) -> list[Hit]: ...
    def __getitem__(self, i: int | slice) -> Hit | list[Hit]:
        return self._hits[i]

    @property
    def ids(self) -> list[str | int]:
        """The ids, nearest first."""
        return [hit.id for hit in self._hits]

    @property
    def distances(self) -> DistanceArray:
        """(hits,) distances, ascending; NaN for fused hits, which have none."""
        return np.array(
            [np.nan if h.distance is None else h.distance for h in self._hits], dtype=np.float64
        )

    @property
    def scores(self) -> DistanceArray:
        """(hits,) scores, descending."""
        return np.array([hit.score for hit in self._hits], dtype=np.float64)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One flat dict a hit: id, distance, score, text, then the metadata.

        A fused hit has ``branches`` too: a dict of branch to its score, distance and rank. A hit
        of a search with ``cutoff=`` has ``probability``. A metadata key that carries one of those
        names gives way to the hit's own value.

        Example:
            >>> info = SearchInfo("exact", 1.0, 1, 0.0, 1)
            >>> results = Results([Hit("a", 0.25, 0.875, "hello", {"year": 2020})], info)
            >>> results.to_dicts()
            [{'year': 2020, 'id': 'a', 'distance': 0.25, 'score': 0.875, 'text': 'hello'}]
        """
        return [
            {
                **hit.metadata,
                "id": hit.id,
                "distance": hit.distance,
                "score": hit.score,
                "text": hit.text,
                **_branches(hit),
                **({} if hit.probability is None else {"probability": hit.probability}),
            }
            for hit in self._hits
        ]

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame, one row a hit (extra ``pandas``).

        Raises:
            MissingExtra: pandas is not installed.

        Example:
            >>> info = SearchInfo("exact", 1.0, 1, 0.0, 1)
            >>> results = Results([Hit("a", 0.25, 0.875, "hello", {"year": 2020})], info)
            >>> results.to_pandas()["year"].tolist()
            [2020]
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra(
                "to_pandas() needs pandas: pip install 'likewise[pandas]'"
            ) from error
        return pd.DataFrame(self.to_dicts())

    def to_arrow(self) -> pa.Table:
        """An Arrow table, one row a hit (extra ``arrow``).

        Raises:
            MissingExtra: pyarrow is not installed.

        Example:
            >>> info = SearchInfo("exact", 1.0, 1, 0.0, 1)
            >>> results = Results([Hit("a", 0.25, 0.875, "hello", {"year": 2020})], info)
            >>> results.to_arrow().num_rows
            1
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtra("to_arrow() needs pyarrow: pip install 'likewise[arrow]'") from error
        return pa.Table.from_pylist(self.to_dicts())

    def __repr__(self) -> str:
        if not self._hits:
            return f"Results(no hits, {self.info.strategy})"
        best = self._hits[0]
        return (
            f"Results({len(self)} hits, best {best.id!r} score {best.score:.3f}, "
            f"{self.info.strategy}, recall {self.info.recall:.3f})"
        )


def _branches(hit: Hit) -> dict[str, Any]:
    if not hit.branches:
        return {}
    return {"branches": {name: asdict(branch) for name, branch in hit.branches.items()}}
