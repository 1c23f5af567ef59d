"""What comes in is checked: rows, ids, limits, and what an encoder makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise.encode import Encoder
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[lw.Collection]:
    with lw.create(tmp_path / "c", dim=2, metric="euclidean") as made:
        made.add([{"id": i, "vector": [i, 0]} for i in range(3)])
        yield made


@pytest.mark.parametrize("name", ["radius", "min_score", "recall"])
def test_integers_beyond_every_float(collection: lw.Collection, name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} must be"):
        collection.search([0, 0], **{name: 10**400})


def test_an_error_inside_an_iterable_of_rows_is_its_own(collection: lw.Collection) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield {"vector": [1, 1]}
        yield {"vector": [1, None + 1]}  # type: ignore[operator]

    with pytest.raises(TypeError, match="NoneType") as caught:
        collection.add(broken())
    assert not isinstance(caught.value, InvalidType)
    assert len(collection) == 3


def test_bytes_are_no_list_of_ids(collection: lw.Collection) -> None:
    with pytest.raises(InvalidType, match="ids must be"):
        collection.get(b"\x01")


def test_costs_must_be_a_cost_model(tmp_path: Path, collection: lw.Collection) -> None:
    with pytest.raises(InvalidType, match="costs must be a CostModel"):
        lw.create(tmp_path / "d", dim=2, costs=5)  # type: ignore[arg-type]
    assert not (tmp_path / "d").exists()
    with pytest.raises(InvalidType, match="costs must be a CostModel"):
        lw.open(collection.path, costs=5)  # type: ignore[arg-type]


class Made(Encoder):
    """Vectors that a test chooses."""

    name = "made"
    dim = 2
    metric = "cosine"

    def __init__(self, vector: list[float]) -> None:
        self.vector = vector

    def _identity(self) -> bytes:
        return b"made"

    def _encode(self, texts: list[str], progress: Callable[[int, int], None]) -> Any:
        return np.array([self.vector] * len(texts), dtype=np.float32)


@pytest.mark.parametrize("vector", [[0.0, 0.0], [np.nan, 1.0]])
def test_an_encoder_that_makes_no_vectors(tmp_path: Path, vector: list[float]) -> None:
    encoder = Made([1.0, 0.0])
    with lw.create(tmp_path / "c", encoder=encoder) as collection:
        collection.add([{"id": "good", "text": "a"}])
        encoder.vector = vector
        with pytest.raises(InvalidVector, match=r"row 0 \(id 'bad'\)"):
            collection.add([{"id": "bad", "text": "b"}])
        with pytest.raises(InvalidVector, match="query 0"):
            collection.search("c")
        assert len(collection) == 1


def test_a_bad_vector_is_named_by_its_row_in_the_batch(tmp_path: Path) -> None:
    with (
        lw.create(tmp_path / "c", encoder=Made([1.0, 0.0])) as collection,
        pytest.raises(DimensionMismatch, match=r"row 1 \(id 'b'\) has 3"),
    ):
        collection.add([{"id": "a", "text": "a"}, {"id": "b", "vector": [1, 2, 3]}])


def test_queries_of_a_process_that_only_searches_are_logged(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=2, log_queries=True) as collection:
        collection.add([{"id": 1, "vector": [1, 0]}])
    with lw.open(tmp_path / "c") as collection:
        collection.search([0, 1])
    with lw.open(tmp_path / "c", read_only=True) as collection:
        assert collection.recall(1).source == "rows+logged"


def test_explain_weighs_parts_without_a_graph_too(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=3) as collection:
        collection.add([{"vector": [1, 2, i]} for i in range(5)])
        assert collection.search([1, 2, 3]).info.candidates == {}
        assert 0 < collection.search([1, 2, 3], explain=True).info.candidates["exact"] < 1
        collection.seal()
        assert 0 < collection.search([1, 2, 3], explain=True).info.candidates["exact"] < 1
