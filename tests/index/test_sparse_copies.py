"""A copy of a `Sparse` index goes its own way: what one is given does not change the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likewise.errors import NotFitted
from likewise.index import Sparse

TERMS = ["cat", "dog", "mat", "moon", "fish"]


def rows(count: int, seed: int) -> list[dict[str, int]]:
    random = np.random.default_rng(seed)
    drawn = random.poisson(0.7, (count, len(TERMS)))
    return [{term: int(n) for term, n in zip(TERMS, line, strict=True) if n} for line in drawn]


def answers(index: Sparse) -> list[list[float]]:
    found = index.search([{"cat": 1, "moon": 2}, {"new": 1}], k=500)
    return [[*row.ids.tolist(), *row.distances.tolist()] for row in found]


@pytest.mark.parametrize("weighting", ["dot", "lucene"])
def test_random_histories(weighting: str) -> None:
    random = np.random.default_rng(3)
    index = Sparse(weighting).fit(rows(200, 0))
    for turn in range(30):
        before, statistics = answers(index), index.statistics
        count, frequency = len(index), statistics.frequency("cat")
        other = index.copy()
        assert answers(other) == before
        changed = random.integers(3)
        if changed == 0:
            other.add([*rows(5, turn), {"new": turn + 1}])
        elif changed == 1:
            other.delete(random.integers(0, other.next_position, 40))
        else:
            other.delete([0])
            other.add(rows(300, turn))
        assert answers(index) == before
        assert (len(index), index.statistics.frequency("cat")) == (count, frequency)
        if turn % 2:
            index = other


def test_a_copy_of_a_mapped_index(tmp_path: Path) -> None:
    Sparse("lucene").fit(rows(100, 1)).save(tmp_path / "index")
    mapped = Sparse.load(tmp_path / "index")
    other = mapped.copy()
    other.delete(range(50))
    other.add([{"new": 1}])
    assert answers(mapped) == answers(Sparse.load(tmp_path / "index"))
    assert answers(other)[1][0] == 100


def test_rows_without_a_term() -> None:
    for given in ([], [{}, {}]):
        index = Sparse("lucene").fit(given)
        assert len(index) == len(given)
        assert answers(index) == [[], []]
        index.add([{"cat": 1}])
        assert answers(index)[0][0] == len(given)


def test_nothing_to_copy() -> None:
    empty = Sparse().copy()
    with pytest.raises(NotFitted):
        _ = empty.statistics
