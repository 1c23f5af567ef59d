"""`SparseField`: weighted terms, compared by their inner product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from likewise._arguments import suggest_fields
from likewise.errors import DamagedFile, InvalidType, InvalidVector, UnknownEncoder
from likewise.index import Sparse
from likewise.index.sparse import SPARSE_FORMAT
from likewise.results import Neighbours
from likewise.store.fields.base import Field, Floats, Namer, Progress, gone_of
from likewise.vectors import Term, as_sparse, sparse_from_bytes, sparse_to_bytes

Terms = dict[Term, float]


class SparseEncoder(Protocol):
    """What turns texts to weighted terms, such as `likewise.encode.splade.Splade`."""

    name: str

    @property
    def fingerprint(self) -> str:
        """Identifies the terms: equal fingerprints encode a text alike."""

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Any:
        """A scipy sparse matrix (n, columns) of the texts of rows."""

    def encode_queries(self, texts: Sequence[str]) -> Any:
        """The same of queries."""

    def as_terms(self, rows: Any) -> Sequence[Mapping[Term, float]]:
        """Rows of such a matrix by the names of their terms."""


class SparseValues(Field):
    """What a field of terms does; see `SparseField`."""

    __slots__ = ()

    kind: ClassVar[str] = "sparse"
    index: ClassVar[str] = Sparse.name
    index_format: ClassVar[int] = SPARSE_FORMAT

    # -- settings ----------------------------------------------------------------------

    def settled(self, name: str) -> Self:
        """With the fingerprint of the encoder."""
        own: Any = self  # a dataclass
        encoder = None if self.encoder is None else self.get_encoder(self.encoder)
        found: Self = replace(
            own,
            encoder=None if encoder is None else encoder.name,
            fingerprint=None if encoder is None else encoder.fingerprint,
        )
        return found

    def describe(self) -> dict[str, Any]:
        """Nothing more."""
        return {}

    def get_encoder(self, encoder: Any) -> SparseEncoder:
        """The encoder itself; none has a name that it could be made by.

        Raises:
            UnknownEncoder: a name. InvalidType: no encoder of terms.
        """
        if isinstance(encoder, str):
            raise UnknownEncoder(
                f"no encoder of terms can be made by the name {encoder!r}; give the encoder "
                "itself, such as likewise.encode.splade.Splade(…), to create and to open"
            )
        if not all(callable(getattr(encoder, n, None)) for n in ("encode_queries", "as_terms")):
            raise InvalidType(
                "the encoder of a SparseField must make terms, as likewise.encode.splade.Splade "
                f"does; got {encoder!r:.60} of type {type(encoder).__name__}"
            )
        found: SparseEncoder = encoder
        return found

    # -- rows --------------------------------------------------------------------------

    def read(self, values: Sequence[Any], what: str, name: Namer) -> list[bytes]:
        """Terms as bytes, in their order."""
        return [
            sparse_to_bytes(_checked(value, what, lambda _, i=i: name(i)))  # type: ignore[misc]
            for i, value in enumerate(values)
        ]

    def encode(self, encoder: Any, texts: Sequence[str], progress: Progress | None) -> list[Any]:
        """The terms of texts."""
        return list(encoder.as_terms(encoder.encode(texts, progress=progress)))

    def value(self, blob: bytes) -> Terms:
        """A dict from term to weight."""
        try:
            return sparse_from_bytes(blob)
        except DamagedFile as error:
            raise ValueError(str(error)) from None

    # -- queries -----------------------------------------------------------------------

    def query(self, query: Any, what: str) -> tuple[list[Terms], bool]:
        """A dict is one query, as is a sparse matrix of one row; a list of dicts is a batch."""
        if isinstance(query, Mapping):
            return [_checked(query, what, _the_query)], True
        if hasattr(query, "tocsr") and query.shape[0] > 1:
            return [_checked(query[[i]], what, _number(i)) for i in range(query.shape[0])], False
        if hasattr(query, "tocsr"):
            return [_checked(query, what, _the_query)], True
        if not isinstance(query, Iterable) or isinstance(query, (str, bytes)):
            raise InvalidType(
                f"{what}: expected a dict from term to weight; got {query!r:.60} of type "
                f"{type(query).__name__}"
            )
        return [_checked(one, what, _number(i)) for i, one in enumerate(query)], False

    def encode_queries(self, encoder: Any, texts: Sequence[str], what: str) -> list[Terms]:
        """By the side of the encoder that is for queries."""
        found = encoder.as_terms(encoder.encode_queries(texts))
        return [_checked(one, what, _number(i)) for i, one in enumerate(found)]

    def as_query(self, blob: bytes) -> list[Terms]:
        """The terms of a row."""
        return [self.value(blob)]

    # -- search ------------------------------------------------------------------------

    def build(self, blobs: Sequence[bytes | None], *, kept: bool, random_state: int) -> Sparse:
        """An inverted index; a row that is gone has no terms."""
        index = Sparse().fit([{} if b is None else _keys(sparse_from_bytes(b)) for b in blobs])
        index.delete(gone_of(blobs))
        return index

    def load(self, path: Path) -> Sparse:
        """Map the file."""
        return Sparse.load(path)

    def find(
        self,
        index: Sparse,
        queries: list[Terms],
        k: int | None,
        *,
        radius: float | None,
        recall: float,
        exact: bool,
        where: Any,
    ) -> Neighbours:
        """The rows that share a term, the best first: exactly, whatever recall is wanted."""
        if k is None and radius is None:
            k = max(1, index.next_position)
        return index.search([_keys(query) for query in queries], k, radius=radius, where=where)

    def scores(self, query: list[Terms], distances: Floats) -> Floats:
        """``s / (s + |q|²)``."""
        s = np.maximum(-distances, 0.0)
        own = float(sum(float(weight) ** 2 for weight in query[0].values()))
        return np.asarray(s / (s + own)) if own > 0 else np.zeros(len(s))


@suggest_fields
@dataclass(frozen=True, slots=True)
class SparseField(SparseValues):
    """Weighted terms of every row: a learned sparse vector (SPLADE), or any weights of your own.

    A value is a dict from term to weight: terms are strings or integers (``1`` is not ``"1"``),
    one kind a row, and weights finite numbers of 0 or more, kept as 32-bit floats; a weight of 0
    is as good as none. One row of a scipy sparse matrix is taken as its columns. A query is the
    same, and a list of them, or a matrix of several rows, a batch; the dict ``{"id": …}`` alone
    means a row, so put a query for the one term ``id`` in a list.

    Distance and score of a row d for a query q::

        distance = - sum over terms t of  q_t d_t
        score    = s / (s + |q|²)         with s = -distance,  |q|² = sum of q_t²

    so that a row that shares no term has score 0, and one like the query itself 0.5. **Only rows
    that share a term are found**, as with ``using="lexical"``, which is for the words of texts by
    BM25. Every answer is exact.

    Args:
        encoder: what turns texts to terms: an object such as `likewise.encode.splade.Splade`
            (see `likewise.store.fields.SparseEncoder`), to be given to ``open`` again; or None
            when every row brings its terms.
        fingerprint: of the encoder that filled the field; set by the collection.

    Example:
        >>> import likewise as lw
        >>> col = lw.create("c.likewise", fields={"terms": SparseField()})
        >>> _ = col.add([{"id": 1, "vectors": {"terms": {"cat": 0.7, "mat": 1.5}}},
        ...              {"id": 2, "vectors": {"terms": {"dog": 1.0}}}])
        >>> found = col.search({"cat": 2.0, "mat": 0.5}, using="terms")
        >>> found.ids, found.distances.round(2).tolist()
        ([1], [-2.15])
    """

    encoder: Any = None
    fingerprint: str | None = None


def _checked(value: Any, what: str, name: Namer) -> Terms:
    """One value as a dict of its terms that are above 0, in their order."""
    if hasattr(value, "tocsr"):
        if len(value.shape) != 2 or value.shape[0] != 1:
            raise InvalidVector(
                f"{what}: {name(0)} must be one row of a matrix, (1, columns); got shape "
                f"{value.shape}"
            )
        rows = as_sparse(value, what=what, name=name)
        return dict(zip(rows.columns.tolist(), rows.weights.tolist(), strict=True))
    if not isinstance(value, Mapping):
        raise InvalidType(
            f"{what}: {name(0)} must be a dict from term to weight; got {value!r:.60} of type "
            f"{type(value).__name__}"
        )
    rows = as_sparse(value, what=what, name=name)
    terms = [rows.new_terms[column] for column in rows.columns.tolist()]
    for term in terms:
        if isinstance(term, int) and not -(2**63) <= term < 2**63:
            raise InvalidVector(f"{what}: {name(0)} has the term {term}; integers must fit 64 bits")
    return dict(zip(terms, rows.weights.tolist(), strict=True))


def _keys(terms: Mapping[Term, float]) -> dict[Term, float]:
    """Terms as strings, each its own: an index holds one kind, and 1 is not "1"."""
    return {_key(term): weight for term, weight in terms.items()}


def _key(term: Term) -> str:
    if isinstance(term, str):
        return f"\0s{term}" if term.startswith("\0") else term
    return f"\0i{term}"


def _the_query(_: int) -> str:
    return "the query"


def _number(i: int) -> Namer:
    return lambda _: f"query {i}"
