"""Links within parts of the ordered rows: for walks that stay in a window.

Parts have 2,048 rows, and twice (or more, by ``branching``) as many on each coarser level. On
the finest level links are chosen among all rows of a part, on the others as `_compiled.parts`
tells: the elemental graphs of iRangeGraph (Y. Xu and others, SIGMOD 2025), which are the tree of
sub-indexes of J. Engels and others (ICML 2024) without its vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile
from likewise.index._codes import Codes, aligned, read_only
from likewise.index._compiled import in_threads
from likewise.index._compiled.values import Diversity
from likewise.index._loops import loops
from likewise.index._net import SHORT_ROWS, Scratch
from likewise.index._sampling import row_hashes
from likewise.index._twins import Twins, equal_rows
from likewise.vectors import Float32Array

PlaceArray = npt.NDArray[np.int32]
LevelArray = npt.NDArray[np.int32]

#: Rows of the smallest parts: windows of so many are scanned as quickly as walked through.
SMALLEST_PART = 2048
#: Links a row keeps on each level: one line of memory where rows are short, else two.
FEW, MANY = 16, 32
#: Candidates for them, on a level.
CANDIDATES = 64
#: Rows of one piece of work.
PIECE = 1024


@dataclass(frozen=True, slots=True)
class PartLinks:
    """Links within parts.

    Attributes:
        sizes: (levels,) int64, rows a part, the largest first.
        links: (n, levels, few) int32, -1 after the last.
        overlapping: the same for parts that begin half a part earlier; (0, 0, 0) without.
    """

    sizes: npt.NDArray[np.int64]
    links: LevelArray
    overlapping: LevelArray

    @classmethod
    def none(cls, rows: int) -> PartLinks:
        """No parts of so many rows."""
        no = np.empty(0, dtype=np.int64)
        empty = np.empty((rows, 0, 0), dtype=np.int32)
        return cls(no, empty, np.empty((0, 0, 0), dtype=np.int32))

    @property
    def nbytes(self) -> int:
        """Bytes of all links."""
        return self.links.nbytes + self.overlapping.nbytes

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps."""
        return {
            "part_sizes": self.sizes,
            "part_links": self.links,
            "overlapping_links": self.overlapping,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], rows: int) -> PartLinks:
        """The inverse, for ``rows`` ordered rows.

        Raises:
            DamagedFile: the arrays do not belong together.
        """
        sizes, links = arrays["part_sizes"], arrays["part_links"]
        overlapping = arrays["overlapping_links"]
        levels = len(sizes)
        # Kernels divide by them.
        fitting = ((sizes >= 1) & (sizes < rows)).all() and (sizes[:-1] > sizes[1:]).all()
        if (
            links.ndim != 3
            or links.shape[:2] != (rows, levels)
            or overlapping.shape not in ((0, 0, 0), links.shape)
            or not fitting
            or (sizes[:-1] % sizes[1:]).any()
        ):
            raise DamagedFile("the links of the parts do not belong together; build it again")
        return cls(sizes, links, overlapping)


def part_sizes(rows: int, branching: int) -> list[int]:
    """Rows a part on each level, the largest first; none where one part would hold them all."""
    sizes = []
    size = SMALLEST_PART
    while size < rows:
        sizes.append(size)
        size *= branching
    return sizes[::-1]


def few_links(dim: int) -> int:
    """Links a row keeps on each level."""
    return FEW if dim < SHORT_ROWS else MANY


def link_parts(
    codes: Codes,
    rows: Float32Array,
    diversity: Diversity,
    *,
    branching: int,
    overlap: bool,
    jobs: int,
    told: Callable[[int], None],
) -> PartLinks:
    """Choose the links of all levels.

    Args:
        codes: of the ordered rows.
        rows: (n, dim) the originals, in the same order.
        diversity: as for the graph of all rows.
        branching: parts that a part of the next coarser level has.
        overlap: also for parts that begin half a part earlier.
        jobs: threads; the links do not depend on them.
        told: called with the rows done of all levels now and then.

    Cost: about a walk a row and level, and `SMALLEST_PART` distances a row.
    """
    sizes, few = part_sizes(len(rows), branching), few_links(codes.dim)
    shape = (len(rows), len(sizes), few)
    links = aligned(shape, np.int32)
    builder = _Builder(codes, rows, diversity, few, jobs, told)
    shifted = aligned(shape if overlap else (0, 0, 0), np.int32)
    finer = np.empty((0, few), dtype=np.int32)
    for level in range(len(sizes) - 1, -1, -1):
        inner = 0 if level == len(sizes) - 1 else sizes[level + 1]
        if overlap:
            shifted[:, level] = builder.level(sizes[level], inner, finer, half=1)
        finer = builder.level(sizes[level], inner, finer, half=0)
        links[:, level] = finer
    return PartLinks(np.array(sizes, dtype=np.int64), links, shifted)


class _Builder:
    """What the levels have in common."""

    def __init__(
        self,
        codes: Codes,
        rows: Float32Array,
        diversity: Diversity,
        few: int,
        jobs: int,
        told: Callable[[int], None],
    ) -> None:
        self.space, self.metric, self.jobs, self.few = codes.space(), codes.metric, jobs, few
        self.diversity = diversity._replace(fewest=min(diversity.fewest, few // 2))
        self.alike = read_only(_rounds(rows))
        self.scratch = Scratch(len(rows))
        self.told, self.done = told, 0

    def level(self, size: int, inner: int, finer: LevelArray, *, half: int) -> LevelArray:
        """The links (n, few) within parts of ``size`` rows; ``inner`` is 0 on the finest level."""
        count = len(self.alike)
        made = loops(self.metric).parts
        links = np.empty((count, self.few), dtype=np.int32)

        def piece(first: int) -> None:
            stop = min(first + PIECE, count)
            settings = (self.alike, size, half)
            if inner == 0:
                made.smallest_parts(
                    self.space, links, *settings, first, stop, CANDIDATES, self.diversity
                )
            else:
                visited = self.scratch.take()
                made.merged_parts(
                    self.space,
                    read_only(finer),
                    links,
                    *settings,
                    inner,
                    first,
                    stop,
                    CANDIDATES,
                    self.diversity,
                    visited,
                )
                self.scratch.give(visited)

        pieces = list(range(0, count, PIECE))
        for start in range(0, len(pieces), 4 * self.jobs):
            some = pieces[start : start + 4 * self.jobs]
            in_threads(self.jobs, piece, some)
            self.done += min(some[-1] + PIECE, count) - some[0]
            self.told(self.done)
        return links


def _rounds(rows: Float32Array) -> PlaceArray:
    """(n,) the next row that equals this one, round and round; itself where none does."""
    everything = np.arange(len(rows))
    reps, others = equal_rows(rows, everything, row_hashes(rows, everything))
    following = everything.astype(np.int32)
    twins = Twins(reps.astype(np.int32), others.astype(np.int32))
    chain = twins.followers(len(rows))
    if len(chain):
        leaders = everything.copy()
        leaders[others] = reps
        following = np.where(chain >= 0, chain, leaders).astype(np.int32)
    return following
