"""`FixedDimensional`: bags of vectors as one vector each, whose inner product is like Chamfer.

The fixed dimensional encodings of MUVERA: any index of inner products then proposes bags.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.vectors import Bags, Float32Array, as_bags

IntArray = npt.NDArray[np.int64]

#: Vectors of documents encoded at a time.
BLOCK = 1 << 14
#: Twice the hyperplanes are four times the work of filling, and memory for it.
MOST_PLANES = 12
SIGNS = np.array([-1.0, 1.0], dtype=np.float32)


class FixedDimensional:
    """One vector a bag, so that ``<query, document>`` is an estimate of their Chamfer similarity.

    In each of ``repetitions`` rounds, ``k_sim`` random hyperplanes part space into 2^k_sim
    buckets by the signs of a vector, and S, a random (d_proj, dim) matrix of ±1/sqrt(d_proj),
    makes vectors shorter. The block of a bucket is, for a query, the *sum* of S q over its
    vectors q in the bucket; for a document, the *mean* of S p. A bucket that is empty in a
    document gets S p of the vector whose signs differ in the fewest places (of several, that
    in the bucket with the lowest number, and the first in the bag). Blocks of all rounds follow
    one another, d_proj 2^k_sim repetitions numbers; queries are divided by the rounds. With
    ``d_final`` a count sketch (each number to a random place, with a random sign) folds that.

    A query vector thus meets the mean of the document's vectors near it, in place of the
    nearest: without projections the product is at most the Chamfer similarity
    ``sum over q of max over p of <q, p>``, and nears it as buckets get small. The projections
    change no expectation. It serves to rank; it is no measure of how alike bags are.

    Args:
        repetitions: rounds.
        k_sim: hyperplanes a round, 0 to 12.
        d_proj: numbers of a shortened vector; None, or at least dim, leaves vectors as they are.
        d_final: numbers of the whole; None folds nothing.
        fill_empty: whether empty buckets of documents are filled.
        random_state: the seed. Queries and documents need the same.

    Raises:
        InvalidType, InvalidArgument: no such numbers.

    Cost: O(vectors dim repetitions (k_sim + d_proj)), and O(bags repetitions 4^k_sim) at most
    to fill.

    Source: L. Dhulipala, M. Hadian, R. Jayaram, J. Lee and V. Mirrokni, "MUVERA: multi-vector
    retrieval via fixed dimensional encodings", NeurIPS 2024.

    Example:
        >>> encoding = FixedDimensional(repetitions=4, k_sim=2, d_proj=None)
        >>> document, query = encoding.documents([np.eye(3)]), encoding.queries([np.eye(3)[:1]])
        >>> document.shape, float((query @ document.T)[0, 0]) <= 1
        ((1, 48), True)
    """

    @suggest_arguments
    def __init__(
        self,
        *,
        repetitions: int = 20,
        k_sim: int = 5,
        d_proj: int | None = 16,
        d_final: int | None = None,
        fill_empty: bool = True,
        random_state: int = 0,
    ) -> None:
        self.repetitions = check_count("repetitions", repetitions)
        self.k_sim = check_count("k_sim", k_sim, minimum=0)
        if self.k_sim > MOST_PLANES:
            raise InvalidArgument(
                f"k_sim must be at most {MOST_PLANES}, which is {2**MOST_PLANES:,} buckets; "
                f"got {k_sim}"
            )
        self.d_proj = None if d_proj is None else check_count("d_proj", d_proj)
        self.d_final = None if d_final is None else check_count("d_final", d_final)
        if not isinstance(fill_empty, bool):
            raise InvalidType(f"fill_empty must be True or False; got {fill_empty!r}")
        self.fill_empty = fill_empty
        self.random_state = check_count("random_state", random_state, minimum=0)
        self._draw = cache(self._drawn)

    def width(self, dim: int) -> int:
        """Numbers in the encoding of bags of ``dim`` numbers.

        Example:
            >>> FixedDimensional(repetitions=20, k_sim=5, d_proj=16).width(384)
            10240
        """
        return self._unfolded(dim) if self.d_final is None else self.d_final

    def documents(self, X: Any) -> Float32Array:
        """(n, width) the encodings of documents.

        Args:
            X: `Bags`, or what `as_bags` takes.

        Raises:
            InvalidType, InvalidVector, DimensionMismatch: as `as_bags`.

        Example:
            >>> FixedDimensional(repetitions=2, k_sim=1, d_proj=2).documents([np.eye(4)]).shape
            (1, 8)
        """
        bags = as_bags(X)
        out = np.empty((len(bags), self.width(bags.dim)), dtype=np.float32)
        for start, stop in blocks(bags.offsets, BLOCK):
            first, last = bags.offsets[start], bags.offsets[stop]
            part = Bags(bags.vectors[first:last], bags.offsets[start : stop + 1] - first)
            out[start:stop] = self._encoded(part, document=True)
        return out

    def queries(self, Q: Any) -> Float32Array:
        """(n, width) the encodings of queries; otherwise as `documents`.

        Example:
            >>> FixedDimensional(repetitions=2, k_sim=1, d_proj=2).queries([np.eye(4)]).shape
            (1, 8)
        """
        bags = as_bags(Q)
        # One by one: a matrix product rounds otherwise in company, and signs hang on it.
        rows = [self._encoded(bags[i : i + 1], document=False) for i in range(len(bags))]
        shape = (0, self.width(bags.dim))
        return np.concatenate([np.empty(shape, dtype=np.float32), *rows])

    def to_dict(self) -> dict[str, Any]:
        """The arguments as plain values, for JSON.

        Example:
            >>> FixedDimensional(**FixedDimensional(k_sim=3).to_dict()).k_sim
            3
        """
        names = ("repetitions", "k_sim", "d_proj", "d_final", "fill_empty", "random_state")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"FixedDimensional({', '.join(f'{k}={v!r}' for k, v in self.to_dict().items())})"

    # -- the work --------------------------------------------------------------------

    def _short(self, dim: int) -> int:
        return dim if self.d_proj is None else min(dim, self.d_proj)

    def _unfolded(self, dim: int) -> int:
        return self.repetitions * (1 << self.k_sim) * self._short(dim)

    def _drawn(self, dim: int) -> tuple[Float32Array, Float32Array | None, Any]:
        """Hyperplanes (rounds, dim, k_sim), S (rounds, dim, d_proj) or None, and the sketch."""
        rng = np.random.default_rng([self.random_state, dim])
        planes = rng.standard_normal((self.repetitions, dim, self.k_sim)).astype(np.float32)
        short, long = self._short(dim), self._unfolded(dim)
        inner: Float32Array | None = None
        if short < dim:
            inner = rng.choice(SIGNS, (self.repetitions, dim, short))
            inner /= np.float32(np.sqrt(short))
        sketch = None
        if self.d_final is not None:
            from scipy.sparse import csr_array

            signs = rng.choice(SIGNS, long)
            places = rng.integers(0, self.d_final, long)
            sketch = csr_array((signs, places, np.arange(long + 1)), shape=(long, self.d_final))
        return planes, inner, sketch

    def _encoded(self, bags: Bags, *, document: bool) -> Float32Array:
        planes, inner, sketch = self._draw(bags.dim)
        buckets, short = 2**self.k_sim, self._short(bags.dim)
        owner = np.repeat(np.arange(len(bags)), bags.counts) * buckets
        out = np.empty((len(bags), self.repetitions, buckets * short), dtype=np.float32)
        weights = 2 ** np.arange(self.k_sim)
        for r in range(self.repetitions):
            cells = owner + (bags.vectors @ planes[r] > 0) @ weights
            vectors = bags.vectors if inner is None else bags.vectors @ inner[r]
            sums = _summed(vectors, cells, len(bags) * buckets)
            if document:
                counts = np.bincount(cells, minlength=len(sums))
                sums /= np.maximum(counts, 1)[:, None].astype(np.float32)
                if self.fill_empty:
                    _fill(sums, vectors, cells, counts.reshape(len(bags), buckets) > 0)
            else:
                sums /= np.float32(self.repetitions)
            out[:, r] = sums.reshape(len(bags), -1)
        flat = out.reshape(len(bags), -1)
        return flat if sketch is None else np.asarray(flat @ sketch, dtype=np.float32)


def blocks(offsets: IntArray, vectors: int) -> Iterator[tuple[int, int]]:
    """Bags ``start`` to ``stop - 1`` at a time: at most ``vectors`` vectors, or one bag.

    Example:
        >>> list(blocks(np.array([0, 2, 3, 9, 10]), 4))
        [(0, 2), (2, 3), (3, 4)]
    """
    start, last = 0, len(offsets) - 1
    while start < last:
        stop = int(np.searchsorted(offsets, offsets[start] + vectors, side="right")) - 1
        stop = max(stop, start + 1)
        yield start, stop
        start = stop


def _summed(vectors: Float32Array, cells: IntArray, count: int) -> Float32Array:
    """(count, d) the sum of the vectors in each cell, added in the order of the vectors."""
    from scipy.sparse import csc_array

    ones = np.ones(len(cells), dtype=np.float32)
    into = csc_array((ones, cells, np.arange(len(cells) + 1)), shape=(count, len(cells)))
    return np.asarray(into @ vectors, dtype=np.float32)


def _fill(
    means: Float32Array, vectors: Float32Array, cells: IntArray, occupied: npt.NDArray[np.bool_]
) -> None:
    """Give empty cells the first vector of the occupied one of the bag with the nearest signs."""
    bags, buckets = occupied.shape
    first = np.empty(bags * buckets, dtype=np.int64)
    first[cells[::-1]] = np.arange(len(cells))[::-1]
    numbers = np.arange(buckets, dtype=np.uint16)
    apart = np.bitwise_count(numbers[:, None] ^ numbers[None, :])
    for bag in range(bags):
        there, empty = np.flatnonzero(occupied[bag]), np.flatnonzero(~occupied[bag])
        if len(empty):
            nearest = there[apart[np.ix_(empty, there)].argmin(axis=1)]
            means[bag * buckets + empty] = vectors[first[bag * buckets + nearest]]
