"""`Codes`: rows as the kernels compare them, in arrays that grow and shrink with the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile, InvalidArgument
from likewise.index._compiled.values import (
    CHEBYSHEV,
    CODE_OFFSET,
    CUSTOM,
    HAMMING,
    JACCARD,
    LARGEST_CODE,
    MANHATTAN,
    PRODUCT,
    SQUARED,
    Placing,
    Space,
)
from likewise.index._placing import Placement
from likewise.index._rows import RowSummary
from likewise.index._surrogates import LARGEST
from likewise.metrics import Metric
from likewise.vectors import Float32Array

IdArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: How rows may be kept.
CODES = ("auto", "4-bit", "8-bit", "float32")
#: Up to so many dimensions a row of float32 fills no more of memory's lines than 8-bit codes.
FEW_DIMENSIONS = 16
#: From so many on, walks by 4-bit codes are faster by more than their room is worth.
MANY_DIMENSIONS = 192
#: Sums of products of longer 8-bit codes might not fit 32 bits: 255 * 127 * 66,311 just does.
MOST_DIMENSIONS = 66_311
#: Rows of codes are filled up to so many bytes.
LINE = 64
#: The largest number in a 4-bit code, and the shares of a row's largest number that it may stand
#: for.
LARGEST_HALF, CUTS = 15, (1.0, 0.9, 0.8, 0.7)
#: Rows are coded in blocks of about this many numbers.
BLOCK = 1 << 18
#: Rows that the centre and the fineness of codes are judged by: so many numbers, or so many rows.
JUDGED_NUMBERS, JUDGED_ROWS, ASKED_ROWS = 1 << 21, 4096, 64
#: Rows so many times as far from the middle as half of them do not move the centre.
ODD = 16.0
#: Codes are too coarse where their error (squared) is this share of the distance to the nearest.
#: 4-bit ones only lead the way, and may err more.
COARSE, COARSE_HALF = 1 / 16, 1.0
#: So many rows, and this share, may have too coarse a code: a pile so small is ranked exactly.
FEW_COARSE, COARSE_SHARE = 16, 1e-3
#: What is known of how fine codes are.
JUDGED = ("usual", "coarse")
#: Kinds of spaces that can have 8-bit codes.
CODED = (SQUARED, PRODUCT)
#: The kind of space for each metric with kernels.
KINDS = {
    "cosine": SQUARED,
    "euclidean": SQUARED,
    "sqeuclidean": SQUARED,
    "dot": PRODUCT,
    "manhattan": MANHATTAN,
    "chebyshev": CHEBYSHEV,
    "hamming": HAMMING,
    "jaccard": JACCARD,
}


class Codes:
    """Coded rows; the formulas are in `likewise.index._compiled.space`.

    Args:
        metric: any; for one without kernels the rows are kept as they are.
        dim: numbers in a row.
        wanted: one of `CODES`.
        summary: of the rows to come, where the metric has a placement.
    """

    def __init__(self, metric: Metric, dim: int, wanted: str, summary: RowSummary | None) -> None:
        self.metric = metric
        self.kind = KINDS.get(metric.name, CUSTOM)
        self.placement: Placement | None = None
        if self.kind in CODED and summary is not None:
            self.placement = Placement.over(metric.name, dim, summary, multiple=1)
        self.eight_bit = _eight_bits(wanted, self.kind, dim, metric)
        self.halves = self.eight_bit and _halves(wanted, dim)
        self.dim, self.count = dim, 0
        # The usual distance to the nearest, squared (0: not known), and the rows too coarse for it.
        self.usual, self.coarse = 0.0, 0
        self.mean = np.zeros(dim, dtype=np.float32)
        width = self._width
        self._codes: npt.NDArray[Any] = np.empty(
            (0, width), np.uint8 if self.eight_bit else np.float32
        )
        self._terms: Float32Array = np.empty((0, 2), dtype=np.float32)
        self._half_codes = np.empty((0, -(-dim // (2 * LINE)) * LINE), dtype=np.int8)
        self._half_terms: Float32Array = np.empty((0, 2), dtype=np.float32)

    @property
    def _width(self) -> int:
        if self.eight_bit:
            return -(-self.dim // LINE) * LINE
        if self.kind == CUSTOM:
            return self.dim  # what a zero more would add, nobody knows
        return -(-self.dim // (LINE // 4)) * (LINE // 4)

    @property
    def name(self) -> str:
        """One of `CODES`, not "auto"."""
        return "4-bit" if self.halves else "8-bit" if self.eight_bit else "float32"

    @property
    def bytes_a_row(self) -> int:
        """Bytes that one row takes."""
        if not self.eight_bit:
            return 4 * self._width
        halves = self._half_codes.shape[1] + 8 if self.halves else 0
        return self._width + 8 + halves

    # -- what kernels take ---------------------------------------------------------------

    def space(self) -> Space:
        """The rows, read-only."""
        codes, terms = self._codes[: self.count], self._terms[: self.count]
        return Space(read_only(codes), read_only(terms), self.kind)

    def walked(self) -> Space:
        """The rows as walks compare them: 4-bit codes where there are any."""
        if not self.halves:
            return self.space()
        codes, terms = self._half_codes[: self.count], self._half_terms[: self.count]
        return Space(read_only(codes), read_only(terms), self.kind)

    def fine(self) -> Space:
        """The rows by which what a walk found is sorted anew; empty where they are the same."""
        if self.halves:
            return self.space()
        return Space(_NO_CODES, _NO_TERMS, self.kind)

    def placing(self) -> Placing:
        """How queries come to them."""
        place = self.placement
        if place is None:
            return Placing(read_only(self.mean), 1.0, int(self.metric.unit), 0.0)
        unit = int(place.metric == "cosine")
        return Placing(read_only(self.mean), place.scale, unit, place.reach)

    def takes(self, rows: Float32Array) -> BoolArray:
        """(m,) whether each row has a place here."""
        if self.placement is not None:
            return self.placement.takes_queries(rows)
        return np.ones(len(rows), dtype=np.bool_)

    def takes_queries(self, queries: Float32Array) -> BoolArray:
        """(b,) whether each query has a place."""
        if self.placement is not None:
            return self.placement.takes_queries(queries)
        return np.ones(len(queries), dtype=np.bool_)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows that are there."""
        return self.count * self.bytes_a_row

    # -- changes -------------------------------------------------------------------------

    def append(self, rows: Float32Array) -> None:
        """Code ``rows`` (m, dim). Cost O(m dim); arrays grow by doubling."""
        if self.count == 0 and self.eight_bit:
            self.mean = self._mean_of(rows)
        first, needed = self.count, self.count + len(rows)
        self._codes = grown(self._codes, first, needed)
        if self.eight_bit:
            self._terms = grown(self._terms, first, needed)
        if self.halves:
            self._half_codes = grown(self._half_codes, first, needed)
            self._half_terms = grown(self._half_terms, first, needed)
        height = max(1, BLOCK // self.dim)
        for start in range(0, len(rows), height):
            self._write(first + start, rows[start : start + height])
        self.count = needed
        if self.usual:
            self.coarse += self._count_coarse(first)

    def cut(self, count: int) -> None:
        """Forget all but the first ``count`` rows."""
        self.count = min(self.count, count)

    def kept(self, keep: IdArray) -> Codes:
        """A copy with only these rows, in this order."""
        new = Codes.__new__(Codes)
        new.__dict__.update(self.__dict__)
        new._codes = aligned_copy(self._codes[keep])
        new._terms = self._terms[keep] if len(self._terms) else self._terms
        if self.halves:
            new._half_codes = aligned_copy(self._half_codes[keep])
            new._half_terms = self._half_terms[keep]
        new.count = len(keep)
        if new.usual:
            new.coarse = new._count_coarse(0)
        return new

    def _mean_of(self, rows: Float32Array) -> Float32Array:
        """The mean of all rows but those far out, which would make the codes of all coarse."""
        if self.kind == PRODUCT:
            return self.mean
        middle = np.median(some := self._judged(rows), axis=0)
        reach = ODD * float(np.median(_lengths(some - middle)))
        total, count = np.zeros(self.dim), 0
        height = max(1, BLOCK // self.dim)
        for start in range(0, len(rows), height):
            block = self._placed(rows[start : start + height]).astype(np.float64)
            block = block[_lengths(block - middle) <= reach] if reach > 0 else block
            total += block.sum(axis=0)
            count += len(block)
        return (total / max(1, count)).astype(np.float32)

    def _judged(self, rows: Float32Array) -> npt.NDArray[np.float64]:
        """Some rows, evenly spread over all, as they are placed."""
        most = int(np.clip(JUDGED_NUMBERS // self.dim, 1, JUDGED_ROWS))
        some = np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)
        return self._placed(rows[some])[:, : self.dim].astype(np.float64)

    # -- how fine they are ---------------------------------------------------------------

    def judge(self, rows: Float32Array) -> None:
        """Find the usual distance to the nearest among ``rows``, which these are, for `spoiled`.

        Cost: some thousand distances for some dozen rows.
        """
        if not self.eight_bit or self.count == 0:
            return
        some = self._judged(rows) - self.mean
        asked = some[np.linspace(0, len(some) - 1, min(len(some), ASKED_ROWS)).astype(np.int64)]
        squares = np.vecdot(some, some)
        apart = squares - 2 * asked @ some.T + np.vecdot(asked, asked)[:, None]
        apart[apart <= 1e-9 * squares] = np.inf  # itself, and its equals
        nearest = apart.min(axis=1)
        if not np.isfinite(nearest).any():
            return
        self.usual = float(np.median(nearest[np.isfinite(nearest)]))
        self.coarse = self._count_coarse(0)

    @property
    def spoiled(self) -> bool:
        """Whether the codes do not tell some of the rows from their neighbours."""
        return self.coarse > FEW_COARSE + COARSE_SHARE * self.count

    def _count_coarse(self, first: int) -> int:
        """Rows from ``first`` on whose code errs by much of the usual distance to the nearest."""
        some = slice(first, self.count)
        scale = self._terms[some, 0].astype(np.float64)
        step, share = scale, COARSE
        if self.halves:  # whose numbers are two steps apart
            step, share = 2 * self._half_terms[some, 0].astype(np.float64), COARSE_HALF
        # Rounding errs by step^2 / 12 a number, in both of two rows.
        coarse = self.dim / 6 * step**2 > share * self.usual
        return int(np.count_nonzero(coarse & (self._terms[some, 1] > 0)))

    def apart(self, rows: Float32Array, ones: Any, others: Any) -> npt.NDArray[np.float64]:
        """(m,) squared distances of rows ``ones`` to rows ``others`` of the originals."""
        one, other = (self._placed(rows[some]).astype(np.float64) for some in (ones, others))
        return _lengths(one - other) ** 2

    def _placed(self, rows: Float32Array) -> Float32Array:
        # Products are compared as they are: without the coordinate that would lift them.
        return rows if self.placement is None else self.placement.rows(rows)[:, : self.dim]

    def _write(self, first: int, rows: Float32Array) -> None:
        placed = self._placed(rows)
        some = slice(first, first + len(rows))
        if not self.eight_bit:
            self._codes[some] = 0
            self._codes[some, : placed.shape[1]] = placed
            return
        moved = placed.astype(np.float64) - self.mean
        scale = (np.abs(moved).max(axis=1) / LARGEST_CODE).astype(np.float32)
        scale[scale == 0] = 1.0
        whole = np.rint(moved / scale[:, None].astype(np.float64))
        whole = np.clip(whole, -LARGEST_CODE, LARGEST_CODE)
        self._codes[some] = CODE_OFFSET
        self._codes[some, : self.dim] = (whole + CODE_OFFSET).astype(np.uint8)
        squares = np.vecdot(whole, whole) * scale.astype(np.float64) ** 2
        compared = self.kind == SQUARED  # else no square enters
        self._terms[some, 0], self._terms[some, 1] = scale, squares * compared
        if self.halves:
            codes, steps, lengths = _in_halves(moved.astype(np.float32), self._half_codes.shape[1])
            self._half_codes[some] = codes
            self._half_terms[some, 0], self._half_terms[some, 1] = steps, lengths * compared

    # -- files ---------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps."""
        space = self.space()
        named = list(zip(("codes", "terms"), space[:2], strict=True))
        if self.halves:
            named += zip(("half_codes", "half_terms"), self.walked()[:2], strict=True)
        return {"mean": self.mean, **{name: part for name, part in named if len(part)}}

    def to_dict(self) -> dict[str, Any]:
        """The rest of it, as plain values."""
        place = None if self.placement is None else self.placement.to_dict()
        judged = {name: getattr(self, name) for name in JUDGED}
        return {"codes": self.name, "placement": place, "judged": judged}

    @classmethod
    def from_arrays(
        cls,
        metric: Metric,
        dim: int,
        arrays: Mapping[str, npt.NDArray[Any]],
        values: dict[str, Any],
    ) -> Codes:
        """The inverse; arrays are used where they lie until something is appended."""
        new = cls(metric, dim, values["codes"], None)
        if values["placement"] is not None:
            new.placement = Placement(**values["placement"])
        new.__dict__.update(values["judged"])
        new.mean = arrays["mean"]
        if not (np.abs(new.mean) <= LARGEST).all():
            raise DamagedFile("the middle of the rows is far from any; build the index again")
        empty = (new._codes, new._half_codes)
        new._codes, new._terms = arrays["codes"], arrays.get("terms", _NO_TERMS)
        if new.halves:
            new._half_codes, new._half_terms = arrays["half_codes"], arrays["half_terms"]
        new.count = count = len(new._codes)
        parts = (new._codes, new._half_codes)
        terms = (new._terms,) * new.eight_bit + (new._half_terms,) * new.halves
        if (
            any(part.shape[1:] != like.shape[1:] for part, like in zip(parts, empty, strict=True))
            or any(part.dtype != like.dtype for part, like in zip(parts, empty, strict=True))
            or any(part.shape != (count, 2) for part in terms)
            or len(new._half_codes) not in (0, count)
            or new.mean.shape != (dim,)
        ):
            raise DamagedFile("the codes are not those of such rows; build the index again")
        return new


def gathered(space: Space, ids: npt.NDArray[np.int32]) -> Space:
    """A copy of some rows, side by side."""
    terms = space.terms[ids] if len(space.terms) else space.terms
    return Space(read_only(aligned_copy(space.codes[ids])), read_only(terms), space.kind)


def _halves(wanted: str, dim: int) -> bool:
    return wanted == "4-bit" or (wanted == "auto" and dim >= MANY_DIMENSIONS)


_NO_CODES = np.empty((0, LINE), dtype=np.uint8)
_NO_CODES.flags.writeable = False
_NO_TERMS = np.empty((0, 2), dtype=np.float32)
_NO_TERMS.flags.writeable = False


def _lengths(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lengths: npt.NDArray[np.float64] = np.sqrt(np.vecdot(vectors, vectors))
    return lengths


def _eight_bits(wanted: str, kind: int, dim: int, metric: Metric) -> bool:
    if wanted in ("4-bit", "8-bit") and kind not in CODED:
        raise InvalidArgument(
            f"codes={wanted!r} compares by squared distances, which {metric.name} has none of; "
            "expected 'auto' or 'float32'"
        )
    named = wanted in ("4-bit", "8-bit")
    if named and dim > MOST_DIMENSIONS:
        raise InvalidArgument(
            f"codes={wanted!r} takes rows of at most {MOST_DIMENSIONS:,} numbers; got {dim:,}; "
            "expected 'auto' or 'float32'"
        )
    fit = kind in CODED and FEW_DIMENSIONS < dim <= MOST_DIMENSIONS
    return named or (wanted == "auto" and fit)


def _in_halves(
    moved: Float32Array, width: int
) -> tuple[npt.NDArray[np.int8], Float32Array, Float32Array]:
    """4-bit codes (m, width), their scale and squared length.

    A row's largest numbers are cut off where that makes the others so much finer that the
    whole comes nearer to the row.
    """
    peak = np.abs(moved).max(axis=1)
    peak[peak == 0] = 1.0
    best = np.full(len(moved), np.inf, dtype=np.float32)
    odd = np.empty_like(moved)
    scale = np.empty(len(moved), dtype=np.float32)
    for share in CUTS:
        step = (share * peak / LARGEST_HALF).astype(np.float32)[:, None]
        tried = np.clip(2 * np.floor(moved / (2 * step)) + 1, -LARGEST_HALF, LARGEST_HALF)
        error = tried * step - moved
        missed = np.vecdot(error, error)
        better = missed < best
        best[better], odd[better], scale[better] = missed[better], tried[better], step[better, 0]
    lengths = np.vecdot(odd, odd) * scale**2
    blocks = np.full((len(moved), width // LINE, 2, LINE), LARGEST_HALF, dtype=np.int32)
    flat = blocks.reshape(len(moved), -1)
    flat[:, : moved.shape[1]] = odd
    numbers = (blocks + LARGEST_HALF) // 2
    packed = (numbers[:, :, 0] | (numbers[:, :, 1] << 4)).astype(np.uint8)
    return packed.reshape(len(moved), width).view(np.int8), scale, lengths


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array, not writable: the type that kernels are compiled for."""
    view = array.view()
    view.flags.writeable = False
    return view


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array that begins where a line of memory does, so that no row straddles one more."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.empty(count + LINE, dtype=np.uint8)
    start = -buffer.ctypes.data % LINE
    return buffer[start : start + count].view(dtype).reshape(shape)


def aligned_copy(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy that begins where a line of memory does."""
    copy = aligned(array.shape, array.dtype)
    copy[...] = array
    return copy


def grown(array: npt.NDArray[Any], held: int, needed: int) -> npt.NDArray[Any]:
    """``array`` with room for ``needed`` rows, the first ``held`` kept; itself if it has it."""
    if needed <= len(array) and array.flags.writeable:
        return array
    room = needed if held == 0 else max(needed, held + held // 2)
    larger = aligned((room, *array.shape[1:]), array.dtype)
    larger[:held] = array[:held]
    return larger
