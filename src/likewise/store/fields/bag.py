"""`BagField`: several vectors a row, compared by Chamfer similarity (late interaction)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from likewise._arguments import check_count, suggest_fields
from likewise.encode import TokenEncoder, get_token_encoder
from likewise.errors import InvalidArgument, InvalidType, UnknownMetric
from likewise.index import FixedDimensional, MultiVector
from likewise.index._bag_store import STORAGES
from likewise.index.multivector import FILE_FORMAT
from likewise.metrics import Metric, resolve
from likewise.results import Neighbours
from likewise.store.fields.base import Field, Floats, Namer, Progress, gone_of
from likewise.vectors import Bags, Float32Array, as_bags

#: What proposes sealed bags.
ENCODING = FixedDimensional()


class BagValues(Field):
    """What a field of bags does; see `BagField`."""

    __slots__ = ()

    dim: int | None
    metric: str | None
    storage: str
    kind: ClassVar[str] = "bag"
    index: ClassVar[str] = MultiVector.name
    index_format: ClassVar[int] = FILE_FORMAT

    # -- settings ----------------------------------------------------------------------

    def settled(self, name: str) -> Self:
        """With dim, metric and fingerprint from the encoder.

        Raises:
            InvalidArgument: neither dim nor encoder, or a dim that is not the encoder's.
        """
        own: Any = self  # a dataclass
        if self.encoder is None:
            if self.dim is None:
                raise InvalidArgument(
                    f"bag field {name!r} needs dim= (numbers a vector) or encoder= (such as "
                    "'minilm-tokens')"
                )
            plain: Self = replace(own, metric=self.metric or "cosine", fingerprint=None)
            return plain
        encoder = get_token_encoder(self.encoder)
        if self.dim is not None and self.dim != encoder.dim:
            raise InvalidArgument(
                f"bag field {name!r}: dim={self.dim}, but encoder {encoder.name} makes "
                f"{encoder.dim} numbers; leave dim out"
            )
        found: Self = replace(
            own,
            dim=encoder.dim,
            metric=self.metric or encoder.metric,
            encoder=encoder.name,
            fingerprint=encoder.fingerprint,
        )
        return found

    def describe(self) -> dict[str, Any]:
        """Of the vectors, and how they are kept."""
        return {"dim": self.dim, "metric": self.metric, "storage": self.storage}

    def get_encoder(self, encoder: Any) -> TokenEncoder:
        """By name, or itself."""
        return get_token_encoder(encoder)

    @property
    def _metric(self) -> Metric:
        return resolve(self.metric or "cosine")

    # -- rows --------------------------------------------------------------------------

    def read(self, values: Sequence[Any], what: str, name: Namer) -> list[bytes]:
        """Each bag's vectors as given, float32, one after another."""
        return self._bags(values, what, name).to_bytes()

    def encode(self, encoder: Any, texts: Sequence[str], progress: Progress | None) -> list[Any]:
        """The bags of texts."""
        return list(encoder.encode(texts, progress=progress))

    def value(self, blob: bytes) -> Float32Array:
        """An (m, dim) float32 array."""
        return Bags.from_bytes([blob], self.dim or 1)[0]

    def _bags(self, values: Any, what: str, name: Namer) -> Bags:
        if not isinstance(values, Bags):
            values = [_array(value, what, name(i)) for i, value in enumerate(values)]
        return as_bags(values, dim=self.dim, metric=self._metric, what=what, name=name)

    # -- queries -----------------------------------------------------------------------

    def query(self, query: Any, what: str) -> tuple[Bags, bool]:
        """A 2-d array, or a list of vectors, is one query; a list of these a batch."""
        single = not isinstance(query, Bags) and _depth(query) <= 2
        values = [query] if single else query
        return self._bags(values, what, _the_query if single else _query_number), single

    def encode_queries(self, encoder: Any, texts: Sequence[str], what: str) -> Bags:
        """By the side of the encoder that is for queries."""
        bags = [encoder.encode_query(text)[0] for text in texts]
        return self._bags(bags, what, _query_number)

    def as_query(self, blob: bytes) -> Bags:
        """The bag of a row."""
        return Bags.from_bytes([blob], self.dim or 1)

    # -- search ------------------------------------------------------------------------

    def build(self, blobs: Sequence[bytes | None], *, kept: bool, random_state: int) -> MultiVector:
        """With proposals where it is kept; a row that is gone is one vector, and deleted."""
        dim = self.dim or 1
        filler = np.ones(dim, dtype="<f4").tobytes()
        bags = Bags.from_bytes([filler if blob is None else blob for blob in blobs], dim)
        options: dict[str, Any] = {"random_state": random_state}
        if kept:
            options |= {"storage": self.storage, "encoding": ENCODING}
        else:
            options |= {"encoding": None}
        index = MultiVector(self._metric, **options).fit(bags)
        index.delete(gone_of(blobs))
        return index

    def load(self, path: Path) -> MultiVector:
        """Map the file."""
        return MultiVector.load(path)

    def find(
        self,
        index: MultiVector,
        queries: Bags,
        k: int | None,
        *,
        radius: float | None,
        recall: float,
        exact: bool,
        where: Any,
    ) -> Neighbours:
        """The nearest bags."""
        return index.search(
            queries,
            max(1, index.next_position) if k is None and radius is None else k,
            radius=radius,
            recall=recall,
            exact=exact,
            where=where,
        )

    def scores(self, query: Any, distances: Floats) -> Floats:
        """By the formula of the metric."""
        return self._metric.score(distances)

    def reach(self, score: float) -> float:
        """By the formula of the metric."""
        return float(self._metric.from_score(score))


