"""Labels that would be guessed at are refused, by every learner and however they come."""

import numpy as np
import pandas as pd
import pytest

from likewise.errors import InvalidArgument, InvalidType
from likewise.learn import (
    CalibratedClassifier,
    ConformalClassifier,
    LabelCodeNeighbors,
    MSplitNeighbors,
    NearestMean,
    NeighborsClassifier,
)
from likewise.learn.health._labels import read_labels

X4 = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
BIG = 2**53


@pytest.mark.parametrize(
    "model",
    [NeighborsClassifier(k=1), NearestMean(), MSplitNeighbors(parts=2), LabelCodeNeighbors(k=1)],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (["a", float("nan"), "b", "a"], InvalidArgument, r"row 1 is missing \(nan\)"),
        (("a", "b", None, "a"), InvalidArgument, "row 2 is missing"),
        (["a", "b", "b", pd.NA], InvalidArgument, r"row 3 is missing \(<NA>\)"),
        (pd.Series(["a", pd.NA, "b", "a"], dtype="string"), InvalidArgument, "row 1 is missing"),
        (np.array(["2020-01-01", "NaT"] * 2, "M8[D]"), InvalidArgument, r"row 1 .*\(NaT\)"),
        ([1, "a", 1, "a"], InvalidType, "row 0 holds a number, row 1 a string"),
        ([True, False, 2, 1], InvalidType, "row 0 holds a bool, row 2 a number"),
        ({"a", "b"}, InvalidType, "a list or an array"),
        ([BIG + 1, 2.0, BIG, BIG], InvalidType, f"{BIG + 1}, would become {float(BIG)}"),
        (np.array([BIG + 1, 2.0, BIG, 2.0], object), InvalidType, "all integers, or all strings"),
        ([1.0, np.inf, 2.0, 1.0], InvalidArgument, "row 1 is infinite"),
    ],
)
def test_labels_that_would_be_guessed_at(model, y, error, message):
    with pytest.raises(error, match=message):
        model.fit(X4, y)


@pytest.mark.parametrize("y", [[["a"], ["a", "b"], ["b"], ["a"]], [["a", "b"]] * 4, [(1, 2)] * 4])
def test_several_labels_a_row(y):
    for model in (NeighborsClassifier(), NearestMean(), MSplitNeighbors(parts=2)):
        with pytest.raises(InvalidType, match="one label a row"):
            model.fit(X4, y)


@pytest.mark.parametrize(
    "y",
    [
        [np.str_("a"), "b", "a", "b"],
        [np.int64(1), 2, 1, 2.0],
        [np.bool_(True), False, True, False],
        [np.datetime64("2020-01-01"), np.datetime64("2020-01-02T00", "ns")] * 2,
    ],
)
@pytest.mark.parametrize("form", [list, tuple])
def test_lists_of_one_kind(y, form):
    model = NeighborsClassifier(k=1).fit(X4, form(y))
    assert model.classes_.dtype == np.array(y).dtype
    assert (model.predict(X4) == np.array(y)).all()


@pytest.mark.parametrize("kind", [NeighborsClassifier, NearestMean])
@pytest.mark.parametrize(
    ("known", "new", "message"),
    [
        (np.array([BIG + 1, 1]), np.array([BIG, 1], np.uint64), "turn them into int64"),
        (np.array([BIG + 1, 1]), np.array([float(BIG), 1.0]), "turn them into int64"),
        (np.array([1.0, 2.0]), np.array([1, 3]), "turn them into float64"),
        (np.array([True, False]), np.array([1, 2]), "known ones hold a bool, the new ones a numb"),
        (np.array(["a", "b"]), np.array([1, 2]), "known ones hold a string, the new ones a numb"),
    ],
)
def test_batches_of_several_kinds(kind, known, new, message):
    model = kind().partial_fit(X4[:2], known)
    with pytest.raises(InvalidType, match=message):
        model.partial_fit(X4[2:], new)
    assert model.classes_.tolist() == sorted(known.tolist()), "nothing was learnt"
    assert model.classes_.dtype == known.dtype


@pytest.mark.parametrize("kind", [NeighborsClassifier, NearestMean])
def test_integers_of_several_widths_go_together(kind):
    model = kind().partial_fit(X4[:2], np.array([1, 2], np.uint8))
    assert model.partial_fit(X4[2:], np.array([BIG + 1, BIG])).classes_.tolist() == [
        1,
        2,
        BIG,
        BIG + 1,
    ]


def test_audits_skip_missing_labels_but_mix_no_kinds():
    assert read_labels([True, None, pd.NA, False], 4).codes.tolist() == [1, -1, -1, 0]
    with pytest.raises(InvalidType, match="row 0 holds a bool, row 2 a number"):
        read_labels([True, None, 2], 3)


def test_messages_show_plain_labels():
    with pytest.raises(InvalidArgument, match="only one class, 0; two"):
        CalibratedClassifier().fit(X4, [0, 0, 0, 0])
    labels = np.array(["a", "b", "a", "b"], object)
    with pytest.raises(InvalidArgument, match="of every class \\(here of 'a'\\)"):
        ConformalClassifier(class_conditional=True).fit(X4, labels).predict_set(X4, 0.99)
