"""`Neighbours`: flat arrays that can be read by row, by rectangle, or as they lie."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument
from likewise.results import Neighbours, Row


def row(*ids: int) -> Row:
    return Row(np.array(ids, dtype=np.int64), np.array(ids, dtype=np.float64) / 10)


@pytest.mark.parametrize("rows", [[], [row()], [row(3, 1)], [row(3, 1), row(), row(2)]])
def test_rows_come_back_as_they_went_in(rows: list[Row]) -> None:
    found = Neighbours.from_rows(rows)
    assert len(found) == len(rows)
    assert found.flat_ids.dtype == found.offsets.dtype == np.int64
    assert found.flat_distances.dtype == np.float64
    assert found.counts.tolist() == [len(r.ids) for r in rows]
    for i, given in enumerate(rows):
        for got in (found[i], found[i - len(rows)], found[i : i + 1][0], list(found)[i]):
            assert got.ids.tolist() == given.ids.tolist()
            assert got.distances.tolist() == given.distances.tolist()
    for beyond in (len(rows), -len(rows) - 1):
        with pytest.raises(IndexError, match=f"query {beyond} of {len(rows)}"):
            found[beyond]


def test_rectangles() -> None:
    assert Neighbours.from_rows([]).ids.shape == (0, 0)
    assert Neighbours.from_rows([row()]).ids.shape == (1, 0)
    assert Neighbours.from_rows([row(4, 2)]).distances.tolist() == [[0.4, 0.2]]
    assert Neighbours.from_rows([row(4, 2), row(1, 3)]).ids.tolist() == [[4, 2], [1, 3]]
    with pytest.raises(InvalidArgument, match="between 1 and 2 neighbours"):
        _ = Neighbours.from_rows([row(4, 2), row(1)]).ids
