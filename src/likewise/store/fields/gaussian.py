"""`GaussianField`: a mean and a variance a row, compared by Kullback-Leibler divergence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from likewise._arguments import check_count, suggest_fields
from likewise.errors import InvalidArgument, InvalidType, InvalidVector
from likewise.index import Exact, Gaussian
from likewise.index.base import FILE_FORMAT
from likewise.results import Neighbours
from likewise.store.fields.base import Field, Floats, Namer, Progress, gone_of
from likewise.vectors import Float32Array, Gaussians, as_gaussians

PARTS = {"mean", "variance"}
#: What is taken of means and variances; see `_refuse_extremes`.
LARGEST_MEAN, VARIANCES = 1e9, (1e-12, 1e12)


class GaussianValues(Field):
    """What a field of Gaussians does; see `GaussianField`."""

    __slots__ = ()

    dim: int | None
    kind: ClassVar[str] = "gaussian"
    index: ClassVar[str] = Gaussian.name
    index_format: ClassVar[int] = FILE_FORMAT

    # -- settings ----------------------------------------------------------------------

    def settled(self, name: str) -> Self:
        """As it is.

        Raises:
            InvalidArgument: no dim.
        """
        if self.dim is None:
            raise InvalidArgument(f"Gaussian field {name!r} needs dim= (numbers in a mean)")
        return self

    def describe(self) -> dict[str, Any]:
        """Of the means."""
        return {"dim": self.dim}

    def to_dict(self) -> dict[str, Any]:
        """Without an encoder: no text makes a Gaussian."""
        return {"kind": self.kind, **self.describe()}

    @property
    def encoder(self) -> None:
        """None: no text makes a Gaussian."""
        return None

    @property
    def fingerprint(self) -> None:
        """None, as there is no encoder."""
        return None

    def get_encoder(self, encoder: Any) -> Any:
        """There is none.

        Raises:
            InvalidArgument: always.
        """
        raise InvalidArgument("a GaussianField takes no encoder: rows bring mean and variance")

    # -- rows --------------------------------------------------------------------------

    def read(self, values: Sequence[Any], what: str, name: Namer) -> list[bytes]:
        """Mean, then variance, float32."""
        rows = self._gaussians(values, what, name)
        return [rows.to_bytes(i) for i in range(len(rows))]

    def encode(self, encoder: Any, texts: Sequence[str], progress: Progress | None) -> list[Any]:
        """Never asked for; see `get_encoder`."""
        raise InvalidArgument("a GaussianField takes no encoder: rows bring mean and variance")

    def value(self, blob: bytes) -> dict[str, Float32Array]:
        """``mean`` and ``variance``, (dim,) float32 each."""
        rows = self.as_query(blob)
        return {"mean": rows.means[0], "variance": rows.variances[0]}

    def _gaussians(self, values: Sequence[Any], what: str, name: Namer) -> Gaussians:
        for i, value in enumerate(values):
            if not isinstance(value, Mapping) or set(value) != PARTS:
                raise InvalidType(
                    f"{what}: {name(i)} must be {{'mean': […], 'variance': […]}}; got {value!r:.60}"
                )
            for part in sorted(PARTS):
                if np.ndim(_flat(value[part])) != 1:
                    raise InvalidType(
                        f"{what}: {name(i)} must have a flat list of numbers as its {part}; got "
                        f"{value[part]!r:.60}"
                    )
        if not len(values):
            nothing = np.empty((0, self.dim or 1), dtype=np.float32)
            return Gaussians(nothing, nothing)
        means, variances = ([_flat(value[part]) for value in values] for part in sorted(PARTS))
        rows = as_gaussians(means, variances, dim=self.dim, what=what, name=name)
        _refuse_extremes(rows, what, name)
        return rows

    # -- queries -----------------------------------------------------------------------

    def query(self, query: Any, what: str) -> tuple[Gaussians, bool]:
        """A dict is one query; a list of dicts, or `Gaussians`, a batch."""
        if isinstance(query, Gaussians):
            pairs = zip(query.means, query.variances, strict=True)
            query = [{"mean": mean, "variance": variance} for mean, variance in pairs]
        single = isinstance(query, Mapping)
        if not isinstance(query, Iterable) or isinstance(query, (str, bytes)):
            raise InvalidType(
                f"{what}: expected {{'mean': […], 'variance': […]}}; got {query!r:.60} of type "
                f"{type(query).__name__}"
            )
        name = (lambda _: "the query") if single else (lambda i: f"query {i}")
        return self._gaussians([query] if single else list(query), what, name), single

    def encode_queries(self, encoder: Any, texts: Sequence[str], what: str) -> Gaussians:
        """Never asked for; see `get_encoder`."""
        raise InvalidArgument("a GaussianField takes no encoder: give mean and variance")

    def as_query(self, blob: bytes) -> Gaussians:
        """The row."""
        if len(blob) != 8 * (self.dim or 0):
            raise ValueError(f"{len(blob)} bytes of {8 * (self.dim or 0)}")
        return Gaussians.from_bytes([blob], self.dim or 1)

    # -- search ------------------------------------------------------------------------

    def build(self, blobs: Sequence[bytes | None], *, kept: bool, random_state: int) -> Gaussian:
        """To be scanned; a row that is gone is a standard normal, and deleted."""
        dim = self.dim or 1
        filler = np.repeat(np.array([0, 1], dtype="<f4"), dim).tobytes()
        rows = Gaussians.from_bytes([filler if blob is None else blob for blob in blobs], dim)
        index = Gaussian(index=Exact("dot"), random_state=random_state).fit(rows)
        index.delete(gone_of(blobs))
        return index

    def load(self, path: Path) -> Gaussian:
        """Map the file."""
        return Gaussian.load(path)

    def find(
        self,
        index: Gaussian,
        queries: Gaussians,
        k: int | None,
        *,
        radius: float | None,
        recall: float,
        exact: bool,
        where: Any,
    ) -> Neighbours:
        """The nearest rows."""
        k = max(1, index.next_position) if k is None and radius is None else k
        return index.search(queries, k=k, radius=radius, recall=recall, exact=exact, where=where)

    def one(self, queries: Gaussians, i: int) -> Gaussians:
        """Query ``i`` alone."""
        return Gaussians(queries.means[i : i + 1], queries.variances[i : i + 1])

    def scores(self, query: Any, distances: Floats) -> Floats:
        """``1 / (1 + distance)``."""
        return np.asarray(1.0 / (1.0 + distances))

    def reach(self, score: float) -> float:
        """``1 / score - 1``."""
        return np.inf if score <= 0 else 1.0 / score - 1.0


@suggest_fields
@dataclass(frozen=True, slots=True)
class GaussianField(GaussianValues):
    """A normal distribution a row, with a variance in each dimension: where it is, and how surely.

    A value is ``{"mean": […], "variance": […]}``, each of ``dim`` numbers and every variance
    above 0, kept as 32-bit floats (means within ±1e9, variances from 1e-12 to 1e12). A query is
    the same; a list of them, or `likewise.vectors.Gaussians`, is a batch.

    Distance and score of a row d for a query q, with means m and variances s, in nats::

        distance = KL(q || d) = 1/2 sum( s_q/s_d + (m_q - m_d)²/s_d - 1 + ln(s_d/s_q) )
        score    = 1 / (1 + distance)

    Rows are scanned, as inner products in 2 dim + 1 dimensions, and ranked by the formula itself
    (see `likewise.index.Gaussian`): every answer is exact.

    Args:
        dim: numbers in a mean.

    Raises:
        InvalidArgument, InvalidType: ``dim`` is no positive integer.

    Example:
        >>> import likewise as lw
        >>> col = lw.create("c.likewise", fields={"where": GaussianField(dim=2)})
        >>> for name, variance in [("sure", [1, 1]), ("vague", [4, 4])]:
        ...     where = {"mean": [0, 0], "variance": variance}
        ...     _ = col.add([{"id": name, "vectors": {"where": where}}])
        >>> found = col.search({"mean": [0, 0], "variance": [1, 1]}, using="where")
        >>> found.ids, found.distances.round(3).tolist()
        (['sure', 'vague'], [0.0, 0.636])
    """

    dim: int | None = None

    def __post_init__(self) -> None:
        if self.dim is not None:
            object.__setattr__(self, "dim", check_count("dim", self.dim))


def _refuse_extremes(rows: Gaussians, what: str, name: Namer) -> None:
    """Beyond these numbers some rows could not be compared in 32 bits beside others."""
    narrow, wide = VARIANCES
    bad = (np.abs(rows.means) > LARGEST_MEAN) | (rows.variances < narrow) | (rows.variances > wide)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise InvalidVector(
            f"{what}: {name(row)} has mean {rows.means[row, column]:g} and variance "
            f"{rows.variances[row, column]:g} in dimension {column}; means must lie within "
            f"±{LARGEST_MEAN:g} and variances from {narrow:g} to {wide:g}: scale the data"
        )


def _flat(value: Any) -> Any:
    try:
        return np.asarray(value)
    except ValueError:  # lists of different lengths
        return np.empty((0, 0))
