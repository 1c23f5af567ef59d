"""Patches of a convolution, and which positions of two images an offset moves together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from likewise.errors import DimensionMismatch
from likewise.kernels._rows import FloatArray

#: What lies beyond the border of an image.
PADDINGS = ("same", "valid", "circular")


@dataclass(frozen=True, slots=True)
class Patches:
    """Square patches of ``size`` by ``size`` positions.

    Attributes:
        padding: ``"same"`` has zeros beyond the border, ``"circular"`` the opposite border, and
            both keep the number of positions; ``"valid"`` has only patches that are inside.
    """

    size: int
    padding: str

    def positions(self, shape: tuple[int, int]) -> tuple[int, int]:
        """How many patches there are of an image of ``shape``."""
        if self.padding != "valid":
            return shape
        high, wide = (side - self.size + 1 for side in shape)
        if high < 1 or wide < 1:
            raise DimensionMismatch(
                f"filter_size = {self.size} does not fit {shape[0]} x {shape[1]} positions with "
                'padding="valid"; use fewer layers, a smaller filter, or padding="same"'
            )
        return high, wide

    def mean(self, array: FloatArray) -> FloatArray:
        """Of each patch the sum over its offsets, divided by their number.

        Args:
            array: (..., height, width), of what there is at positions; for pairs of positions
            those at one distance, since an offset moves both.
        """
        array = self._sum(self._sum(array, -2), -1)
        array /= self.size * self.size
        return array

    def _sum(self, array: FloatArray, axis: int) -> FloatArray:
        side, reach = array.shape[axis], self.size // 2
        if self.padding == "valid":
            length = side - self.size + 1
            out = _part(array, axis, 0, length).copy()
            for start in range(1, self.size):
                out += _part(array, axis, start, start + length)
            return out
        out = array.copy()
        if self.padding == "circular":
            for shift in (*range(-reach, 0), *range(1, reach + 1)):
                out += np.roll(array, shift, axis)
            return out
        for shift in range(1, min(reach, side - 1) + 1):
            here = _part(out, axis, shift, side)
            here += _part(array, axis, 0, side - shift)
            here = _part(out, axis, 0, side - shift)
            here += _part(array, axis, shift, side)
        return out

    def overlaps(self, shape: tuple[int, int]) -> Iterator[Overlap]:
        """All pairs of positions of two images, by how far the second is from the first."""
        high, wide = shape
        if self.padding == "circular":
            for down in range(high):
                for right in range(wide):
                    yield Overlap(-down, -right, wraps=True)
            return
        for down in range(1 - high, high):
            for right in range(1 - wide, wide):
                yield Overlap(down, right)


@dataclass(frozen=True, slots=True)
class Overlap:
    """The positions p with a second position p + (down, right) in the image."""

    down: int
    right: int
    wraps: bool = False

    def first(self, array: FloatArray, axes: tuple[int, int]) -> FloatArray:
        """What ``array`` has at the first positions; ``axes`` are its height and width."""
        if self.wraps:
            return array
        return _part(_part(array, axes[0], *_span(self.down)), axes[1], *_span(self.right))

    def second(self, array: FloatArray, axes: tuple[int, int]) -> FloatArray:
        """What ``array`` has at the second positions, in the same order."""
        if self.wraps:
            return np.roll(array, (self.down, self.right), axes)
        return _part(_part(array, axes[0], *_span(-self.down)), axes[1], *_span(-self.right))


def _span(shift: int) -> tuple[int | None, int | None]:
    """Start and stop of the positions that have another one ``shift`` further on."""
    return (None, -shift) if shift > 0 else (-shift, None)


def _part(array: FloatArray, axis: int, start: int | None, stop: int | None) -> FloatArray:
    """A view with ``start:stop`` along ``axis``."""
    at: list[slice] = [slice(None)] * array.ndim
    at[axis] = slice(start, stop)
    return array[tuple(at)]
