"""Outliers, audits and suggestions of a collection, against the same on arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

import likewise as lw
from likewise.errors import InvalidArgument, InvalidType, UnknownArgument, UnknownField
from likewise.learn import audit
from likewise.learn.active import suggest

DIM = 4


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    made = []
    for i in range(160):
        kind = i % 2
        row = {"id": f"r{i}", "vector": rng.normal(size=DIM) + 4 * kind, "text": f"row {i}"}
        if i % 4 < 2 or i > 120:
            row["kind"] = "ab"[kind] if i != 16 else "b"
            row["size"] = float(row["vector"].sum()) + (90.0 if i == 17 else 0.0)
        made.append(row)
    made[5]["vector"] = np.full(DIM, 30.0)
    return made


@pytest.fixture
def col(tmp_path: Path, rows: list[dict[str, Any]]) -> Any:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as made:
        made.add(rows)
        yield made


def matrix(rows: list[dict[str, Any]]) -> Any:
    return np.stack([row["vector"] for row in rows]).astype(np.float32).astype(np.float64)


def test_outliers_by_distance(col: Any, rows: list[dict[str, Any]]) -> None:
    X = matrix(rows)
    away = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    scores = np.sort(away, axis=1)[:, 7]
    found = col.outliers(6, neighbors=7)
    expected = np.argsort(-scores, kind="stable")[:6]
    assert [hit.id for hit in found] == [f"r{i}" for i in expected]
    np.testing.assert_allclose([hit.score for hit in found], scores[expected], rtol=1e-9)
    assert found[0].id == "r5"
    assert found[0].share == 1 / 160
    assert found[0].text == "row 5"
    nearest = [near.distance for near in found[2].neighbors]
    np.testing.assert_allclose(nearest, np.sort(away[expected[2]])[1:8], rtol=1e-9)


def test_outliers_by_density(col: Any, rows: list[dict[str, Any]]) -> None:
    factors = -LocalOutlierFactor(n_neighbors=9).fit(matrix(rows)).negative_outlier_factor_
    found = col.outliers(5, neighbors=9, method="lof")
    assert [hit.id for hit in found] == [f"r{i}" for i in np.argsort(-factors)[:5]]
    np.testing.assert_allclose([hit.score for hit in found], np.sort(factors)[::-1][:5], rtol=1e-6)


def test_outliers_of_what_is_left(col: Any) -> None:
    first = col.outliers(2, neighbors=5)
    col.delete(first[0].id)
    assert first[0].id not in [hit.id for hit in col.outliers(3, neighbors=5)]
    some = col.outliers(3, neighbors=5, where="kind = 'a'")
    assert all(hit.metadata["kind"] == "a" for hit in some)


def test_an_audit_is_that_of_the_arrays(col: Any, rows: list[dict[str, Any]]) -> None:
    report = col.audit("kind", k=20)
    labels = np.array([row.get("kind") for row in rows], dtype=object)
    expected = audit(matrix(rows), labels, index=lw.index.Exact("euclidean"), k=32, linear=False)
    ids = [row["id"] for row in rows]
    assert sum("kind" in row for row in rows) * 32 / 160 == 20  # as many of the neighbours
    assert [(f.code, f.rows, f.score) for f in report] == [
        (f.code, tuple(ids[i] for i in f.rows), f.score) for f in expected
    ]
    assert "r16" in report.rows_of("wrong_label")
    assert "r16" in str(report)
    says_so = next(f.evidence for f in report["wrong_label"] if f.rows == ("r16",))
    assert says_so
    assert {row["kind"] for row in col.get(list(says_so))} == {"a"}


def test_an_audit_of_numbers_and_of_rows_alone(col: Any) -> None:
    assert "r17" in col.audit("size", k=8).rows_of("wrong_target")
    assert "wrong_label" not in col.audit().counts()
    only = col.audit("kind", checks=["wrong_label"])
    assert set(only.counts()) <= {"wrong_label"}
    within = col.audit("kind", where="kind = 'a' or kind = 'b'")
    assert within.rows == len([1 for row in col.rows() if "kind" in row])


@pytest.mark.parametrize("selection", ["lcmd", "k_center", "max_diag"])
def test_suggestions_are_those_of_the_arrays(
    col: Any, rows: list[dict[str, Any]], selection: str
) -> None:
    pool = [row for row in rows if "kind" not in row]
    known = [row for row in rows if "kind" in row]
    expected = suggest(
        matrix(pool), 5, features_labelled=matrix(known), selection=selection, random_state=3
    )
    found = col.suggest(5, label="kind", selection=selection, random_state=3)
    assert [row.id for row in found] == [pool[i]["id"] for i in expected]
    for row in found:
        by_id = {r["id"]: r["vector"] for r in rows}
        away = [np.linalg.norm(by_id[row.id] - r["vector"]) for r in known]
        assert row.nearest.id == known[int(np.argmin(away))]["id"]
        assert row.nearest.distance == pytest.approx(min(away), rel=1e-5)


def test_suggestions_by_what_neighbours_say(col: Any) -> None:
    found = col.suggest(4, label="kind", selection="margin", k=9)
    answers = col.predict_missing("kind", k=9)

    def margin(id_: str) -> float:
        best = sorted(answers[id_].probabilities.values())
        return best[-1] - best[-2]

    assert (
        max(margin(row.id) for row in found)
        <= min(margin(id_) for id_ in answers if id_ not in [row.id for row in found]) + 1e-9
    )
    assert found[0].answer.evidence.ids == answers[found[0].id].evidence.ids


def test_the_first_suggestions_need_no_label(col: Any) -> None:
    found = col.suggest(3, label="colour")
    assert len({row.id for row in found}) == 3
    assert found[0].nearest is None
    with pytest.raises(UnknownField, match="did you mean 'kind'"):
        col.suggest(3, label="kinds")


def test_impossible_requests(col: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"n = 500 is more than the .* rows without 'kind'"):
        col.suggest(500, label="kind")
    with pytest.raises(InvalidArgument, match="selection must be one of"):
        col.suggest(1, label="kind", selection="magic")
    with pytest.raises(InvalidArgument, match="method must be one of distance, lof"):
        col.outliers(method="magic")
    with pytest.raises(InvalidArgument, match="no check 'wrong_lable'; did you mean"):
        col.audit("kind", checks=["wrong_lable"])
    with pytest.raises(InvalidType, match="k must be a positive integer"):
        col.outliers(2.5)
    with pytest.raises(UnknownArgument, match="did you mean"):
        col.outliers(top_k=3)
    col.upsert([{"id": "r0", "vector": [0.0] * DIM, "kind": 3}])
    with pytest.raises(InvalidType, match="labels must be of one kind"):
        col.audit("kind")
