"""Several fields in one search: what fusing gives, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import likewise as lw
from likewise.cli.app import app
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, LikewiseError
from likewise.store.fusing import FUSIONS, Fusion
from likewise.testing.plain_store import PlainStore
from tests.store.small import GRAPH_FIRST, shrink

FIELDS = {"dense": "cosine", "title": "euclidean"}
QUERY = [2.0, 1.0, 3.0]


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def rows(count: int = 150) -> list[dict]:
    random = np.random.default_rng(0)
    words = ["red", "green", "blue", "cats", "dog"]
    return [
        {
            "id": i,
            "vectors": {name: random.integers(1, 7, 3).astype(np.float32) for name in FIELDS},
            "text": " ".join(random.choice(words, 4)),
            "n": i % 5,
        }
        for i in range(count)
    ]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[lw.Collection, PlainStore]]:
    model = PlainStore(FIELDS)
    model.upsert(rows())
    fields = {name: lw.VectorField(3, metric) for name, metric in FIELDS.items()}
    with lw.create(tmp_path / "docs", fields=fields, costs=GRAPH_FIRST) as collection:
        collection.add(rows()[:100])
        collection.seal()
        collection.add(rows()[100:])
        yield collection, model


@pytest.fixture
def texts(tmp_path: Path) -> Iterator[lw.Collection]:
    with lw.create(tmp_path / "texts", encoder="hashing") as collection:
        collection.add(
            [
                {"id": "a", "text": "Sleep and memory in mice", "branches": "own"},
                {"id": "b", "text": "Memory of faces"},
                {"id": "c", "text": "Sleeping beauty, retold"},
            ]
        )
        yield collection


# -- the formulas ------------------------------------------------------------------------

ranks = st.lists(st.one_of(st.integers(1, 500).map(float), st.just(np.inf)), min_size=2, max_size=2)
scores = st.lists(st.floats(0, 1), min_size=2, max_size=2)


@given(
    candidates=st.lists(st.tuples(ranks, scores), min_size=1, max_size=6),
    weights=st.lists(st.floats(0.01, 100), min_size=2, max_size=2),
)
def test_a_fused_score_is_the_formula_and_in_the_unit_interval(
    candidates: list, weights: list
) -> None:
    every_rank = np.array([ranks for ranks, _ in candidates]).T
    every_score = np.array([scores for _, scores in candidates]).T
    for name in FUSIONS:
        found = Fusion(name, tuple(weights), 1).fused(every_rank, every_score)
        assert ((found >= 0) & (found <= 1)).all()
        for value, (ranks, scores) in zip(found, candidates, strict=True):
            terms = [61 / (60 + rank) for rank in ranks] if name == "rrf" else scores
            wanted = sum(w * t for w, t in zip(weights, terms, strict=True)) / sum(weights)
            assert value == pytest.approx(wanted, abs=1e-12)


def test_first_everywhere_is_one() -> None:
    assert Fusion("rrf", (1.0, 3.0, 0.1), 1).fused(np.ones((3, 1)), np.zeros((3, 1))) == [1.0]
    assert Fusion("score", (1.0, 3.0), 1).fused(np.ones((2, 1)), np.ones((2, 1))) == [1.0]


# -- against the twin ----------------------------------------------------------------------


@pytest.mark.parametrize("fuse", list(FUSIONS))
def test_two_vector_fields(pair: tuple[lw.Collection, PlainStore], fuse: str) -> None:
    collection, model = pair
    queries = dict.fromkeys(FIELDS, np.array(QUERY, dtype=np.float32))
    for where in (None, "n = 3"):
        for k, weights in ((1, None), (10, {"title": 3.0}), (500, {"dense": 0.2, "title": 1})):
            found = collection.search(
                QUERY, k, using=list(FIELDS), fuse=fuse, weights=weights, where=where, exact=True
            )
            model.fused(queries, where, fuse=fuse, weights=weights, depth=max(k, 100)).must_be(
                found, k
            )
            passing = model.passing(where)
            assert len(found) == min(k, len(passing))
            assert found.info.matching == len(passing)


def test_as_many_hits_as_asked_for_however_shallow(
    pair: tuple[lw.Collection, PlainStore],
) -> None:
    collection, _ = pair
    for depth in (1, 2, 1000):
        for k in (1, 30, 150, 1000):
            found = collection.search({"id": 3}, k, using=["dense", "lexical"], depth=depth)
            assert len(found) == min(k, 149)


def test_a_batch_is_one_by_one(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    queries = [QUERY, [1.0, 5.0, 1.0]]
    for query, found in zip(queries, collection.search(queries, using=list(FIELDS)), strict=True):
        single = collection.search(query, using=list(FIELDS))
        assert found.to_dicts() == single.to_dicts()
    assert collection.search(np.empty((0, 3)), using=list(FIELDS)) == []


def test_limits(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    every = collection.search(QUERY, 150, using=list(FIELDS), fuse="score")
    least = float(every.scores[40])
    found = collection.search(QUERY, None, using=list(FIELDS), fuse="score", min_score=least)
    wanted = [hit.id for hit in every if hit.score >= least]
    assert found.ids == wanted
    few = collection.search(QUERY, 5, using=list(FIELDS), fuse="score", min_score=least)
    assert few.ids == wanted[:5]


def test_equal_scores_in_the_order_of_writing(tmp_path: Path) -> None:
    with lw.create(tmp_path / "same", dim=2) as collection:
        collection.add([{"id": i, "vector": [1, 1], "text": "same"} for i in (5, 3, 9, 1)])
        found = collection.search({"id": 9}, using=["dense", "lexical"])
        assert found.ids == [5, 3, 1]
        found = collection.search({"id": 9}, using=["dense", "lexical"], fuse="score")
        assert found.ids == [5, 3, 1]


def test_recall_is_the_least_and_work_is_summed(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    alone = [collection.search({"id": 3}, 100, using=name, explain=True) for name in FIELDS]
    both = collection.search({"id": 3}, 100, using=list(FIELDS), explain=True)
    assert both.info.strategy == "fused"
    assert both.info.recall == min(one.info.recall for one in alone)
    assert both.info.scanned == sum(one.info.scanned for one in alone)
    assert both.info.reason.startswith("dense by ")
    assert "; title by " in both.info.reason
    assert {name.split()[0] for name in both.info.candidates} == set(FIELDS)
    assert both.info.actual is not None


def test_logged_queries_are_of_each_vector_field(tmp_path: Path) -> None:
    fields = {name: lw.VectorField(3, metric) for name, metric in FIELDS.items()}
    with lw.create(tmp_path / "docs", fields=fields, log_queries=True) as collection:
        collection.add(rows(5))
        collection.search(QUERY, using=list(FIELDS))
        collection.add([{**rows(6)[5]}])
        for name in FIELDS:
            assert collection.recall(using=name, queries=3).source == "rows+logged"


# -- what a hit says -----------------------------------------------------------------------


def test_branches_of_a_hit(texts: lw.Collection) -> None:
    found = texts.search("memory of mice", using=["dense", "lexical"])
    first = found[0]
    assert first.distance is None
    assert np.isnan(found.distances).all()
    assert list(first.branches) == ["dense", "lexical"]
    dense = {hit.id: hit for hit in texts.search("memory of mice", using="dense")}
    words = {hit.id: hit for hit in texts.search("memory of mice", using=["lexical"])}
    for hit in found:
        said = hit.branches["dense"]
        assert (said.score, said.distance) == (dense[hit.id].score, dense[hit.id].distance)
        said = hit.branches["lexical"]
        if hit.id in words:
            assert (said.score, said.distance) == (words[hit.id].score, words[hit.id].distance)
            assert said.rank == list(words).index(hit.id) + 1
        else:
            assert (said.score, said.distance, said.rank) == (0.0, 0.0, None)
    assert texts.search("memory", using="dense")[0].branches == {}


def test_branches_in_tables(texts: lw.Collection) -> None:
    found = texts.search("memory of mice", using=["dense", "lexical"])
    (first, *_) = found.to_dicts()
    assert first["branches"]["lexical"].keys() == {"score", "distance", "rank"}
    assert found.to_pandas()["branches"][0] == first["branches"]
    assert found.to_arrow()["branches"].to_pylist()[0] == first["branches"]
    json.dumps(found.to_dicts())
    alone = {row["id"]: row for row in texts.search("memory of mice").to_dicts()}
    assert alone["a"]["branches"] == "own", "metadata of that name gives way to fused hits only"
    assert "branches" not in alone["b"]


# -- bad input -----------------------------------------------------------------------------

TWO = list(FIELDS)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"using": ["dense", "dense"]}, InvalidArgument, "name each field once"),
        ({"using": []}, InvalidArgument, "there are 'dense', 'title', 'lexical'"),
        ({"using": ["dense", "words"]}, InvalidArgument, "'words' is none of dense, title"),
        ({"using": {"dense": 1}}, InvalidArgument, "is none of dense"),
        ({"using": 5}, InvalidArgument, "5 is none of dense"),
        ({"using": TWO, "fuse": "mean"}, InvalidArgument, "none of 'rrf', 'score'"),
        ({"using": TWO, "fuse": 1}, InvalidArgument, "none of 'rrf', 'score'"),
        ({"fuse": "rrf"}, InvalidArgument, "fuse= is for several fields at once"),
        ({"using": ["title"], "weights": {"title": 1}}, InvalidArgument, "weights= is for several"),
        ({"depth": 10}, InvalidArgument, "depth= is for several"),
        ({"using": TWO, "depth": 0}, InvalidArgument, "depth must be at least 1"),
        ({"using": TWO, "depth": 1.5}, InvalidType, "depth must be an integer"),
        ({"using": TWO, "weights": [1, 2]}, InvalidType, "weights must be a dict"),
        ({"using": TWO, "weights": {"lexical": 1}}, InvalidArgument, "not among 'dense', 'title'"),
        ({"using": TWO, "weights": {"dense": 0}}, InvalidArgument, "leave it out of using="),
        ({"using": TWO, "weights": {"dense": -1}}, InvalidArgument, "must be positive; got -1"),
        ({"using": TWO, "weights": {"dense": np.nan}}, InvalidArgument, "must be finite"),
        ({"using": TWO, "weights": {"dense": "1"}}, InvalidType, "must be a number"),
        ({"using": TWO, "radius": 1.0}, InvalidArgument, "fused hits have none; limit them by min"),
        ({"using": TWO, "min_score": 1.5}, InvalidArgument, "min_score must be at most 1"),
        ({"using": TWO, "k": None}, InvalidArgument, "give radius="),
    ],
)
def test_impossible_arguments(
    pair: tuple[lw.Collection, PlainStore],
    arguments: dict[str, Any],
    error: type[LikewiseError],
    words: str,
) -> None:
    with pytest.raises(error) as caught:
        pair[0].search(QUERY, **arguments)
    assert words in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_vector_of_another_length_names_the_field(tmp_path: Path) -> None:
    fields = {"dense": lw.VectorField(3), "wide": lw.VectorField(4)}
    with (
        lw.create(tmp_path / "docs", fields=fields) as collection,
        pytest.raises(DimensionMismatch, match="field 'wide'"),
    ):
        collection.search(QUERY, using=["dense", "wide"])


def test_nobody_to_be_like(pair: tuple[lw.Collection, PlainStore]) -> None:
    with pytest.raises(InvalidArgument, match="no row with id 'nobody' to search like"):
        pair[0].search({"id": "nobody"}, using=["dense", "lexical"])


# -- the command line ----------------------------------------------------------------------


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_command_line(texts: lw.Collection) -> None:
    texts.close()
    command = ("search", str(texts.path), "memory of mice")
    done = run(*command, "--using", "dense,lexical", "--fuse", "score", "--json")
    assert done.exit_code == 0, done.output
    (first, *_) = json.loads(done.stdout)["hits"]
    assert first["branches"]["lexical"]["rank"] == 1
    assert first["distance"] is None
    again = run(*command, "--using", "dense", "--using", "lexical", "--weight", "lexical=0.5")
    assert again.stdout.splitlines()[0].split("\t")[2] == "dense:1 lexical:2"
    assert again.stdout.splitlines()[2].split("\t")[2] == "dense:3 lexical:-"
    alone = json.loads(run(*command, "--using", "lexical", "--json").stdout)["hits"]
    assert "branches" not in alone[0]
    assert run(*command, "--using", "dense,lexical", "--depth", "5").exit_code == 0
    bad = run(*command, "--using", "dense,lexical", "--weight", "lexical=much")
    assert isinstance(bad.exception, InvalidArgument)
    assert "--weight takes FIELD=NUMBER" in str(bad.exception)
