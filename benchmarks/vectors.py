"""The sets of vectors that graphs are measured on: rows, held-out queries, true neighbours.

Real ones are read from the folder of real data (see `replications.data`); what takes minutes to
make (encoded texts, true neighbours) is kept in a folder of its own, `cache_folder`.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.data import FloatRows, generate
from benchmarks.texts import texts
from replications import data as real
from replications.data import DataFolder

K = 10
#: Held out where a set brings no queries of its own.
HELD_OUT = 2_000
ENCODED = 100_000 + HELD_OUT
#: More than k candidates in float32 are ranked again in float64.
SPARE = 40
#: Queries whose distances to all rows are in memory at a time.
BLOCK = 128


@dataclass(frozen=True, slots=True)
class VectorSet:
    """One set.

    Attributes:
        name: on the command line and in file names.
        title: for readers.
        metric: cosine (rows and queries are of unit length) or euclidean.
        rows, queries: (n, dim) and (m, dim) float32.
        truth: (m, K) positions of the true neighbours, nearest first.
    """

    name: str
    title: str
    metric: str
    rows: FloatRows
    queries: FloatRows
    truth: npt.NDArray[np.int64]

    @property
    def dim(self) -> int:
        """Numbers in a row."""
        return int(self.rows.shape[1])

    def __str__(self) -> str:
        return f"{self.title}, {len(self.rows):,} by {self.dim} {self.metric}"


def cache_folder() -> Path:
    """``LIKEWISE_BENCH_CACHE``, or a folder under the user's cache."""
    given = os.environ.get("LIKEWISE_BENCH_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "likewise-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def prepared(
    name: str, title: str, metric: str, rows: FloatRows, queries: FloatRows, *, keep: bool = True
) -> VectorSet:
    """A set of these rows: of unit length for cosine, its true neighbours kept or found now."""
    rows, queries = (np.array(x, dtype=np.float32, order="C") for x in (rows, queries))
    if metric == "cosine":
        for vectors in (rows, queries):
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows.flags.writeable = queries.flags.writeable = False
    if keep:
        # A check sum, lest the truth of other rows be taken for that of these.
        key = f"{zlib.crc32(queries.tobytes(), zlib.crc32(rows.tobytes())):08x}"
        path = cache_folder() / f"{name}-{metric}-{len(rows)}-{len(queries)}-{K}-{key}.npy"
        truth = kept(path, lambda: nearest(rows, queries, K))
    else:
        truth = nearest(rows, queries, K)
    return VectorSet(name, title, metric, rows, queries, truth)


def kept(path: Path, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """What ``path`` holds; made and written there first when it is not there."""
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}.npy")
        np.save(unfinished, make())
        unfinished.replace(path)
    held: npt.NDArray[Any] = np.load(path)
    return held


def nearest(rows: FloatRows, queries: FloatRows, k: int) -> npt.NDArray[np.int64]:
    """(m, k) the nearest rows by euclidean distance, nearest first, equal ones by position.

    Every distance is computed in float32; the best `SPARE` more than k again in float64. Over
    rows of unit length this is the order of the cosine too.
    """
    squares = np.einsum("ij,ij->i", rows, rows)
    few = min(k + SPARE, len(rows))
    found = np.empty((len(queries), k), dtype=np.int64)
    for start in range(0, len(queries), BLOCK):
        some = queries[start : start + BLOCK]
        rough = squares - 2 * (some @ rows.T)
        best = np.sort(np.argpartition(rough, few - 1, axis=1)[:, :few], axis=1)
        gaps = rows[best].astype(np.float64) - some[:, None].astype(np.float64)
        order = np.argsort(np.einsum("ijk,ijk->ij", gaps, gaps), axis=1, kind="stable")[:, :k]
        found[start : start + BLOCK] = np.take_along_axis(best, order, axis=1)
    return found


def _fashion_mnist() -> VectorSet:
    data = DataFolder.find()
    # Whole grey values, as the benchmarks of others have them.
    rows, queries = (
        np.rint(real.fashion_mnist(data, split)[0] * np.float32(255)) for split in ("train", "t10k")
    )
    return prepared("fashion-mnist", "Fashion-MNIST", "euclidean", rows, queries)


def _minilm() -> VectorSet:
    def encode() -> FloatRows:
        from likewise.encode import get_encoder

        return np.asarray(get_encoder("minilm").encode(texts(DataFolder.find(), ENCODED)))

    return _held_out(
        "minilm", "MiniLM texts", "cosine", kept(cache_folder() / f"minilm-{ENCODED}.npy", encode)
    )


def _glove() -> VectorSet:
    return _held_out("glove", "GloVe words", "cosine", real.glove(DataFolder.find()), 1_000)


def _sift() -> VectorSet:
    return _held_out("sift", "SIFT", "euclidean", real.sift(DataFolder.find()), 1_000)


def _generated() -> VectorSet:
    vectors = generate(500_000 + HELD_OUT, 0, dim=96).vectors
    return _held_out("generated", "generated clusters", "cosine", vectors)


def _held_out(
    name: str,
    title: str,
    metric: str,
    vectors: FloatRows,
    count: int = HELD_OUT,
    *,
    keep: bool = True,
) -> VectorSet:
    """``count`` of the vectors, drawn at random, as queries, and the others as rows."""
    order = np.random.default_rng(0).permutation(len(vectors))
    asked, rows = np.sort(order[:count]), np.sort(order[count:])
    return prepared(name, title, metric, vectors[rows], vectors[asked], keep=keep)


def quick_sets() -> list[VectorSet]:
    """One small generated set for each metric."""
    sets = []
    for metric in ("cosine", "euclidean"):
        data = generate(1_500, 0, dim=16)
        name, queries = f"quick-{metric}", data.queries[:50]
        sets.append(prepared(name, "quick", metric, data.vectors, queries, keep=False))
    return sets


#: The largest comes last.
SETS: dict[str, Callable[[], VectorSet]] = {
    "fashion-mnist": _fashion_mnist,
    "minilm": _minilm,
    "glove": _glove,
    "sift": _sift,
    "generated": _generated,
}
