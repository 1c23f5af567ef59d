"""`RowNeighbors`: the neighbours of every row of a collection, by ids and as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likewise.store.batch import Id
from likewise.store.deciding.kept_neighbors import RowLists

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, slots=True, eq=False)
class RowNeighbors:
    """The nearest rows of every row, itself left out, as they were at one commit.

    Attributes:
        ids: (n,) the ids of the rows, in the order in which they came.
    """

    ids: list[Id]
    _lists: RowLists

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """(n, k) which of the n rows the neighbours are, nearest first."""
        return self._lists.places

    @property
    def distances(self) -> npt.NDArray[np.float64]:
        """(n, k) how far they are."""
        return self._lists.distances

    @property
    def recall(self) -> float:
        """The share of the true neighbours that are in the lists: an estimate, 1.0 when exact."""
        return self._lists.recall

    @property
    def near(self) -> list[list[Id]]:
        """The ids of the neighbours of each row."""
        return [[self.ids[place] for place in row] for row in self.places.tolist()]

    def to_csr(self, *, include_self: bool = True) -> csr_matrix[Any]:
        """Distances as scikit-learn takes them with ``metric="precomputed"``, sorted in each row.

        Args:
            include_self: whether each row begins with itself at distance 0, as what is fitted to
                it expects.

        Raises:
            InvalidArgument: ``include_self`` with the metric dot, by which a row is not at distance
                0 from itself.

        Cost: O(n k).
        """
        from likewise.learn.neighbor_graph import sorted_csr

        found: csr_matrix[Any] = sorted_csr(
            self.places, self.distances, self._lists.metric, include_self=include_self
        )
        return found
