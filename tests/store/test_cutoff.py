"""``cutoff=``: what a search keeps, by a trained adapter or by chance, through every change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import likewise as lw
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, NotFitted, ReadOnly
from likewise.index import CosineAdapter, NullCutoff
from likewise.store import drawing

DIM = 64


def vectors(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)


def near(vector, n, seed=0, spread=0.2):
    return vector + spread * vectors(n, seed)


@pytest.fixture
def col(tmp_path):
    """900 rows by chance, and 5 near each of 12 queries; even ones are of kind 'a'."""
    with lw.create(tmp_path / "c.likewise", dim=DIM) as collection:
        collection.add(
            {"id": i, "vector": v, "kind": "ab"[i % 2]} for i, v in enumerate(vectors(900))
        )
        for q, query in enumerate(QUERIES):
            collection.add(
                {"id": f"{q}-{i}", "vector": v, "kind": "a"}
                for i, v in enumerate(near(query, 5, seed=100 + q))
            )
        yield collection


QUERIES = vectors(12, seed=9)
FAR = -QUERIES.sum(axis=0)


def planted(q):
    return {f"{q}-{i}" for i in range(5)}


# -- without labels --------------------------------------------------------------------


def test_only_what_is_nearer_than_chance_is_found_and_maybe_nothing(col):
    found = col.search(QUERIES[0], k=20, cutoff="auto")
    assert set(found.ids) == planted(0)
    assert all(0.9 <= hit.probability <= 1 for hit in found)
    assert found.ids == col.search(QUERIES[0], k=20).ids[:5]
    assert col.search(QUERIES[0], k=3, cutoff="auto").ids == found.ids[:3]
    assert len(col.search(vectors(1, seed=77)[0], k=20, cutoff="auto")) == 0


def test_hits_are_those_of_the_class(col):
    found = col.search(QUERIES[1], k=20, cutoff=0.0)
    rows = {row["id"]: row["vector"] for row in col.rows()}
    model = NullCutoff().fit(np.stack(list(rows.values())))  # the sample is all 960 rows
    plain = col.search(QUERIES[1], k=20)
    expected = model.probability(QUERIES[1], plain.distances, rows=len(rows))
    assert [hit.probability for hit in found] == pytest.approx(expected.tolist(), abs=1e-6)
    assert found.ids == plain.ids
    assert all(hit.probability is None for hit in plain)
    assert "probability" not in plain.to_dicts()[0]
    assert found.to_dicts()[0]["probability"] == found[0].probability


def test_a_number_is_the_least_probability(col):
    every = col.search(QUERIES[2], k=20, cutoff=0.0)
    for least in (0.2, 0.99):
        kept = [hit.id for hit in every if hit.probability >= least]
        assert col.search(QUERIES[2], k=20, cutoff=least).ids == kept
    strict = col.search(QUERIES[2], k=20, cutoff=NullCutoff(level=1e-6)).ids
    assert strict == [hit.id for hit in every if hit.probability >= 1 - 1e-6]


def test_batches_rows_and_filters(col):
    batch = col.search(QUERIES[:3], k=20, cutoff="auto")
    for q, found in enumerate(batch):  # one in ten may be there by chance
        assert planted(q) <= set(found.ids)
        assert len(found) <= 7
        assert found.ids == col.search(QUERIES[q], k=20, cutoff="auto").ids
    like = col.search({"id": "4-0"}, k=20, cutoff="auto")
    assert set(like.ids) == planted(4) - {"4-0"}
    assert len(col.search(QUERIES[4], k=20, where="kind = 'b'", cutoff="auto")) == 0
    passing = col.search(QUERIES[4], k=20, where="kind = 'a'", cutoff=0.0)
    rows = np.stack([row["vector"] for row in col.rows() if row["kind"] == "a"])
    model = NullCutoff().fit(rows)  # of the rows that pass alone, which are enough
    expected = model.probability(QUERIES[4], passing.distances, rows=len(rows))
    assert [hit.probability for hit in passing] == pytest.approx(expected.tolist(), abs=1e-6)
    assert planted(4) == set(passing.ids[:5])
    assert len(col.search(QUERIES[4], k=20, where="kind = 'c'", cutoff="auto")) == 0
    tight = col.search(QUERIES[4], k=None, radius=0.01, cutoff="auto")
    assert len(tight) == 0


def test_a_sample_of_its_own(col):
    rows = np.stack([row["vector"] for row in col.rows()])
    own = NullCutoff().fit(rows[:200])
    found = col.search(QUERIES[5], k=20, cutoff=own)
    assert [hit.probability for hit in found] == pytest.approx(
        own.probability(QUERIES[5], found.distances, rows=len(col)).tolist(), abs=1e-6
    )


def test_too_few_rows_are_said_to_be_too_few(tmp_path):
    with lw.create(tmp_path / "small.likewise", dim=2) as small:
        assert len(small.search([1, 0], cutoff="auto")) == 0
        small.add([{"vector": [1, 0]}])
        with pytest.raises(InvalidArgument, match="100 rows at least"):
            small.search([1, 0], cutoff="auto")
        assert (
            len(
                small.search([1, 0], cutoff=CosineAdapter.global_curve(slope=20, middle=0.5, dim=2))
            )
            == 1
        )


@pytest.mark.parametrize("metric", ["euclidean", "dot"])
def test_other_metrics_have_chance_too(tmp_path, metric):
    with lw.create(tmp_path / "c.likewise", dim=DIM, metric=metric) as col:
        col.add({"id": i, "vector": v} for i, v in enumerate(vectors(900)))
        col.add(
            {"id": f"0-{i}", "vector": v} for i, v in enumerate(near(2 * QUERIES[0], 5, seed=100))
        )
        assert set(col.search(2 * QUERIES[0], k=20, cutoff="auto").ids) == planted(0)


# -- the sample ------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "delete", "upsert", "ask", "reopen", "seal"]),
            st.integers(1, 40),
        ),
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_the_sample_is_that_of_the_rows_there_are(tmp_path_factory, steps, random):
    path = tmp_path_factory.mktemp("s") / "c.likewise"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "SAMPLE", 15)
        patch.setattr(drawing, "RESERVE", 10)
        col, there, made = lw.create(path, dim=2), {}, 0
        before = None
        for step, count in steps:
            if step == "add":
                new = {made + i: [1.0, random.random()] for i in range(count)}
                made += count
                col.add([{"id": i, "vector": v} for i, v in new.items()])
                there |= new
            elif step == "delete" and there:
                gone = random.sample(sorted(there), min(count, len(there)))
                col.delete(gone)
                there = {i: v for i, v in there.items() if i not in gone}
            elif step == "upsert" and there:
                new = {i: [1.0, random.random()] for i in random.sample(sorted(there), 1)}
                col.upsert([{"id": i, "vector": v} for i, v in new.items()])
                there |= new
            elif step == "reopen":
                col.close()
                col = lw.open(path)
            elif step == "seal":
                col.seal()
            with col._viewing() as (connection, view):
                before = drawing.draw(connection, view, before)
                selected = drawing_everything(view, connection)
                found = drawing.sample(view, selected, "dense", before)
            expected = sorted(there, key=lambda i: (drawing.row_hash(i), repr(i)))[:15]
            assert sorted(map(tuple, found.tolist())) == sorted(
                tuple(np.float32(there[i]).tolist()) for i in expected
            )
        col.close()


def drawing_everything(view, connection):
    from likewise.store.selecting import select

    return select(view, None, connection)


# -- with labels -----------------------------------------------------------------------


QRELS = {f"q{q}": dict.fromkeys(sorted(planted(q)), 1) for q in range(12)}


def asked():
    return {f"q{q}": query for q, query in enumerate(QUERIES)}


def test_a_trained_adapter_takes_over_and_survives(col, tmp_path):
    adapter = col.train_cutoff(asked(), QRELS, k=30)
    found = col.search(QUERIES[0], k=20, cutoff="auto")
    assert set(found.ids) == planted(0)
    everything = col.search(QUERIES[0], k=20)
    expected = adapter.probability(QUERIES[0], 1 - everything.distances)
    assert [hit.probability for hit in found] == expected[: len(found)].tolist()
    lower = col.search(QUERIES[0], k=20, cutoff=float(expected[8])).ids
    assert lower == everything.ids[: len(lower)]
    assert len(lower) >= 9
    assert set(col.search(QUERIES[0], k=20, cutoff=NullCutoff()).ids) == planted(0)

    col.close()
    with lw.open(col.path, read_only=True) as again:
        assert again.search(QUERIES[0], k=20, cutoff="auto").ids == found.ids
        with pytest.raises(ReadOnly):
            again.train_cutoff(asked(), QRELS)
    with lw.restore(col.path, tmp_path / "copy.likewise") as copy:
        hits = copy.search(QUERIES[0], k=20, cutoff="auto")
        assert [hit.probability for hit in hits] == [hit.probability for hit in found]
        assert copy.check() == []
        other = dict(list(QRELS.items())[:9])
        again = copy.train_cutoff(asked(), other, k=20, form="power", random_state=3)
        assert (again.form, again.random_state) == ("power", 3)
        anew = copy.search(QUERIES[0], k=20, cutoff="auto")
        assert anew[0].probability == pytest.approx(
            float(again.probability(QUERIES[0], 1 - everything.distances)[0])
        )


def test_another_process_sees_what_was_trained(col):
    with lw.open(col.path, read_only=True) as reader:
        before = reader.search(QUERIES[0], k=20, cutoff=0.0)
        adapter = col.train_cutoff(asked(), QRELS, k=30)
        after = reader.search(QUERIES[0], k=20, cutoff=0.0)
        assert after[0].probability == float(
            adapter.probability(QUERIES[0], 1 - before.distances[:1])[0]
        )


def test_texts_are_queries_too(tmp_path):
    with lw.create(tmp_path / "c.likewise", encoder="hashing") as col:
        words = [f"w{i}" for i in range(24)]
        col.add(
            {"id": i, "text": f"{w} {words[i - 1]} {words[i - 2]}"} for i, w in enumerate(words)
        )
        queries = {i: f"{words[i]} {words[i - 1]}" for i in range(12)} | {"x": "w3"}
        qrels = {i: {i: 1} for i in range(12)}
        adapter = col.train_cutoff(queries, qrels, k=20)
        assert 0 in col.search(queries[0], cutoff="auto").ids
        assert adapter.dim == 256


# -- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cutoff", "error", "words"),
    [
        ("best", InvalidArgument, "cutoff must be 'auto' or a probability; got 'best'"),
        (1.5, InvalidArgument, r"a probability in \[0, 1\]; got 1.5; for a distance use radius="),
        (True, InvalidType, "cutoff must be 'auto', a probability"),
        ([0.5], InvalidType, "of type list"),
        (float("nan"), InvalidArgument, "cutoff must be finite"),
        (CosineAdapter(), NotFitted, "call fit"),
        (CosineAdapter.global_curve(slope=9, middle=0.5, dim=3), InvalidArgument, "has 64"),
        (NullCutoff().fit(np.eye(100)), DimensionMismatch, "rows hold 100 numbers"),
    ],
)
def test_a_cutoff_that_is_none(col, cutoff, error, words):
    with pytest.raises(error, match=words):
        col.search(QUERIES[0], cutoff=cutoff)


def test_what_cannot_be_trained(col, tmp_path):
    with pytest.raises(InvalidArgument, match="none of the 1 queries is judged"):
        col.train_cutoff({"x": QUERIES[0]}, QRELS)
    with pytest.raises(InvalidArgument, match="at least 8 queries"):
        col.train_cutoff({"q1": QUERIES[0]}, QRELS)
    with pytest.raises(InvalidArgument, match="all 600 pairs are not relevant"):
        col.train_cutoff(asked(), {query: {"nobody": 1} for query in QRELS})
    with pytest.raises(InvalidArgument, match="form must be one of"):
        col.train_cutoff(asked(), QRELS, form="square")
    with pytest.raises(DimensionMismatch, match="rows hold 64 numbers"):
        col.train_cutoff({"q1": [1, 2]}, QRELS)
    with lw.create(tmp_path / "l2.likewise", dim=2, metric="l2") as other:
        with pytest.raises(InvalidArgument, match="needs a field with metric 'cosine'"):
            other.train_cutoff({}, QRELS)
        with pytest.raises(InvalidArgument, match="'dense' has 'euclidean'"):
            other.search([1, 2], cutoff=CosineAdapter.global_curve(slope=9, middle=0.5, dim=2))
