"""Random projections of long vectors that come in pieces, drawn anew from their seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from likewise._arguments import check_count
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray

#: Coordinates of a vector whose part of the projection is drawn at once.
BLOCK = 4096
#: Entries that are not 0 in a column of a sparse projection.
ENTRIES = 4


class Sketch:
    """``S v`` with ``E[(S v).(S w)] = v.w``; S is (k, length) and never kept.

    - ``"gaussian"``: entries normal with variance 1/k.
    - ``"rademacher"``: entries +1/sqrt(k) or -1/sqrt(k).
    - ``"sparse"``: k is cut in 4 parts, and each coordinate of v goes, with a random sign and
      the factor 1/2, to one random place in each (a sparse Johnson-Lindenstrauss transform:
      D. Kane and J. Nelson, "Sparser Johnson-Lindenstrauss transforms", JACM 2014).

    The standard deviation of ``(S v).(S w)`` is at most about ``sqrt(2/k) |v| |w|`` for all three.
    A piece of v is named by a key; what is drawn for a coordinate depends on the seed, the key
    and its place in the piece, so pieces may come in any order and any batches.

    Cost for n vectors: n k length, and k length random numbers; n 4 length for ``"sparse"``.
    """

    def __init__(self, kind: str, n_features: int, seed: np.random.SeedSequence) -> None:
        self.n_features = n_features
        self._draw = SKETCHES[check_sketch(kind)]
        self._seed = seed

    def add(self, out: FloatArray, piece: FloatArray, key: tuple[int, ...]) -> None:
        """Add the projection of ``piece`` (n, p) to ``out`` (n, k), in place."""
        for block, start in enumerate(range(0, piece.shape[1], BLOCK)):
            part = piece[:, start : start + BLOCK]
            place = (*self._seed.spawn_key, *key, block)
            seed = np.random.SeedSequence(self._seed.entropy, spawn_key=place)
            rng = np.random.default_rng(seed)
            out += part @ self._draw(rng, part.shape[1], self.n_features, part.dtype)


def check_sketch(kind: Any) -> str:
    """``kind``, or the error that lists those there are."""
    if not isinstance(kind, str) or kind not in SKETCHES:
        raise InvalidArgument(f"sketch must be one of {', '.join(SKETCHES)}; got {kind!r}")
    return kind


def check_n_features(n_features: Any) -> int:
    """A positive count."""
    return check_count("n_features", n_features)


def _gaussian(rng: np.random.Generator, length: int, k: int, dtype: Any) -> Any:
    # Drawn in one precision, so that rows of both meet the same projection.
    drawn = rng.standard_normal((length, k), dtype=np.float32).astype(dtype, copy=False)
    drawn *= 1 / np.sqrt(k)
    return drawn


def _rademacher(rng: np.random.Generator, length: int, k: int, dtype: Any) -> Any:
    bits = np.frombuffer(rng.bytes((length * k + 7) // 8), dtype=np.uint8)
    signs = np.unpackbits(bits, count=length * k).reshape(length, k).astype(dtype)
    signs -= 0.5
    signs *= 2 / np.sqrt(k)
    return signs


def _sparse(rng: np.random.Generator, length: int, k: int, dtype: Any) -> Any:
    entries = min(ENTRIES, k)
    ends = np.arange(entries + 1) * k // entries
    columns = rng.integers(ends[:-1], ends[1:], size=(length, entries))
    values = rng.choice(np.array([-1.0, 1.0], dtype=dtype), size=columns.shape)
    values /= np.asarray(np.sqrt(entries), dtype=dtype)
    starts = np.arange(0, columns.size + 1, entries)
    return sparse.csr_array((values.ravel(), columns.ravel(), starts), shape=(length, k))


#: Every projection by its name.
SKETCHES = {"gaussian": _gaussian, "rademacher": _rademacher, "sparse": _sparse}
