"""``search(dims=)``: the first numbers propose, whole vectors decide, and it is said how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import likewise as lw
from likewise.cli.app import app
from likewise.encode.hashing import Hashing
from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    ReadOnly,
    UnknownArgument,
    UnknownField,
)
from likewise.index import Measured, sweep
from likewise.store import derived
from likewise.store.prefix_ways import PrefixWay
from likewise.store.settings import Settings
from likewise.testing.fields import FieldsConformance
from tests.store.prefixes import must_be_by_prefix, shrink_prefixes
from tests.store.small import GRAPH_FIRST

DIM = 12
TURN = np.linalg.qr(np.random.default_rng(99).standard_normal((DIM, DIM)))[0]
SPREAD = np.arange(1, DIM + 1) ** -0.7


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_prefixes(monkeypatch)


def vectors(count: int, seed: int = 0, nested: bool = False) -> np.ndarray:
    """Rows of falling variance, along hidden directions or along the numbers themselves."""
    rows = np.random.default_rng(seed).standard_normal((count, DIM)) * SPREAD
    return (rows if nested else rows @ TURN + 0.1).astype(np.float32)


def rows(count: int, first: int = 0, seed: int = 0) -> list[dict]:
    made = vectors(count, seed + first)
    words = ["red fox", "green dog", "blue cat"]
    return [
        {"id": first + i, "vector": v, "n": i % 4, "text": words[i % 3]} for i, v in enumerate(made)
    ]


def collection(path: Path, metric: str = "cosine", **options: Any) -> lw.Collection:
    """Two segments of 200 and 60 rows, a tail of 30, and some rows deleted from each."""
    col = lw.create(path, dim=DIM, metric=metric, costs=GRAPH_FIRST, **options)
    fill(col)
    return col


def fill(col: lw.Collection) -> None:
    col.add(rows(200))
    col.seal()
    col.add(rows(60, 200))
    col.seal()
    col.add(rows(30, 260))
    col.delete([*range(0, 40), *range(200, 210), 265])
    assert [segment["rows"] for segment in col.info()["segments"]] == [200, 60]


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "sqeuclidean", "dot"])
def test_hits_are_those_of_the_twin(tmp_path, metric):
    with collection(tmp_path / "c", metric) as col:
        kept_out = 0
        for seed in range(8):
            query = vectors(1, 1000 + seed)[0]
            for k, dims, where in [(3, 2, None), (5, 6, "n >= 2"), (1, DIM, None), (400, 3, None)]:
                found = col.search(query, k, dims=dims, where=where)
                twin = "euclidean" if metric == "sqeuclidean" else metric
                if metric == twin:
                    kept_out += must_be_by_prefix(col, found, query, k, dims, where=where)
                assert len(found) == min(k, col.count(where))
                exact = col.search(query, k, exact=True, where=where)
                if dims == DIM:
                    assert found.ids == exact.ids
        assert kept_out > 1000 or metric == "sqeuclidean"


def test_squared_distances_rank_as_plain_ones(tmp_path):
    with (
        collection(tmp_path / "one", "euclidean") as one,
        collection(tmp_path / "two", "sqeuclidean") as two,
    ):
        for query in vectors(10, 5):
            plain, squared = one.search(query, 4, dims=3), two.search(query, 4, dims=3)
            assert plain.ids == squared.ids
            np.testing.assert_allclose(plain.distances**2, squared.distances, rtol=1e-6)


def test_nested_vectors_are_taken_as_they_are(tmp_path):
    field = lw.VectorField(DIM, nested=True)
    with lw.create(tmp_path / "c", fields={"dense": field}, costs=GRAPH_FIRST) as col:
        made = vectors(200, nested=True)
        col.add([{"id": i, "vector": v} for i, v in enumerate(made)])
        col.seal()
        for query in vectors(8, 1, nested=True):
            found = col.search(query, 3, dims=4)
            assert must_be_by_prefix(col, found, query, 3, 4) > 100
        assert "field 'dense' is nested" in found.info.reason
        assert "PCA" not in found.info.reason
        assert col.info()["fields"]["dense"]["nested"] is True
    with lw.open(tmp_path / "c") as col:
        assert col.settings.dense["dense"].nested is True
        assert col.search(made[3], 1, dims=4).ids == [3]


def test_vectors_that_are_not_nested_are_turned_and_it_is_said(tmp_path):
    with collection(tmp_path / "c") as col:
        found = col.search(vectors(1, 7)[0], 3, dims=4, explain=True)
        assert found.info.strategy == "prefix"
        assert "prefixes of 4 numbers" in found.info.reason
        assert "PCA because field 'dense' is not nested" in found.info.reason
        assert "30 rows are not sealed yet" in found.info.reason
        assert found.info.candidates["exact"] > 0
        assert found.info.actual is not None
        assert 0 < found.info.recall <= 1
        assert found.info.matching == len(col) == 239
        assert "nested" not in col.settings.dumps()


def test_an_encoder_says_whether_it_is_nested(tmp_path):
    class Nested(Hashing):
        nested = True

    with lw.create(tmp_path / "c", encoder=Nested()) as col:
        assert col.settings.dense["dense"].nested is True
    with lw.create(tmp_path / "d", encoder="hashing") as col:
        assert not col.settings.dense["dense"].nested
    with lw.create(tmp_path / "f", dim=4, nested=True) as col:
        assert col.settings.dense["dense"].nested is True
    own = lw.VectorField(encoder=Nested(), nested=False)
    with lw.create(tmp_path / "e", fields={"dense": own}) as col:
        assert not col.settings.dense["dense"].nested


def test_few_rows_are_all_compared(tmp_path):
    with lw.create(tmp_path / "c", dim=DIM) as col:
        query = vectors(1, 3)[0]
        assert col.search(query, dims=4).ids == []
        col.add(rows(20))
        for _ in range(2):  # as a tail, and as a segment
            found = col.search(query, 5, dims=4)
            assert found.ids == col.search(query, 5, exact=True).ids
            assert (found.info.strategy, found.info.recall) == ("exact", 1.0)
            assert found.info.reason.startswith("dims=4 was asked for, but whole vectors are")
            col.seal()


def test_recall_is_what_was_measured(tmp_path):
    with lw.create(tmp_path / "c", dim=DIM, costs=GRAPH_FIRST) as col:
        col.add(rows(400))
        col.seal()
        queries = vectors(150, 5)
        for dims in (2, 5, 10):
            found = col.search(queries, 5, dims=dims)
            exact = col.search(queries, 5, exact=True)
            shares = [len(set(a.ids) & set(b.ids)) / 5 for a, b in zip(found, exact, strict=True)]
            assert abs(np.mean(shares) - found[0].info.recall) < 0.1, dims


def test_batches_limits_and_more_like_this(tmp_path):
    with collection(tmp_path / "c", "euclidean") as col:
        queries = vectors(20, 4)
        batch = col.search(queries, 4, dims=3)
        for query, many in zip(queries, batch, strict=True):
            one = col.search(query, 4, dims=3)
            assert one.ids == many.ids
            reach = float(one.distances[1])
            assert col.search(query, 4, dims=3, radius=reach).ids == one.ids[:2]
            least = float(one.scores[2])
            assert col.search(query, 4, dims=3, min_score=least).ids == one.ids[:3]
        like = col.search({"id": 100}, 4, dims=3)
        assert 100 not in like.ids
        must_be_by_prefix(col, like, vectors(200)[100], 4, 3, without=100)


def test_fused_with_words(tmp_path):
    with lw.create(tmp_path / "c", encoder="hashing", costs=GRAPH_FIRST) as col:
        random = np.random.default_rng(0)
        words = [f"w{i}" for i in range(40)]
        col.add([{"id": i, "text": " ".join(random.choice(words, 5))} for i in range(150)])
        col.seal()
        alone = col.search("w1 w2 w3", 20, dims=8)
        assert alone.info.strategy == "prefix"
        fused = col.search("w1 w2 w3", 10, using=["dense", "lexical"], dims=8, depth=20)
        ranks = {hit.id: hit.branches["dense"].rank for hit in fused}
        for id_, rank in ranks.items():
            assert rank == (alone.ids.index(id_) + 1 if id_ in alone.ids else None)
        assert "dense by prefix: asked for by dims=8" in fused.info.reason
        assert "PCA" in fused.info.reason
        assert fused.info.recall == alone.info.recall


def test_two_fields_by_one_length(tmp_path):
    fields = {"dense": lw.VectorField(DIM), "other": lw.VectorField(4, "euclidean")}
    with lw.create(tmp_path / "c", fields=fields, costs=GRAPH_FIRST) as col:
        made = vectors(100)
        col.add([{"id": i, "vectors": {"dense": v, "other": v[:4]}} for i, v in enumerate(made)])
        col.seal()
        query = {"vectors": {"dense": made[5], "other": made[5][:4]}}
        assert col.search(query, 1, using=["dense", "other"], dims=3).ids == [5]
        with pytest.raises(InvalidArgument, match=r"field 'other': dims=5 is beyond.*4 numbers"):
            col.search(query, 1, using=["dense", "other"], dims=5)


# -- kept ---------------------------------------------------------------------------------


def files(col: lw.Collection) -> list[str]:
    return sorted(path.name for path in (col.path / "cache").glob("*prefix*"))


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path):
    with collection(tmp_path / "c") as col:
        before = [col.search(query, 3, dims=3).ids for query in vectors(5, 1)]
        col.seal()
        col.compact()
        assert files(col) == []
        assert "prefixes" not in col.settings.dumps()
    assert len(before) == 5


def test_kept_prefixes_answer_alike_and_live_through_everything(tmp_path):
    with collection(tmp_path / "c") as col:
        queries = vectors(10, 1)
        before = [found.ids for found in col.search(queries, 3, dims=3)]
        col.index_prefix(3)
        col.index_prefix(3)
        assert [name[6:] for name in files(col)] == [".0.prefix3"] * 2
        assert col.info()["fields"]["dense"]["prefixes"] == ["prefix3"]
        assert [segment["derived"] for segment in col.info()["segments"]] == [["0.prefix3"]] * 2
        assert [found.ids for found in col.search(queries, 3, dims=3)] == before
        assert col.check() == []
        copy = col.snapshot(tmp_path / "copy")
    with lw.open(tmp_path / "c", read_only=True) as col:
        with col._viewing() as (_, view):
            assert all(segment.derived.mapped == {"0.prefix3"} for segment in view.segments)
        assert [found.ids for found in col.search(queries, 3, dims=3)] == before
    with lw.restore(copy, tmp_path / "again") as col:
        assert [found.ids for found in col.search(queries, 3, dims=3)] == before
        col.seal()
        assert len(files(col)) == len(col.info()["segments"])
        report = col.compact()
        assert report.erased
        assert len(files(col)) == 1
        for query in queries:
            must_be_by_prefix(col, col.search(query, 3, dims=3), query, 3, 3)
        assert col.check() == []
        col.index_prefix(5)
        col.index_prefix(3, keep=False)
        col.index_prefix(7, keep=False)
        assert [name[6:] for name in files(col)] == [".0.prefix5"]
        assert col.check() == []
        assert col.search(queries[0], 3, dims=3).info.strategy == "prefix"


def test_lost_and_damaged_files_are_made_anew(tmp_path):
    with collection(tmp_path / "c") as col:
        col.index_prefix(3)
        query = vectors(1, 1)[0]
        before = col.search(query, 3, dims=3).ids
        names = files(col)
    (tmp_path / "c" / "cache" / names[0]).unlink()
    broken = tmp_path / "c" / "cache" / names[1]
    content = bytearray(broken.read_bytes())
    content[-1] ^= 1
    broken.write_bytes(content)
    with lw.open(tmp_path / "c") as col:
        with pytest.warns(lw.CacheWarning, match=r"prefix3 is missing.*prefix3 is damaged"):
            assert col.search(query, 3, dims=3).ids == before
        assert {finding.code for finding in col.check()} == {"damaged_cache"}
        assert col.repair().remaining == []
        assert len(files(col)) == 2
        must_be_by_prefix(col, col.search(query, 3, dims=3), query, 3, 3)


def test_a_reader_makes_what_is_not_kept_and_writes_nothing(tmp_path):
    collection(tmp_path / "c").close()
    with lw.open(tmp_path / "c", read_only=True) as col:
        query = vectors(1, 1)[0]
        must_be_by_prefix(col, col.search(query, 3, dims=3), query, 3, 3)
        assert files(col) == []
        with pytest.raises(ReadOnly):
            col.index_prefix(3)


def test_only_the_last_lengths_stay_in_memory(tmp_path):
    with collection(tmp_path / "c") as col:
        col.index_prefix(2)
        query = vectors(1, 1)[0]
        answers = {dims: col.search(query, 3, dims=dims).ids for dims in range(1, DIM + 1)}
        with col._viewing() as (_, view):
            held = view.segments[0].derived._states
            last = range(DIM - derived.PASSING + 1, DIM + 1)
            assert set(held) == {"0.prefix2", *(f"0.prefix{dims}" for dims in last)}
        assert {dims: col.search(query, 3, dims=dims).ids for dims in answers} == answers


def test_settings_are_kept_as_json():
    way = {"dims": 4, "rotation": None, "stage": "cells", "coarse_dims": 2, "codes": "pq"}
    made = Settings(
        {"dense": lw.VectorField(8, "cosine", nested=True)},
        prefixes={"dense": (PrefixWay(**way, code_bytes=2),)},
    )
    assert Settings.loads(made.dumps()) == made
    (kept,) = made.prefixes["dense"]
    assert kept.name == "prefix4-unturned-cells2-pq2"


# -- by what a sweep measured -------------------------------------------------------------


WAYS = {
    "scan": {},
    "cells": {"stage": "cells", "coarse_dims": 3},
    "codes": {"codes": "opq", "code_bytes": 4},
    "as they are": {"rotation": None},
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_that_were_measured(tmp_path, way):
    made = vectors(600)
    found = sweep(made, settings=[{"dims": 6, **WAYS[way]}], rerank=[10, 40], k=5)
    best = max(found.ways, key=lambda measured: measured.recall)
    with lw.create(tmp_path / "c", dim=DIM, costs=GRAPH_FIRST) as col:
        col.add([{"id": i, "vector": v} for i, v in enumerate(made)])
        col.seal()
        for _ in range(2):
            answer = col.search(made[:50], 5, dims=best)
            assert answer[0].info.strategy == "prefix"
            assert f"rerank={best.search['rerank']}" in answer[0].info.reason
            assert ("PCA" in answer[0].info.reason) == (way != "as they are")
            exact = col.search(made[:50], 5, exact=True)
            shares = [len(set(a.ids) & set(b.ids)) / 5 for a, b in zip(answer, exact, strict=True)]
            assert np.mean(shares) > best.recall - 0.15
            assert len(col.search(made[0], 100, dims=best)) == 100  # more than its rerank
            col.index_prefix(best)
        (name,) = col.info()["fields"]["dense"]["prefixes"]
        assert [file[6:] for file in files(col)] == [f".0.{name}"]
        assert col.check() == []
        col.index_prefix(best, keep=False)
        assert files(col) == []


def test_a_graph_of_prefixes(tmp_path):
    best = Measured({"dims": 6, "stage": "graph"}, {"dims": 6, "rerank": 60}, 0.9, 1e-4, 24.0, 5)
    with lw.create(tmp_path / "c", dim=DIM, costs=GRAPH_FIRST) as col:
        col.add(rows(300))
        col.seal()
        col.index_prefix(best)
        assert [name[6:] for name in files(col)] == [".0.prefix6-graph"]
        answer = col.search(vectors(300)[:20], 1, dims=best)
        assert [found.ids for found in answer] == [[i] for i in range(20)]
        assert answer[0].info.strategy == "prefix"


# -- what is refused ----------------------------------------------------------------------


REFUSED = [
    (0, InvalidArgument, "dims must be at least 1; got 0"),
    (-3, InvalidArgument, "dims must be at least 1; got -3"),
    (True, InvalidType, "dims must be an integer; got True of type bool"),
    (4.0, InvalidType, "dims must be an integer; got 4.0 of type float"),
    ("4", InvalidType, "dims must be an integer; got '4' of type str"),
    ([4], InvalidType, "dims must be an integer"),
    (DIM + 1, InvalidArgument, f"field 'dense': dims={DIM + 1} is beyond .* {DIM} numbers; give"),
    (Measured({"dims": 4}, {}, 1, 1, 1, 1), None, ""),
    (Measured({}, {}, 1, 1, 1, 1), InvalidType, "dims must be an integer; got None"),
    (Measured({"dims": 4, "n_jobs": 2}, {}, 1, 1, 1, 1), InvalidArgument, "have 'n_jobs'"),
    (Measured({"dims": 4}, {"k": 2}, 1, 1, 1, 1), InvalidArgument, "search have 'k'"),
    (Measured({"dims": 4}, {"rerank": 0}, 1, 1, 1, 1), InvalidArgument, "rerank must be"),
    (Measured({"dims": 4}, {"effort": 2}, 1, 1, 1, 1), InvalidArgument, "effort is for the"),
    (Measured({"dims": 40}, {}, 1, 1, 1, 1), InvalidArgument, "dims=40 is beyond"),
    (Measured({"dims": 4, "stage": "x"}, {}, 1, 1, 1, 1), InvalidArgument, "stage must be one of"),
    (
        Measured({"dims": 4, "stage": "cells", "coarse_dims": 99}, {}, 1, 1, 1, 1),
        InvalidArgument,
        "coarse_dims=99 is beyond",
    ),
]


@pytest.mark.parametrize(("dims", "error", "message"), REFUSED)
def test_no_prefix(tmp_path, dims, error, message):
    with lw.create(tmp_path / "c", dim=DIM) as col:
        col.add(rows(5))
        query = vectors(1)[0]
        if error is None:
            assert len(col.search(query, dims=dims)) == 5
            return
        with pytest.raises(error, match=message):
            col.search(query, dims=dims)
        with pytest.raises(error, match=message):
            col.index_prefix(dims)


@pytest.mark.parametrize("options", [{"exact": True}, {"recall": 0.9}, {"k": None, "radius": 1.0}])
def test_dims_says_how_and_not_how_much(tmp_path, options):
    with (
        lw.create(tmp_path / "c", dim=DIM) as col,
        pytest.raises(InvalidArgument, match="dims= says how to search"),
    ):
        col.search(vectors(1)[0], dims=3, **options)


def test_metrics_that_prefixes_do_not_have(tmp_path):
    with lw.create(tmp_path / "c", dim=DIM, metric="manhattan") as col:
        for call in (lambda: col.search(vectors(1)[0], dims=3), lambda: col.index_prefix(3)):
            with pytest.raises(InvalidArgument, match=r"has the metric 'manhattan'.*cosine"):
                call()


def test_fields_that_are_not_dense(tmp_path):
    kit = FieldsConformance()
    with lw.create(tmp_path / "c", fields={"dense": lw.VectorField(3), **kit.fields()}) as col:
        values = kit.values(np.random.default_rng(0))
        for name in kit.fields():
            if name in col.settings.dense:
                continue
            asked = [values[name]] if name == "terms" else values[name]
            with pytest.raises(InvalidArgument, match="dims= is for dense vectors"):
                col.search(asked, using=name, dims=2)
            with pytest.raises(UnknownField, match="name one vector field"):
                col.index_prefix(2, using=name)
        with pytest.raises(InvalidArgument, match=r"using='lexical' names none.*'dense'"):
            col.search("words", using="lexical", dims=2)


def test_other_arguments(tmp_path):
    with lw.create(tmp_path / "c", dim=DIM) as col:
        with pytest.raises(UnknownArgument, match="did you mean 'dims'"):
            col.search(vectors(1)[0], dim=3)
        with pytest.raises(InvalidType, match="keep must be True or False; got 1"):
            col.index_prefix(3, keep=1)
        with pytest.raises(DimensionMismatch):
            col.search(vectors(1)[0][:4], dims=3)  # a query is whole, and cut here
    with pytest.raises(InvalidType, match="nested must be True, False or None; got 1"):
        lw.VectorField(3, nested=1)


def test_the_command_line(tmp_path):
    collection(tmp_path / "c").close()
    np.save(tmp_path / "q.npy", vectors(1, 9)[0])
    asked = ["search", str(tmp_path / "c"), "--vector", str(tmp_path / "q.npy"), "--json"]
    answer = CliRunner().invoke(app, [*asked, "--dims", "4", "-k", "3"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.output)
    assert len(found["hits"]) == 3
    assert found["info"]["strategy"] == "prefix"
    assert "PCA" in found["info"]["reason"]
    refused = CliRunner().invoke(app, [*asked, "--dims", "99"])
    assert isinstance(refused.exception, InvalidArgument)
    assert "dims=99 is beyond" in str(refused.exception)
