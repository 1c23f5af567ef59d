"""A kernel matrix tile by tile, so that temporaries stay small and threads have pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from likewise._workers import map_on_cores
from likewise.errors import OverLimit
from likewise.kernels._rows import FloatArray

#: A tile's entries, from the slices of its rows and of its columns.
Entries = Callable[[slice, slice], FloatArray]


@dataclass(frozen=True, slots=True)
class KernelPlan:
    """What evaluating a kernel takes.

    Attributes:
        rows, columns: the shape of the matrix.
        tile: so many rows and columns are evaluated at a time.
        bytes: main memory: what is kept, and the tiles that are under way.
        seconds: from a timed tile; None where none was.

    Example:
        >>> plan = KernelPlan(50_000, 50_000, 512, bytes=20_012_582_912, seconds=140.2)
        >>> print(plan)
        50,000 x 50,000 by tiles of 512: 20,012.6 MB and about 140.2 s
    """

    rows: int
    columns: int
    tile: int
    bytes: int
    seconds: float | None = None

    def __str__(self) -> str:
        time = "" if self.seconds is None else f" and about {self.seconds:,.1f} s"
        shape = f"{self.rows:,} x {self.columns:,} by tiles of {self.tile}"
        return f"{shape}: {self.bytes / 1e6:,.1f} MB{time}"

    def check(self, memory_limit: float | None, remedy: str) -> None:
        """Raise `OverLimit` with this plan and the ``remedy`` where it needs more bytes."""
        if memory_limit is not None and self.bytes > memory_limit:
            raise OverLimit(
                f"a kernel matrix of {self} is over memory_limit = {memory_limit / 1e6:,.1f} MB; "
                f"{remedy}"
            )


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of an (n, m) matrix; of a symmetric one, those on and above the diagonal."""

    n: int
    m: int
    tile: int
    symmetric: bool

    def __iter__(self) -> Iterator[tuple[slice, slice]]:
        for i in range(0, self.n, self.tile):
            for j in range(i if self.symmetric else 0, self.m, self.tile):
                yield slice(i, min(i + self.tile, self.n)), slice(j, min(j + self.tile, self.m))

    def fill(self, out: FloatArray, entries: Entries, workers: int) -> FloatArray:
        """Write every tile into ``out``, and below the diagonal what is above it."""

        def write(place: tuple[slice, slice]) -> None:
            rows, columns = place
            block = entries(rows, columns)
            if self.symmetric and rows == columns:
                block = (block + block.T) / 2  # the two halves differ by rounding
            out[rows, columns] = block
            if self.symmetric and rows != columns:
                out[columns, rows] = block.T

        for _ in map_on_cores(write, list(self), backend="numpy", workers=workers):
            pass
        return out

    def product(self, v: FloatArray, entries: Entries, workers: int) -> FloatArray:
        """The matrix times ``v`` (m, r), added up tile after tile in one order."""

        def multiply(place: tuple[slice, slice]) -> tuple[FloatArray, FloatArray | None]:
            rows, columns = place
            block = entries(rows, columns)
            beside = self.symmetric and rows != columns
            return block @ v[columns], block.T @ v[rows] if beside else None

        out = np.zeros((self.n, v.shape[1]), dtype=v.dtype)
        places = list(self)
        parts = map_on_cores(multiply, places, backend="numpy", workers=workers)
        for (rows, columns), (above, below) in zip(places, parts, strict=True):
            out[rows] += above
            if below is not None:
                out[columns] += below
        return out
