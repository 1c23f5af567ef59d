"""An audit of tables with planted errors, and of tables that cannot be audited."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, UnknownArgument
from likewise.index import Exact, Graph
from likewise.learn import audit, audit_neighbours, linear_probabilities
from likewise.learn._searching import leave_one_out, nearest
from likewise.learn.health import checks
from likewise.learn.health._labels import MISSING, codes_of, read_labels
from likewise.learn.health.checks import CHECKS
from likewise.learn.health.findings import HealthFinding
from likewise.learn.health.shared import Checked, NotApplicable, Shared

DIGITS, KINDS = load_digits(return_X_y=True)


def digits(count=500, wrong=25, seed=0):
    """Pictures, labels of which some are wrong, and which."""
    rng = np.random.default_rng(seed)
    X, y = DIGITS[:count].copy(), KINDS[:count].copy()
    rows = rng.choice(count, wrong, replace=False)
    y[rows] = (y[rows] + rng.integers(1, 10, wrong)) % 10
    return X, y, np.sort(rows)


@pytest.fixture(scope="module")
def report():
    """Of a table with an error of every kind."""
    X, y, _ = digits()
    X = np.concatenate([X, X[:3] + 0.01, X[5:7]])
    labels = [f"digit {k}" for k in [*y, *y[:3], y[5], (y[6] + 1) % 10]]
    labels[20] = labels[21] = None
    X[30, 3] = np.nan
    X[40] = np.random.default_rng(0).random(64) * 16
    Q, asked = DIGITS[1000:1020].copy(), [f"digit {k}" for k in KINDS[1000:1020]]
    Q[0], asked[0] = X[100] + 0.01, labels[100]
    Q[1], asked[1] = X[101], "digit eleven"
    Q[2, 0] = np.inf
    return audit(X, labels, test=(Q, asked))


# -- what is found --------------------------------------------------------------------


def test_wrong_labels_are_found(report):
    _, y, wrong = digits()
    found = report.rows_of("wrong_label")
    ranked = np.argsort(-report.scores["wrong_label"][:500])[: len(wrong)]
    assert np.isin(ranked, wrong).mean() > 0.8
    assert np.isin(wrong, found).mean() > 0.6
    assert np.isin(found, wrong).mean() > 0.8
    worst = report["wrong_label"][0]
    row = worst.rows[0]
    assert worst.suggested == f"digit {KINDS[row]}"
    assert f"row {row} is labelled 'digit {y[row]}', and looks like" in worst.message
    assert worst.evidence  # the neighbours that say so
    assert {f"digit {y[i]}" for i in worst.evidence if i < 500} == {worst.suggested}
    scores = [one.score for one in report["wrong_label"]]
    assert scores == sorted(scores, reverse=True)
    assert scores == [report.scores["wrong_label"][row] for row in found]


def test_copies_are_found_and_those_with_two_labels(report):
    clusters = {one.rows for one in report["near_duplicate"]}
    assert clusters == {(0, 500), (1, 501), (2, 502), (5, 503)}
    (conflict,) = report["conflicting_duplicate"]
    assert (conflict.rows, conflict.severity, conflict.score) == ((6, 504), "error", 1.0)
    assert "with 2 labels" in conflict.message


def test_leaks_are_found_and_whether_labels_agree(report):
    (same,), (other,) = report["leakage"], report["leakage_other_label"]
    assert (same.test_rows, same.rows) == ((0,), (100,))
    assert (other.test_rows, other.rows, other.score) == ((1,), (101,), 1.0)
    assert "but is labelled 'digit eleven', not 'digit" in other.message
    assert np.flatnonzero(report.scores["leakage"]).tolist() == [100, 101]


def test_rows_that_are_left_out_are_findings(report):
    (unusable,), (missing,) = report["unusable"], report["missing_label"]
    assert (unusable.rows, unusable.test_rows) == ((30,), (2,))
    assert unusable.message.startswith("row 30 and test row 2: NaN")
    assert missing.rows == (20, 21)
    for name, values in report.scores.items():
        assert values.shape == (505,)
        assert np.isfinite(values).all()
        assert values[30] == 0.0, name
    for name in ("wrong_label", "disagreement", "value"):
        assert not report.scores[name][[20, 21]].any(), name


def test_rare_rows_and_harmful_ones(report):
    assert report["rare"][0].rows == (40,)
    (harmful,) = report["harmful"]
    assert (report.scores["value"][list(harmful.rows)] < 0).all()
    assert np.argmin(report.scores["value"]) == harmful.rows[0]
    assert np.isin(harmful.rows[:15], digits()[2]).mean() >= 0.6


def test_scores_lie_between_0_and_1(report):
    for name, values in report.scores.items():
        if name != "value":
            assert (values.min() >= 0, values.max() <= 1) == (True, True), name
    for one in report:
        assert 0 <= one.score <= 1, one


def test_classes_that_overlap_are_weak_or_small():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(203, 3))
    X[100:] += 9.0
    y = np.array([*rng.choice(["left", "middle", "right"], 100), *["far"] * 100, *["few"] * 3])
    report = audit(X, y)
    assert {one.code for one in report} >= {"overlapping_classes", "weak_class", "small_class"}
    pairs = report["overlapping_classes"]
    assert [set(one.rows) < set(range(100)) for one in pairs if "'far'" not in one.message]
    (pair,) = [one for one in pairs if "'left' and 'right'" in one.message]
    assert set(pair.rows) == set(np.flatnonzero((y == "left") | (y == "right")))
    (small,) = report["small_class"]
    assert (small.rows, small.score) == ((200, 201, 202), pytest.approx(0.4))
    assert {row for one in report["weak_class"] for row in one.rows} <= set(range(100))
    between = report["ambiguous"][0]
    assert between.rows[0] < 100
    assert "lies between" in between.message


def test_numbers_are_regressed():
    X, y = load_diabetes(return_X_y=True)
    y = y + 0.5
    y[17], y[99] = 9000.0, np.nan
    report = audit(X, y)
    assert (report.task, report["wrong_target"][0].rows) == ("regression", (17,))
    assert report["wrong_target"][0].suggested < 400
    assert report["missing_label"][0].rows == (99,)
    assert report.scores["wrong_target"][99] == 0.0
    assert report.skipped["wrong_label"] == "labels are numbers, and this check needs classes"
    assert audit(X, y.round(), task="regression").task == "regression"
    assert audit(X[:50], (y[:50] > 100).astype(float)).task == "classification"


def test_labels_that_are_nearly_all_different_say_so():
    X, y = load_diabetes(return_X_y=True)
    report = audit(X[:60], np.arange(60))
    assert "nearly all different (60 classes of 60 rows)" in report.skipped["wrong_label"]
    assert set(report.scores) == {"near_duplicate", "rare"}
    Q = X[60:80]
    numbers = audit(X[:60], y[:60] + 0.5, test=(Q, y[60:80].round()))
    assert (numbers.task, numbers["leakage_other_label"]) == ("regression", [])


def test_rows_without_labels():
    report = audit(DIGITS[:200])
    assert report.task == ""
    assert set(report.scores) == {"near_duplicate", "rare"}
    assert report.skipped["leakage"] == "there are no test rows; give test=(X, y)"
    assert report.skipped["wrong_label"] == "there are no labels; give y"
    assert "200 rows, no labels" in report.summary()


def test_one_class_only_says_so():
    report = audit(DIGITS[:50], ["a"] * 50)
    assert "one class only, 'a'" in report.skipped["wrong_label"]
    assert "near_duplicate" in report.scores
    with pytest.raises(NotApplicable, match="check 'wrong_label': labels are of one class only"):
        audit(DIGITS[:50], ["a"] * 50, checks="wrong_label")


# -- how it is asked ------------------------------------------------------------------


def test_the_same_by_lists_of_neighbours():
    X, y, _ = digits(200, 10)
    index = Exact("euclidean").fit(X)
    test = nearest(index, DIGITS[200:210], 15)
    p = linear_probabilities(X, y, 10)
    by_rows = audit(X, y, test=(DIGITS[200:210], KINDS[200:210]), k=15, linear=True)
    by_lists = audit_neighbours(
        *leave_one_out(index, 15),
        y,
        test=(*test, KINDS[200:210]),
        probabilities=p,
    )
    assert by_lists.to_dicts() == by_rows.to_dicts()
    for name, values in by_rows.scores.items():
        np.testing.assert_array_equal(by_lists.scores[name], values)
    copies = nearest(index, X[:2], 3)
    named = audit_neighbours(
        *leave_one_out(index, 15),
        y,
        names=[f"id{i}" for i in range(200)],
        test=(*copies, None),
        test_names=["t0", "t1"],
    )
    assert [(one.rows, one.test_rows) for one in named["leakage"]] == [
        (("id0",), ("t0",)),
        (("id1",), ("t1",)),
    ]
    assert named["leakage"][0].where == "row 'id0', test row 't0'"
    assert named["wrong_label"][0].rows[0].startswith("id")
    assert named["wrong_label"][0].message.startswith("row 'id")


def test_other_probabilities_join_in():
    X, y, wrong = digits(200, 10)
    truth = np.full((200, 10), 0.001)
    truth[np.arange(200), KINDS[:200]] = 0.991
    report = audit(X, y, probabilities=truth)
    assert set(report.rows_of("wrong_label")) <= set(wrong)
    assert np.isin(np.argsort(-report.scores["wrong_label"])[:10], wrong).all()
    alone = audit(X, y, linear=False).scores["wrong_label"]
    both = audit(X, y, linear=True).scores["wrong_label"]
    assert not np.array_equal(alone, both)
    np.testing.assert_array_equal(both, audit(X, y).scores["wrong_label"])


def test_a_model_that_does_harm_joins_only_where_it_must():
    X, y, _ = digits(150, 5)
    lists = leave_one_out(Exact("euclidean").fit(X), 10)
    labels, names = read_labels(y, 150), range(150)
    by_neighbours = Shared(*lists, names, labels).probabilities
    astray = np.eye(10)[(y + 1) % 10]
    optional, forced = (
        Shared(*lists, names, labels, astray, model_optional=may).probabilities
        for may in (True, False)
    )
    np.testing.assert_array_equal(optional, by_neighbours)
    np.testing.assert_allclose(forced, (by_neighbours + astray) / 2)
    right = np.eye(10)[y]
    np.testing.assert_allclose(
        Shared(*lists, names, labels, right, model_optional=True).probabilities,
        (by_neighbours + right) / 2,
    )


def test_an_index_of_ones_own_and_k_that_is_cut():
    X, y, wrong = digits(120, 6)
    cosine = audit(X, y, index=Graph("cosine"), k=500, recall=0.99)
    assert np.isin(np.argsort(-cosine.scores["wrong_label"])[:6], wrong).mean() > 0.6
    X[4] = 0.0
    assert audit(X, y, index=Exact("cosine"))["unusable"][0].rows == (4,)
    assert not audit(X, y)["unusable"]
    dot = audit(X, y, index=Exact("dot"))
    assert "inner products" in dot.skipped["near_duplicate"]
    assert np.isfinite(dot.scores["wrong_label"]).all()


def test_a_radius_instead_of_chance():
    X = np.array([[0.0], [1.0], [3.0], [7.0], [15.0], [31.0]])
    assert not audit(X)["near_duplicate"]
    (cluster,) = audit(X, radius=2.0)["near_duplicate"]
    assert cluster.rows == (0, 1, 2)


def test_only_the_checks_that_are_asked_for():
    X, y, _ = digits(100, 5)
    assert set(audit(X, y, checks=["rare", "wrong_label"]).scores) == {
        "rare",
        "wrong_label",
        "disagreement",
    }
    with pytest.raises(InvalidArgument, match="did you mean 'near_duplicate'"):
        audit(X, y, checks=["near_duplicates"])
    with pytest.raises(InvalidArgument, match="there are unusable, missing_label"):
        audit(X, y, checks=["zzz"])
    with pytest.raises(NotApplicable, match="check 'leakage': there are no test rows"):
        audit(X, y, checks=["leakage"])


def test_a_check_joins_by_one_line(monkeypatch):
    def first(shared):
        finding = HealthFinding("first", "the first", rows=shared.of([0]))
        return Checked([finding], {"first": np.ones(len(shared.ids))})

    monkeypatch.setitem(checks.CHECKS, "first", first)
    report = audit(DIGITS[:30])
    assert report["first"][0].rows == (0,)
    assert report.scores["first"].sum() == 30


def test_the_same_bytes_again():
    X, y, _ = digits(150, 8)
    assert audit(X, y).to_dicts() == audit(X, y).to_dicts()


# -- the report -----------------------------------------------------------------------


def test_the_printed_table(report):
    text = str(report)
    assert text.startswith("505 rows, classification: ")
    for code, count in report.counts().items():
        assert sum(line.split()[:1] == [code] for line in text.splitlines()) == 2
        assert count == len(report[code])
    assert "... and " in text
    assert "not run\n  wrong_target: labels are classes" in text
    assert "row 30" not in report.summary(examples=0)
    with pytest.raises(InvalidArgument, match="examples must be a count"):
        report.summary(examples=-1)
    assert "0 findings" in audit([[0.0], [1.0], [2.0]]).summary()


def test_as_a_data_frame(report):
    frame = report.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == len(report) == len(list(report))
    assert frame["code"].tolist() == [one.code for one in report]
    assert audit([[0.0], [1.0], [2.0]]).to_pandas().columns[0] == "code"


# -- labels as they come ----------------------------------------------------------------


def test_labels_of_every_kind():
    days = [dt.date(2020, 1, 2), None, dt.date(2020, 1, 1)]
    for y, classes, codes in [
        ([True, False, True], [False, True], [1, 0, 1]),
        (np.array(["b", "a", "b"]), ["a", "b"], [1, 0, 1]),
        ([3, None, 1], [1, 3], [1, MISSING, 0]),
        (np.array([1.0, np.nan, 0.0]), [0.0, 1.0], [1, MISSING, 0]),
        (pd.Series(["x", pd.NA, "y"]), ["x", "y"], [0, MISSING, 1]),
        (pd.Series([1, None, 2], dtype="Int64"), [1, 2], [0, MISSING, 1]),
        (pd.Categorical(["x", None, "y"]), ["x", "y"], [0, MISSING, 1]),
        (days, [days[2], days[0]], [1, MISSING, 0]),
        ([1, 2, 3.0], [1, 2, 3], [0, 1, 2]),
    ]:
        found = read_labels(y, 3)
        assert (found.classes.tolist(), found.codes.tolist()) == (classes, codes)
    numbers = read_labels(pd.Series([1.5, None, 2.0]), 3)
    assert (numbers.values.tolist(), numbers.known.tolist()) == (
        [1.5, 0.0, 2.0],
        [True, False, True],
    )
    assert codes_of(read_labels([2, 5, None], 3), read_labels([1, 2], 2)).tolist() == [1, 2, -1]


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        ([1, "a", 2], InvalidType, "row 0 holds a number, row 1 a str"),
        ([[1], [2], [3]], InvalidType, "one label a row; row 0 holds"),
        (np.eye(3), InvalidType, "one label a row"),
        ([1, 2], InvalidArgument, "y has 2 labels, X has 3 rows"),
        ("abc", InvalidType, "y must be a label a row; got 'abc'"),
        (5, InvalidType, "y must be a label a row; got 5"),
        ([None, None, np.nan], InvalidArgument, "y: no row has a label"),
        ([0.5, np.inf, None], InvalidArgument, "label of row 1 is infinite"),
    ],
)
def test_labels_that_cannot_be(y, error, words):
    with pytest.raises(error, match=words):
        audit(np.eye(3), y)


# -- calls that cannot be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "options", "error", "words"),
    [
        (np.eye(3), {"k": 0}, InvalidArgument, "k must be"),
        (np.eye(3), {"level": 1.0}, InvalidArgument, "level must lie between 0 and 1"),
        (np.eye(3), {"radius": -1}, InvalidArgument, "radius must be a distance"),
        (np.eye(3), {"task": "rank", "y": [0, 1, 0]}, InvalidArgument, "task must be"),
        (np.eye(3), {"index": "graph"}, InvalidType, "index must be one of"),
        (np.eye(3), {"test": np.eye(3)}, InvalidType, "test must be a pair"),
        (np.eye(3), {"test": (np.eye(2), None)}, DimensionMismatch, "X has 3 numbers a row"),
        (np.eye(3), {"test": (np.full((1, 3), np.nan), None)}, InvalidArgument, "no test row"),
        (np.eye(3), {"linear": True}, InvalidArgument, "linear=True needs labels of two"),
        (np.eye(3), {"probabilities": np.eye(3)}, InvalidArgument, "probabilities needs labels"),
        (
            np.eye(3),
            {"probabilities": np.eye(3), "linear": True, "y": [0, 1, 2]},
            InvalidArgument,
            "not both",
        ),
        (
            np.eye(3),
            {"probabilities": np.eye(2), "y": [0, 1, 2]},
            DimensionMismatch,
            r"\(3 rows, 3 classes\)",
        ),
        (
            np.eye(3),
            {"probabilities": np.ones((3, 3)), "y": [0, 1, 2]},
            InvalidArgument,
            "sum to 1",
        ),
        (
            np.eye(3),
            {"task": "regression", "y": ["a", "b", "c"]},
            InvalidType,
            "regression needs numbers; got labels of type str",
        ),
        ([1.0, 2.0], {}, DimensionMismatch, r"\(rows, numbers\); got shape \(2,\)"),
        ([["a"]], {}, InvalidType, "rows of numbers"),
        ([[1.0]], {}, InvalidArgument, "two rows of finite numbers at least; X has 1 of 1"),
        ([[np.nan], [1.0]], {}, InvalidArgument, "X has 1 of 2"),
    ],
)
def test_calls_that_cannot_be(X, options, error, words):
    with pytest.raises(error, match=words):
        audit(X, **options)


def test_a_wrong_name_is_named():
    with pytest.raises(UnknownArgument, match="did you mean 'k'"):
        audit(np.eye(3), n_neighbors=3)
    with pytest.raises(UnknownArgument, match="did you mean 'checks'"):
        audit_neighbours([[1], [0]], [[1.0], [1.0]], check=["rare"])


@pytest.mark.parametrize(
    ("ids", "distances", "options", "error", "words"),
    [
        ([1, 0], [1.0, 1.0], {}, DimensionMismatch, "k of 1 or more"),
        ([[1], [0]], [[1.0]], {}, DimensionMismatch, "got shapes"),
        ([[1.0], [0.0]], [[1.0], [1.0]], {}, InvalidType, "ids must be integers"),
        ([[2], [0]], [[1.0], [1.0]], {}, InvalidArgument, "places among the 2 rows; got 0 to 2"),
        ([[1], [1]], [[1.0], [0.0]], {}, InvalidArgument, "row 1 is in its own list"),
        ([[1], [0]], [[np.nan], [1.0]], {}, InvalidArgument, "finite"),
        (
            [[1, 2], [0, 2], [0, 1]],
            [[2.0, 1.0], [1.0, 1.0], [1.0, 1.0]],
            {},
            InvalidArgument,
            "ascend",
        ),
        ([[1], [0]], [[1.0], [1.0]], {"names": ["a"]}, InvalidArgument, "names has 1 entries"),
        ([[1], [0]], [[1.0], [1.0]], {"test": 3}, InvalidType, "test must be"),
        (
            [[1], [0]],
            [[1.0], [1.0]],
            {"test": ([[2]], [[0.0]], None)},
            InvalidArgument,
            "among the 2 rows",
        ),
        (
            [[1], [0]],
            [[1.0], [1.0]],
            {"test": ([[1]], [[0.0]], None), "test_names": []},
            InvalidArgument,
            "test_names has 0",
        ),
        (
            [[1], [0]],
            [[1.0], [1.0]],
            {"test": ([[1]], [[0.0]], [1, 2])},
            InvalidArgument,
            "test labels has 2",
        ),
        ([[1], [0]], [[1.0], [1.0]], {"y": [1]}, InvalidArgument, "y has 1 labels, ids has 2"),
    ],
)
def test_lists_that_cannot_be(ids, distances, options, error, words):
    with pytest.raises(error, match=words):
        audit_neighbours(ids, distances, **options)


def test_every_check_is_listed_with_what_it_does():
    for name, check in CHECKS.items():
        assert check.__doc__, name