@suggest_fields
@dataclass(frozen=True, slots=True)
class BagField(BagValues):
    """Several vectors of every row: one a token of its text, or one a part of what it is.

    A value is an (m, dim) array, or a list of m vectors, m >= 1, of any number a row. As a query
    such an array is **one** query; a list of them, or `likewise.vectors.Bags`, is a batch.

    Distance and score of a row P for a query Q of m vectors::

        cosine   distance = 1 - mean over q in Q of  max over p in P of  cos(q, p)
                 score    = 1 - distance / 2
        dot      distance = -   mean over q in Q of  max over p in P of  <q, p>
                 score    = 1 / (1 + exp(distance))

    which is the Chamfer similarity (MaxSim) as a mean, and with one vector a bag the metric of
    the same name. Sealed rows are proposed by MUVERA and ranked by the formula itself (see
    `likewise.index.MultiVector`); others are all compared.

    Args:
        dim: numbers a vector has; taken from the encoder when left out.
        metric: "cosine" or "dot"; the encoder's own, or cosine, when left out.
        encoder: what turns a text to a bag: "minilm-tokens", a `likewise.encode.TokenEncoder`,
            or None when every row brings its bag.
        storage: how bags are kept in the cache to be compared: "float32", "8-bit" or "4-bit".
            The codes only rule out; ranks and distances are those of the vectors as given.
        fingerprint: of the encoder that filled the field; set by the collection.

    Raises:
        UnknownMetric, InvalidArgument, InvalidType: an impossible argument.

    Example:
        >>> import likewise as lw
        >>> col = lw.create("c.likewise", fields={"parts": BagField(dim=2)})
        >>> _ = col.add([{"id": 1, "vectors": {"parts": [[0, 1], [1, 0]]}},
        ...              {"id": 2, "vectors": {"parts": [[1, 1]]}}])
        >>> found = col.search([[0, 2], [3, 0]], using="parts")
        >>> found.ids, found.distances.round(3).tolist()
        ([1, 2], [0.0, 0.293])
    """

    dim: int | None = None
    metric: str | None = None
    encoder: str | TokenEncoder | None = None
    storage: str = "float32"
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        if self.dim is not None:
            object.__setattr__(self, "dim", check_count("dim", self.dim))
        if self.metric is not None:
            metric = resolve(self.metric).name
            if metric not in MultiVector.metrics:
                raise UnknownMetric(
                    f"a BagField takes the metrics {', '.join(MultiVector.metrics)}; got {metric!r}"
                )
            object.__setattr__(self, "metric", metric)
        if self.storage not in STORAGES:
            raise InvalidArgument(
                f"storage must be one of {', '.join(STORAGES)}; got {self.storage!r}"
            )


def _array(value: Any, what: str, name: str) -> Any:
    """One bag as an array of two dimensions; `as_bags` says what else is wrong with it."""
    try:
        array = np.asarray(value)
    except ValueError:  # vectors of different lengths
        return value
    if array.size == 0 and array.dtype.kind in "fiub":
        return np.empty((0, 1), dtype=np.float32)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise InvalidType(
            f"{what}: {name} must be a bag, a list of vectors of numbers or an (m, dim) array; "
            f"got {value!r:.60}"
        )
    return array


def _depth(query: Any) -> int:
    """How deep the lists or arrays of a query are nested."""
    if hasattr(query, "ndim"):
        return int(query.ndim)
    if isinstance(query, (list, tuple)):
        return 1 + (_depth(query[0]) if query else 1)
    return 0


def _the_query(_: int) -> str:
    return "the query"


def _query_number(i: int) -> str:
    return f"query {i}"
