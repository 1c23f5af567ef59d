"""Predictions of a collection: against the plain vote, and against a collection built anew."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    UnknownArgument,
    UnknownField,
)
from likewise.kernels import RBF
from likewise.store.deciding import calibrating

DIM = 4


def make_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows whose label is missing in every fifth, and depends on the vector in the others."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        vector = rng.integers(-6, 7, DIM).astype(np.float32)  # some are equally far
        row = {"id": i, "vector": vector, "group": int(i % 3), "text": f"row {i}"}
        if i % 5:
            noisy = vector[0] + 2 * rng.standard_normal()
            row |= {"sign": "plus" if noisy > 0 else "minus", "sum": float(vector.sum())}
        rows.append(row)
    return rows


@pytest.fixture
def col(tmp_path: Path) -> Any:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean") as made:
        made.add(make_rows(120))
        yield made


def plain_votes(rows: list[dict[str, Any]], query: Any, label: str, k: int) -> list[dict[str, Any]]:
    """The k nearest rows with the label, by distance and then by age."""
    voters = [row for row in rows if label in row]
    far = [float(np.linalg.norm(row["vector"].astype(float) - query)) for row in voters]
    return [voters[i] for i in np.argsort(far, kind="stable")[:k]]


def test_the_plain_vote(col: Any) -> None:
    rows = make_rows(120)
    for query in np.random.default_rng(1).normal(scale=4, size=(20, DIM)):
        voters = plain_votes(rows, query, "sign", 7)
        labels = [row["sign"] for row in voters]
        counts = {name: labels.count(name) / 7 for name in sorted(set(labels))}
        answer = col.predict("sign", query, k=7, calibrate=False)
        assert answer.value == max(counts, key=lambda name: counts[name])  # ties: the smaller
        assert answer.probabilities == pytest.approx(counts)
        assert answer.probability == pytest.approx(counts[answer.value])
        assert answer.evidence.ids == [row["id"] for row in voters]
        assert [w.label for w in answer.evidence] == labels
        assert sum(w.weight for w in answer.evidence) == pytest.approx(1.0)
        number = col.predict("sum", query, k=7)
        assert number.value == pytest.approx(np.mean([row["sum"] for row in voters]))
        assert number.deviation == pytest.approx(np.std([row["sum"] for row in voters]))
        assert number.probability is None
        assert number.evidence.flip is None


@pytest.mark.parametrize("weights", ["distance", "softmax", lambda d: 1 / (1 + d)])
def test_weights(col: Any, weights: Any) -> None:
    query = np.full(DIM, 0.25)
    voters = plain_votes(make_rows(120), query, "sum", 5)
    away = np.array([np.linalg.norm(row["vector"] - query) for row in voters])
    named = {"distance": 1 / away, "softmax": np.exp(-away / 2.0)}
    counted = named[weights] if isinstance(weights, str) else weights(away)
    numbers = np.array([row["sum"] for row in voters])
    given = {"temperature": 2.0} if weights == "softmax" else {}
    answer = col.predict("sum", query, k=5, weights=weights, **given)
    assert answer.value == pytest.approx(counted @ numbers / counted.sum())
    parts = [witness.weight for witness in answer.evidence]
    np.testing.assert_allclose(parts, counted / counted.sum())


def test_what_would_flip_an_answer_does(col: Any) -> None:
    flipped = 0
    for query in np.random.default_rng(2).normal(scale=3, size=(12, DIM)):
        answer = col.predict("sign", query, k=5, calibrate=False)
        flip = answer.evidence.flip
        if flip is None:
            continue
        flipped += 1
        kept = {row["id"]: row for row in col.get(flip.ids, vectors=True)}
        assert len(flip.ids) == answer.evidence.withstands + 1
        col.delete(flip.ids[1:])
        assert col.predict("sign", query, k=5, calibrate=False).value == answer.value
        col.delete(flip.ids)
        assert col.predict("sign", query, k=5, calibrate=False).value == flip.value
        col.add([{**row, "text": row["text"]} for row in kept.values()])
    assert flipped > 5


@pytest.mark.parametrize("seed", range(3))
def test_after_any_history_it_is_as_if_built_anew(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    held: dict[int, dict[str, Any]] = {}
    pool = make_rows(260, seed)
    with lw.create(tmp_path / "lived", dim=DIM, metric="euclidean") as lived:
        for step in range(12):
            if step % 3 < 2:
                some = [dict(pool[i]) for i in rng.choice(len(pool), 40, replace=False)]
                for row in some:
                    row["sum"] = float(step)
                    held.pop(row["id"], None)  # an upserted row is the newest
                held |= {row["id"]: row for row in some}
                lived.upsert(some)
            else:
                gone = [i for i in held if rng.random() < 0.25]
                lived.delete(gone)
                for id_ in gone:
                    del held[id_]
            if step == 6:
                lived.seal()
            if step % 4 == 3:
                lived.predict("sign", np.zeros(DIM))  # what is remembered must not be stale
        with lw.create(tmp_path / "anew", dim=DIM, metric="euclidean") as anew:
            anew.add(list(held.values()))
            for query in rng.normal(scale=4, size=(8, DIM)):
                for label in ("sign", "sum"):
                    one, two = (c.predict(label, query, exact=True) for c in (lived, anew))
                    assert one.value == two.value
                    assert one.probabilities == two.probabilities
                    assert one.evidence == two.evidence
            filled = [c.predict_missing("sign", exact=True) for c in (lived, anew)]
            assert {i: a.value for i, a in filled[0].items()} == {
                i: a.value for i, a in filled[1].items()
            }


def test_missing_labels_are_predicted(col: Any) -> None:
    found = col.predict_missing("sign", k=5)
    assert list(found) == [row["id"] for row in make_rows(120) if "sign" not in row]
    by_id = {row["id"]: row["vector"] for row in make_rows(120)}
    for id_, answer in found.items():
        assert answer.evidence == col.predict("sign", by_id[id_], k=5).evidence
        assert id_ not in answer.evidence.ids
    some = col.predict_missing("sign", k=5, where="group = 1")
    assert list(some) == [id_ for id_ in found if id_ % 3 == 1]
    seen: list[tuple[int, int]] = []
    col.predict_missing("sign", progress=lambda done, count: seen.append((done, count)))
    assert seen[-1] == (24, 24)


def test_votes_are_calibrated_by_rows_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with lw.create(tmp_path / "c", dim=2, metric="euclidean") as col:
        rows = rng.standard_normal((600, 2))
        heads = rng.random(600) < 0.3  # the rows tell nothing
        col.add([{"id": i, "vector": row, "coin": bool(heads[i])} for i, row in enumerate(rows)])
        queries = rng.standard_normal((60, 2))
        said = [answer.probabilities[True] for answer in col.predict("coin", queries)]
        assert abs(np.mean(said) - 0.3) < 0.06
        assert np.std(said) < 0.08
        raw = [a.probabilities.get(True, 0) for a in col.predict("coin", queries, calibrate=False)]
        assert np.std(raw) > 0.1


def test_few_rows_or_one_class_are_not_calibrated(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=1, metric="euclidean") as col:
        col.add([{"id": i, "vector": [i], "kind": "a"} for i in range(50)])
        answer = col.predict("kind", [3.0])
        assert (answer.value, answer.probability, answer.calibrated) == ("a", 1.0, False)
        assert answer.evidence.flip is None
        col.delete(list(range(20, 50)))
        col.upsert([{"id": 0, "vector": [0], "kind": "b"}])
        assert not col.predict("kind", [3.0]).calibrated


def test_calibrations_are_remembered_until_a_commit(
    col: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    true = calibrating.fit_temperature
    monkeypatch.setattr(
        calibrating, "fit_temperature", lambda *a, **b: (made.append(1), true(*a, **b))[1]
    )
    for _ in range(3):
        col.predict("sign", np.zeros(DIM))
    assert len(made) == 1
    col.predict("sign", np.zeros(DIM), k=3)
    col.delete(3)
    col.predict("sign", np.zeros(DIM))
    assert len(made) == 3


def test_labels_in_few_rows_of_many_are_calibrated_by_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrating, "SAMPLE", 40)
    rng = np.random.default_rng(0)
    with lw.create(tmp_path / "c", dim=2, metric="euclidean") as col:
        rows = [{"id": i, "vector": v} for i, v in enumerate(rng.standard_normal((400, 2)))]
        for row in rows[::8]:
            row["side"] = int(row["vector"][0] > 0)
        col.add(rows)
        assert col.predict("side", [1.0, 0.0], k=3).calibrated


def test_queries_of_every_kind(col: Any) -> None:
    single = col.predict("sign", [0.0] * DIM)
    batch = col.predict("sign", [[0.0] * DIM, [1.0] * DIM])
    assert (batch[0].value, batch[0].evidence) == (single.value, single.evidence)
    like = col.predict("sign", {"id": 7}, k=3)
    assert 7 not in like.evidence.ids
    within = col.predict("sign", [0.0] * DIM, where="group = 2")
    assert all(id_ % 3 == 2 for id_ in within.evidence.ids)
    assert col.predict("group", [0.0] * DIM, k=500).evidence.flip is not None
    assert isinstance(col.predict("group", [0.0] * DIM, task="regress").value, float)
    assert isinstance(col.predict("sum", [0.0] * DIM, task="classify").value, float)


@pytest.mark.parametrize(
    "labels",
    [
        [2**63, -1, 2**63 + 1],
        [2**53 + 1, 2.0**53, 2**53 - 1],
        ["a", "a\0", "b"],
        [True, False, True],
    ],
    ids=["beyond 64 bits", "beyond floats", "a zero at the end", "booleans"],
)
def test_labels_that_arrays_would_merge(tmp_path: Path, labels: list[Any]) -> None:
    with lw.create(tmp_path / "c", dim=1, metric="euclidean") as col:
        col.add(
            [{"id": i, "vector": [10 * (i % 3) + i / 1000], "y": labels[i % 3]} for i in range(60)]
        )
        found = col.predict("y", [[0.0], [10.0], [20.0]], k=5, task="classify")
        assert [answer.value for answer in found] == labels
        assert [type(answer.value) for answer in found] == [type(label) for label in labels]
        assert all(answer.calibrated for answer in found)


def test_numbers_near_the_largest(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=1, metric="euclidean") as col:
        col.add([{"id": i, "vector": [i], "y": (-1.0) ** i * 1e300} for i in range(6)])
        answer = col.predict("y", [0.0], k=6)
        assert answer.value == 0.0
        assert answer.deviation == pytest.approx(1e300)


def test_answers_can_be_printed_pickled_and_compared(col: Any) -> None:
    answer = col.predict("sign", [0.0] * DIM)
    assert repr(answer.evidence).startswith("RowEvidence(10 rows: ")
    again = pickle.loads(pickle.dumps(answer))
    assert again.evidence == answer.evidence
    assert again.evidence.flip == answer.evidence.flip
    assert answer.evidence != col.predict("sign", [0.0] * DIM, k=3).evidence


def test_impossible_requests(col: Any) -> None:
    zero = [0.0] * DIM
    with pytest.raises(UnknownField, match="did you mean 'sign'"):
        col.predict("sgn", zero)
    with pytest.raises(InvalidArgument, match="widen where="):
        col.predict("sign", zero, where="group = 9")
    with pytest.raises(InvalidArgument, match="weights must be one of"):
        col.predict("sign", zero, weights="gauss")
    with pytest.raises(InvalidType, match="by distances"):
        col.predict("sign", zero, weights=RBF())
    with pytest.raises(UnknownArgument, match="did you mean 'k'"):
        col.predict("sign", zero, n_neighbors=3)
    with pytest.raises(InvalidArgument, match="name of a metadata field"):
        col.predict("text", zero)
    with pytest.raises(InvalidType, match="name of a metadata field"):
        col.predict(3, zero)
    with pytest.raises(InvalidType, match="holds strings; task='regress' needs numbers"):
        col.predict("sign", zero, task="regress")
    with pytest.raises(InvalidArgument, match="task must be one of auto"):
        col.predict("sign", zero, task="cluster")
    with pytest.raises(InvalidType, match="calibrate must be"):
        col.predict("sign", zero, calibrate="yes")
    with pytest.raises(InvalidArgument, match="temperature must be positive"):
        col.predict("sign", zero, weights="softmax", temperature=0.0)
    with pytest.raises(InvalidArgument, match="temperature= is for weights='softmax'"):
        col.predict("sign", zero, temperature=0.1)
    with pytest.raises(DimensionMismatch):
        col.predict("sign", [0.0])
    col.upsert([{"id": 1, "vector": zero, "sign": 3, "tags": ["a"]}])
    with pytest.raises(InvalidType, match="rows hold integers and strings; labels must be of one"):
        col.predict("sign", zero)
    with pytest.raises(InvalidType, match="rows hold lists"):
        col.predict("tags", zero)
    col.delete(where="exists(tags)")
    with pytest.raises(InvalidArgument, match="label 'tags': no row has one"):
        col.predict("tags", zero)
