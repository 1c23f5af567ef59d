"""Patches of a convolution: sums of covariances over offsets that both positions share."""

from __future__ import annotations

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

    def mean(self, array: FloatArray, groups: tuple[tuple[int, ...], ...]) -> FloatArray:
        """Of each patch the sum over its offsets, divided by their number.

        Args:
            array: covariances at positions. groups: for each direction the axes that an offset
            moves along together: one axis for equal positions, two for pairs of positions.
        """
        for axes in groups:
            array = self._sum(array, axes)
        array /= self.size * self.size
        return array

    def _sum(self, array: FloatArray, axes: tuple[int, ...]) -> FloatArray:
        reach = self.size // 2
        if self.padding == "valid":
            length = array.shape[axes[0]] - self.size + 1
            out = _part(array, axes, 0, length).copy()
            for start in range(1, self.size):
                out += _part(array, axes, start, start + length)
            return out
        out = array.copy()
        side = array.shape[axes[0]]
        if self.padding == "circular":
            for shift in (*range(-reach, 0), *range(1, reach + 1)):
                out += np.roll(array, shift, axes)
            return out
        for shift in range(1, min(reach, side - 1) + 1):
            low, high = _part(array, axes, 0, side - shift), _part(array, axes, shift, side)
            here = _part(out, axes, shift, side)
            here += low
            here = _part(out, axes, 0, side - shift)
            here += high
        return out


def _part(array: FloatArray, axes: tuple[int, ...], start: int, stop: int) -> FloatArray:
    """A view with ``start:stop`` along each of ``axes``."""
    at: list[slice] = [slice(None)] * array.ndim
    for axis in axes:
        at[axis] = slice(start, stop)
    return array[tuple(at)]
