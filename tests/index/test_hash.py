"""`Hash` keeps the protocol and its recall contract."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument
from likewise.index import CostModel, Hash
from likewise.index._bits import Bits
from likewise.index._hyperplanes import learned_directions, random_directions
from likewise.testing.index import IndexConformance, recall_of

DEAR = CostModel(call=0.0, streamed=1e-8, gathered=3e-8, value=1e-4)


class TestHash(IndexConformance):
    index = Hash
    metrics = Hash.metrics
    rows = 4000
    fixed = {"costs": DEAR, "bits": 256}  # noqa: RUF012


def rows(count=4000, dim=24, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((12, dim)) * 2
    spread = np.linspace(2, 0.2, dim)
    return (
        centres[rng.integers(0, 12, count)] + spread * rng.standard_normal((count, dim))
    ).astype(np.float32)


@pytest.mark.parametrize("codes", ["itq", "hyperplanes"])
def test_bits_are_used_saved_and_compacted(codes, tmp_path):
    X, Q = rows(), rows(100, seed=1)
    index = Hash("euclidean", codes=codes, bits=128, costs=DEAR).fit(X)
    found = index.search(Q, 10, recall=0.9)
    assert found.info.strategy == "hash"
    assert recall_of(found, "euclidean", Q, X, np.ones(len(X), bool)) >= 0.88
    index.save(tmp_path / "file")
    again = Hash.load(tmp_path / "file")
    assert (again.codes, again.bits) == (codes, 128)
    np.testing.assert_array_equal(again.search(Q, 10, recall=0.9).ids, found.ids)
    alive = np.random.default_rng(2).random(len(X)) > 0.3
    again.delete(np.flatnonzero(~alive))
    assert len(again.rows) == alive.sum()
    found = again.search(Q, 10, recall=0.9)
    assert found.info.strategy == "hash"
    assert recall_of(found, "euclidean", Q, X, alive) >= 0.88


def test_learned_bits_find_more_where_the_rows_are_flat():
    # Rows that spread along few of many directions: random hyperplanes waste bits on the others.
    rng = np.random.default_rng(0)
    spread = np.r_[np.full(8, 1.0), np.full(56, 0.25)]
    X = (rng.standard_normal((3000, 64)) * spread).astype(np.float32)
    nearest = np.argsort(np.square(X[:50, None] - X[None]).sum(axis=2), axis=1)[:, :10]
    found = {}
    centre = X.mean(axis=0)
    for name, directions in {
        "learned": learned_directions(X - centre, 32, seed=0),
        "random": random_directions(32, 64, seed=0),
    }.items():
        bits = Bits(centre, directions)
        bits.insert(X, np.arange(len(X)), 1)
        lists = bits.propose(X[:50], 0, 200, None)
        found[name] = np.mean(
            [np.isin(n, ids).mean() for n, ids in zip(nearest, lists, strict=True)]
        )
    assert found["learned"] > found["random"] + 0.02


def test_random_bits_differ_as_angles_do():
    # The expected share of bits that differ is the angle over pi (Charikar, 2002).
    rng = np.random.default_rng(0)
    directions = random_directions(4096, 16, seed=1)
    for _ in range(10):
        x, y = rng.standard_normal((2, 16))
        angle = np.arccos(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
        share = np.mean((directions @ x > 0) != (directions @ y > 0))
        assert abs(share - angle / np.pi) < 0.03


def test_the_learned_rotation_quantises_better_than_none():
    # Both turn the same principal components; ITQ lowers |sign(V R) - V R|.
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3000, 12)) * np.linspace(3, 0.3, 12)
    values -= values.mean(axis=0)
    learned = learned_directions(values.astype(np.float32), 12, seed=0)
    np.testing.assert_allclose(learned @ learned.T, np.eye(12), atol=1e-5)

    def loss(projected):
        scaled = projected / projected.std()
        return np.square(np.sign(scaled) - scaled).mean()

    assert loss(values @ learned.T) < 0.8 * loss(values)


@pytest.mark.parametrize(("bits", "dim"), [(8, 3), (64, 5), (1024, 20)])
def test_any_number_of_bits(bits, dim):
    X = rows(2200, dim)
    for codes in ("itq", "hyperplanes"):
        index = Hash("cosine", codes=codes, bits=bits, costs=DEAR).fit(X)
        assert index.search(X[:3], 1).ids[:, 0].tolist() == [0, 1, 2]


def test_bad_arguments():
    with pytest.raises(InvalidArgument, match="multiple of 8"):
        Hash(bits=12)
    with pytest.raises(InvalidArgument, match="codes must be one of hyperplanes, itq"):
        Hash(codes="lsh")
