"""The folder of derived files may be deleted whole, at any time: nothing is lost by it."""

import shutil

import numpy as np
import pytest

import likewise as lw
from likewise.errors import CacheWarning

X = np.random.default_rng(0).standard_normal((60, 4))


@pytest.fixture
def path(tmp_path):
    with lw.create(tmp_path / "c.likewise", dim=4) as col:
        col.add([{"id": i, "vector": row, "year": 2000 + i % 5} for i, row in enumerate(X)])
        col.index_field("year")
        col.seal()
    return tmp_path / "c.likewise"


def nearest(col):
    return col.search(X[7], k=3, where="year >= 2002").ids


def test_deleted_while_closed(path):
    with lw.open(path) as col:
        right = nearest(col)
    shutil.rmtree(path / "cache")
    with lw.open(path, read_only=True) as reader, pytest.warns(CacheWarning, match="missing"):
        assert nearest(reader) == right
    assert not (path / "cache").exists(), "a reader wrote"
    with lw.open(path) as col:
        with pytest.warns(CacheWarning, match="missing"):
            assert nearest(col) == right
        col.seal()
        col.add([{"id": "new", "vector": X[0]}])
        col.seal()
        assert col.check() == []
        assert col.info()["tail_rows"] == 0


@pytest.mark.filterwarnings("ignore::likewise.errors.CacheWarning")
@pytest.mark.parametrize("task", ["seal", "compact", "repair"])
def test_deleted_under_an_open_writer(path, task):
    with lw.open(path) as col:
        right = nearest(col)
        col.add([{"id": "new", "vector": X[0]}])
        shutil.rmtree(path / "cache")
        getattr(col, task)()
        assert nearest(col) == right
        assert len(col) == 61
        col.repair()
        assert col.check() == []
