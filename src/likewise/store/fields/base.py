"""What a field of other values than dense vectors is: checks, bytes, an index, a score.

Two directions of values: rows come in by `read` (or `encode`, from texts) as bytes, which is all
that the database knows of them, and `value` gives them back. Queries come in by `query` (or
`encode_queries`), and stay what the index of the kind takes: a sequence, one item a query.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from likewise.results import Neighbours

Floats = npt.NDArray[np.float64]
#: What messages call a row, from its number.
Namer = Callable[[int], str]
Progress = Callable[[int, int], None]


class Field(ABC):
    """One named value of every row; made by users, and then settled by the collection.

    Attributes:
        kind: in the settings.
        index: what the index of the kind is called, in files and in ``info``.
        index_format: the version of its files.
    """

    __slots__ = ()

    kind: ClassVar[str]
    index: ClassVar[str]
    index_format: ClassVar[int]

    @property
    @abstractmethod
    def encoder(self) -> Any:
        """What turns texts to values: a name, the encoder itself, or None."""

    @property
    @abstractmethod
    def fingerprint(self) -> str | None:
        """Of the encoder that filled the field; set by the collection."""

    # -- settings ----------------------------------------------------------------------

    @abstractmethod
    def settled(self, name: str) -> Self:
        """With every part filled in from the encoder; raises where too little is said."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The arguments that make it again, but for encoder and fingerprint; plain values."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values; `likewise.store.fields.field_of` reads them."""
        own = {"encoder": self.encoder_name, "fingerprint": self.fingerprint}
        return {"kind": self.kind, **self.describe(), **own}

    @property
    def encoder_name(self) -> str | None:
        """The encoder's registered name."""
        name: str | None = getattr(self.encoder, "name", self.encoder)
        return name

    @abstractmethod
    def get_encoder(self, encoder: Any) -> Any:
        """The encoder, given itself or by its name; raises where it is none for this kind."""

    # -- rows --------------------------------------------------------------------------

    @abstractmethod
    def read(self, values: Sequence[Any], what: str, name: Namer) -> list[bytes]:
        """What rows bring, checked, as bytes; errors name ``what`` and the row."""

    @abstractmethod
    def encode(self, encoder: Any, texts: Sequence[str], progress: Progress | None) -> list[Any]:
        """What the encoder makes of texts, as values that `read` takes."""

    @abstractmethod
    def value(self, blob: bytes) -> Any:
        """What `Collection.get` gives of a row; raises ValueError where the bytes are none."""

    # -- queries -----------------------------------------------------------------------

    @abstractmethod
    def query(self, query: Any, what: str) -> tuple[Any, bool]:
        """A user's query as checked queries, and whether it is a single one."""

    @abstractmethod
    def encode_queries(self, encoder: Any, texts: Sequence[str], what: str) -> Any:
        """Texts as checked queries."""

    @abstractmethod
    def as_query(self, blob: bytes) -> Any:
        """The value of a row as the one query."""

    # -- search ------------------------------------------------------------------------

    @abstractmethod
    def build(self, blobs: Sequence[bytes | None], *, kept: bool, random_state: int) -> Any:
        """The index of these rows, by their places; None is a row that is gone.

        ``kept``: it will be saved and searched often, so that it may take its time.
        """

    @abstractmethod
    def load(self, path: Path) -> Any:
        """The index in a file that its ``save`` wrote."""

    @abstractmethod
    def find(
        self,
        index: Any,
        queries: Any,
        k: int | None,
        *,
        radius: float | None,
        recall: float,
        exact: bool,
        where: Any,
    ) -> Neighbours:
        """The nearest rows; distances must not depend on what else the index holds."""

    def one(self, queries: Any, i: int) -> Any:
        """Query ``i`` alone, as queries."""
        return queries[i : i + 1]

    @abstractmethod
    def scores(self, query: Any, distances: Floats) -> Floats:
        """(n,) distances to the one ``query`` as scores in [0, 1], the nearest the highest."""

    def reach(self, score: float) -> float:
        """The distance at which the score is reached; infinity where it depends on the query."""
        return np.inf


def gone_of(blobs: Sequence[bytes | None]) -> list[int]:
    """The places of rows that are gone."""
    return [place for place, blob in enumerate(blobs) if blob is None]
