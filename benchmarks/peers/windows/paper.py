"""The released C++ code of Engels et al. (2024), "Approximate Nearest Neighbor Search with
Window Filters", ICML; benchmarks/README.md says how to build its module, `window_ann`."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

from benchmarks.peers.windows.base import Ids, Rows, WindowEngine
from benchmarks.windows import K, Numbers

#: The settings of the paper: degree, beam while building, alpha, rows of a part that is not cut.
DEGREE, BUILD_BEAM, ALPHA, CUTOFF = 64, 500, 1.0, 1_000
#: A set of more rows is built with a shorter beam, or it takes hours.
MANY, SHORTER_BEAM = 200_000, 200
BEAMS = (10, 14, 20, 28, 40, 56, 80, 112, 160, 320, 640, 1280)
#: By how much the last search of post-filtering is widened.
MULTIPLES = (1, 2, 4, 8, 16, 32)
#: How many threads its scheduler starts, read once a process.
THREADS = "PARLAY_NUM_THREADS"

#: By folder and kind, so that methods on the same index share it.
_indexes: WeakValueDictionary[tuple[Path, str], Any] = WeakValueDictionary()


class Paper(WindowEngine):
    """What its methods have in common.

    It is given positions in the order of the number for numbers: they are whole in its float32,
    none are equal, and an upper bound between two of them is meant the same way by all of its
    methods (the tree takes it as exclusive, post-filtering as inclusive).
    """

    package, family, place = "window_ann", "paper", "paper-tree"
    kind: ClassVar[str] = "VamanaRangeFilterTreeIndex"
    #: What is built at its place: of a tree, the uncut graph is read back alone too.
    built: ClassVar[str] = "VamanaRangeFilterTreeIndex"
    method: ClassVar[str | None] = None
    note = (
        "paper: the released C++ code, its euclidean distance over unit vectors (its inner "
        f"product is not vectorised), R={DEGREE}, L={BUILD_BEAM} ({SHORTER_BEAM} past {MANY:,} "
        f"rows), alpha={ALPHA:g}, branching factor 2, parts of {CUTOFF:,}; efforts are its beam, "
        "and by how much the last search is widened; three-split without its ratio of 0.05, with "
        "which it is always the tree."
    )

    def build(self, threads: int, folder: Path) -> None:
        folder.mkdir(parents=True)
        spawn = multiprocessing.get_context("spawn")
        before = os.environ.get(THREADS)
        os.environ[THREADS] = str(threads)
        try:
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                pool.submit(_write, self.built, self.ordered.rows, folder).result()
        finally:
            os.environ.pop(THREADS)
            if before is not None:
                os.environ[THREADS] = before

    def load(self, folder: Path) -> None:
        found = _indexes.get((folder, self.kind))
        self._index = _made(self.kind, self.ordered.rows, folder) if found is None else found
        _indexes[folder, self.kind] = self._index

    @property
    def ladders(self) -> Sequence[Sequence[tuple[int, int]]]:
        return [[(beam, times) for beam in BEAMS] for times in MULTIPLES]

    def set_effort(self, effort: tuple[int, int]) -> None:
        import window_ann

        beam, times = effort
        unlimited = 10_000_000, 10_000  # rows met and edges followed, as in its experiments
        self._parameters = window_ann.QueryParams(
            K, beam, 1.35, *unlimited, times, 10_000, None, False
        )

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        starts, stops = self.ordered.span(lows, highs)
        windows = list(zip((starts - 0.5).tolist(), (stops - 0.5).tolist(), strict=True))
        method = () if self.method is None else (self.method,)
        ids = self._index.batch_search(queries, windows, len(queries), *method, self._parameters)[0]
        # What it pads with (0, or 2^32 - 1) is no row, or one that counts if it is a neighbour.
        found = ids[:, :k].astype(np.int64)
        known = found < len(self.ordered.order)
        return np.where(known, self.ordered.order[np.where(known, found, 0)], -1)


class PaperTree(Paper):
    name, method = "paper: tree", "fenwick"

    @property
    def ladders(self) -> Sequence[Sequence[tuple[int, int]]]:
        return [[(beam, 1) for beam in BEAMS]]


class PaperOptimised(Paper):
    name, method = "paper: optimised post-filtering", "optimized_postfilter"


class PaperThreeSplit(Paper):
    name, method = "paper: three-split", "three_split"


class PaperSuper(Paper):
    name, place = "paper: super-post-filtering", "paper-super"
    kind = built = "SuperOptimizedPostfilterTreeIndex"


class PaperPostfilter(Paper):
    name, kind = "paper: post-filtering", "PostfilterVamanaIndex"


class PaperPrefilter(Paper):
    name, place = "paper: pre-filtering", "paper-rows"
    kind = built = "PrefilterIndex"

    @property
    def ladders(self) -> Sequence[Sequence[tuple[int, int]]]:
        return [[(10, 1)]]

    def able(self, matching: int) -> bool:
        """It reads past the end of a window of fewer than k rows, and loses the last row of all."""
        return matching > K


def _write(kind: str, rows: Rows, folder: Path) -> None:
    """As `_made`, in a process that need not send it back."""
    _made(kind, rows, folder)


def _made(kind: str, rows: Rows, folder: Path) -> Any:
    """The index; its graphs are read from the folder, or built and written there."""
    import window_ann

    beam = BUILD_BEAM if len(rows) <= MANY else SHORTER_BEAM
    parameters = window_ann.BuildParams(DEGREE, beam, ALPHA, f"{folder}/")
    positions = np.arange(len(rows), dtype=np.float32)
    arguments: tuple[Any, ...] = ()
    if "Tree" in kind:
        arguments = (CUTOFF, 2, 0.5) if kind.startswith("Super") else (CUTOFF, 2)
    with _silent():
        return getattr(window_ann, f"{kind}FloatEuclidian")(rows, positions, *arguments, parameters)


@contextmanager
def _silent() -> Iterator[None]:
    """What C++ writes to the standard output goes nowhere meanwhile."""
    kept = os.dup(1)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
