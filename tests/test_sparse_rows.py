"""Sparse vectors: rows of weighted terms, and their bytes."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import DamagedFile, InvalidType, InvalidVector
from likewise.vectors import as_sparse, sparse_from_bytes, sparse_to_bytes

WEIGHTS = st.floats(0, 2.0**90, width=32).filter(lambda w: w == 0 or w > 2.0**-90)
ROWS = st.one_of(
    st.dictionaries(st.text(max_size=5), WEIGHTS, max_size=6),
    st.dictionaries(st.integers(-(2**63), 2**63 - 1), WEIGHTS, max_size=6),
)


@given(ROWS)
def test_bytes_give_back_the_row(row):
    blob = sparse_to_bytes(row)
    assert sparse_from_bytes(blob) == {t: w for t, w in row.items() if w}
    assert sparse_to_bytes(sparse_from_bytes(blob)) == blob


@given(ROWS.filter(bool), st.integers(1, 30))
def test_short_bytes_are_damaged(row, cut):
    blob = sparse_to_bytes(row)
    with pytest.raises(DamagedFile, match="damaged"):
        sparse_from_bytes(blob[: max(0, len(blob) - cut)] + b"")


def test_wrong_bytes_are_damaged():
    with pytest.raises(DamagedFile, match="kind"):
        sparse_from_bytes(b"x\0\0\0\0")
    with pytest.raises(InvalidVector, match="64 bits"):
        sparse_to_bytes({1 << 70: 1.0})


@given(st.lists(st.dictionaries(st.integers(0, 9), WEIGHTS, max_size=5), max_size=6))
def test_mappings_and_matrices_agree(rows):
    dense = np.zeros((len(rows), 10), dtype=np.float32)
    for i, row in enumerate(rows):
        for term, weight in row.items():
            dense[i, term] = weight
    a, b = as_sparse(rows, width=10), as_sparse(sp.csr_array(dense))
    assert a.offsets.tolist() == b.offsets.tolist()
    for found in (a, b):
        again = sp.csr_array((found.weights, found.columns, found.offsets), shape=dense.shape)
        assert (again.toarray() == dense).all()


def test_numpy_numbers_are_numbers():
    rows = as_sparse([{np.int64(3): np.float32(0.5)}, {4: np.int8(2)}])
    assert rows.new_terms == [3, 4]
    assert rows.weights.tolist() == [0.5, 2.0]


def test_a_vocabulary_grows_only_when_it_may():
    grown = as_sparse([{"b": 1, "a": 1}], vocabulary={"a": 0})
    assert (grown.columns.tolist(), grown.new_terms, grown.width) == ([1, 0], ["b"], 2)
    kept = as_sparse([{"b": 1, "a": 1}], vocabulary={"a": 0}, grow=False)
    assert (kept.columns.tolist(), kept.new_terms, kept.width) == ([0], [], 1)


def test_the_matrix_of_the_caller_stays_as_it_is():
    given_ = sp.csr_array(([1.0, 2.0], [0, 0], [0, 2]), shape=(1, 2))
    assert as_sparse(given_).weights.tolist() == [3.0]
    assert given_.nnz == 2


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (sp.csr_array(np.array([[1j]])), InvalidType, "numbers; got complex"),
        ("text", InvalidType, "list of mappings"),
        ([{"a": None}], InvalidType, "row 0, term 'a'"),
        ([{True: 1.0}], InvalidType, "str or int"),
        ([{}, {"a": float("inf")}], InvalidVector, "row 1 has weight infinity"),
    ],
)
def test_errors(values, error, words):
    with pytest.raises(error, match=words):
        as_sparse(values)
    if isinstance(values, list):
        with pytest.raises(error, match=r"the row 'x'|str or int"):
            as_sparse(values, name=lambda row: "the row 'x'")
