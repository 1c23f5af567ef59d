"""Bags of vectors: what is refused, with the row and the vector; bytes and back."""

import numpy as np
import pytest

from likewise.errors import DimensionMismatch, InvalidType, InvalidVector
from likewise.metrics import resolve
from likewise.vectors import Bags, as_bags, spans


def some(counts=(2, 1, 4), dim=3, seed=0):
    rng = np.random.default_rng(seed)
    return as_bags([rng.standard_normal((m, dim)) for m in counts])


def test_bags_are_what_was_given():
    given = [[[1, 2], [3, 4]], np.array([[5, 6]], dtype=np.int8), ((True, False),)]
    bags = as_bags(given)
    assert bags.vectors.dtype == np.float32
    assert bags.offsets.tolist() == [0, 2, 3, 4]
    assert [bag.tolist() for bag in bags] == [[[1, 2], [3, 4]], [[5, 6]], [[1, 0]]]
    assert as_bags(bags).vectors is bags.vectors


@pytest.mark.parametrize(
    "one", [np.eye(3), [[1, 0, 0], [0, 1, 0], [0, 0, 1]], list(np.eye(3)), ((1, 0, 0),)]
)
def test_vectors_alone_are_one_bag(one):
    assert len(as_bags(one)) == 1


def test_no_bags():
    assert len(as_bags([])) == 0
    assert as_bags([], dim=7).dim == 7


def test_slices_and_choices_against_lists():
    bags = some((2, 1, 4, 3, 1))
    listed = [bag.tolist() for bag in bags]
    for part in (slice(1, 3), slice(None, None, 2), slice(3, 1), slice(-2, None)):
        assert [bag.tolist() for bag in bags[part]] == listed[part]
    assert [bag.tolist() for bag in bags.take([4, 0, 4])] == [listed[i] for i in (4, 0, 4)]
    assert bags[-1].tolist() == listed[-1]
    with pytest.raises(IndexError, match="bag 5 of 5"):
        bags[5]
    at, offsets = spans(bags.offsets, np.array([3, 1]))
    assert at.tolist() == [7, 8, 9, 2]
    assert offsets.tolist() == [0, 3, 4]


def test_bytes_and_back():
    bags = some()
    again = Bags.from_bytes(bags.to_bytes(), 3)
    np.testing.assert_array_equal(again.vectors, bags.vectors)
    np.testing.assert_array_equal(again.offsets, bags.offsets)
    assert bags.to_bytes()[1] == bags[1].astype("<f4").tobytes()


@pytest.mark.parametrize("blob", [b"", b"12345"])
def test_bytes_that_are_no_vectors(blob):
    with pytest.raises(InvalidVector, match="row 1"):
        Bags.from_bytes([some().to_bytes()[0], blob], 3)


GOOD = np.ones((2, 3))


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ([GOOD, []], InvalidVector, "row 1 is a bag with no vectors"),
        ([GOOD, np.empty((0, 3))], InvalidVector, "row 1 is a bag with no vectors"),
        ([GOOD, GOOD, [[1, 2, np.nan]]], InvalidVector, "row 2, vector 0 has NaN in dimension 2"),
        ([GOOD, [[1, 2, 3], [1, -np.inf, 0]]], InvalidVector, "row 1, vector 1 has infinity"),
        ([[[1, 2, 1e300]]], InvalidVector, "row 0, vector 0 has 1e"),
        ([GOOD, [[1, 2, 3], [0, 0, 0]]], InvalidVector, "row 1, vector 1 is a zero vector"),
        ([GOOD, np.ones((2, 4))], DimensionMismatch, "those of row 1 have 4"),
        ([GOOD, [[1, 2, 3], [1, 2]]], DimensionMismatch, "row 1, vector 1 has 2 numbers"),
        ([GOOD, np.ones(3)], InvalidType, "row 1"),
        ([GOOD, [["a", "b", "c"]]], InvalidType, "row 1"),
        ("words", InvalidType, "list of bags"),
        (7, InvalidType, "list of bags"),
        ({1, 2}, InvalidType, "list of bags"),
    ],
)
def test_what_is_refused(bad, error, words):
    with pytest.raises(error, match=words):
        as_bags(bad, metric=resolve("cosine"))


def test_rows_are_named_as_the_caller_wants():
    with pytest.raises(InvalidVector, match="field 'tokens': id 'a1', vector 0 has NaN"):
        as_bags([GOOD, GOOD * np.nan], what="field 'tokens'", name=lambda i: f"id 'a{i}'")


def test_bags_are_checked_too():
    broken = Bags(np.ones((2, 3), np.float32), np.array([0, 2, 2]))
    with pytest.raises(InvalidVector, match="row 1"):
        as_bags(broken)
    with pytest.raises(DimensionMismatch, match="4 numbers"):
        as_bags(some(), dim=4)
