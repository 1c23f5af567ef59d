"""`Cut`: the first numbers of turned rows, put where squared euclidean distance ranks them.

A. Kusupati and others, "Matryoshka representation learning", NeurIPS 2022: prefixes are made
to be compared by cosine at length one again, whatever was cut off.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from likewise.index._rows import Float32Array


@dataclass(frozen=True, slots=True)
class Cut:
    """A prefix of one length.

    Attributes:
        metric: one of `_placing.PLACED`. Under cosine a prefix is brought to length one; under dot
            it is lifted by one dimension, as whole rows are.
        dims: how many numbers are kept.
        reach: the length of the longest row, for dot; else 0.
        multiple: zeros fill up to a multiple of this.
    """

    metric: str
    dims: int
    reach: float
    multiple: int = 1

    @property
    def width(self) -> int:
        """Numbers in a row as it is put."""
        needed = self.dims + (self.metric == "dot")
        return -(-needed // self.multiple) * self.multiple

    def rows(self, turned: Float32Array) -> Float32Array:
        """(m, width) of rows ``turned`` (m, dims or more)."""
        placed = self._put(turned)
        if self.metric == "dot":
            wide = turned[:, : self.dims].astype(np.float64)
            gap = self.reach**2 - np.vecdot(wide, wide)
            placed[:, self.dims] = np.sqrt(np.maximum(gap, 0.0))
        return placed

    def queries(self, turned: Float32Array) -> Float32Array:
        """(b, width) of queries ``turned`` (b, dims or more)."""
        return self._put(turned)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)

    def _put(self, turned: Float32Array) -> Float32Array:
        placed = np.zeros((len(turned), self.width), dtype=np.float32)
        prefix = turned[:, : self.dims]
        if self.metric == "cosine":  # a prefix of nothing but zeros has no direction, and stays
            lengths = np.sqrt(np.vecdot(prefix, prefix, dtype=np.float64))[:, None]
            prefix = (prefix / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
        placed[:, : self.dims] = prefix
        return placed
