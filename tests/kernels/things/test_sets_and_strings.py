from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.svm import SVC

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels import Intersection, Jaccard, Spectrum, Tanimoto
from likewise.testing.kernel import KernelConformance


def sets(n, seed=0):
    rng = np.random.default_rng(seed)
    return [set(rng.integers(0, 12, rng.integers(0, 7)).tolist()) for _ in range(n)]


def weighted(n, seed=0):
    rng = np.random.default_rng(seed)
    return [{t: float(rng.integers(0, 5)) for t in row} for row in sets(n, seed)]


def texts(n, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abcdef  "), rng.integers(0, 20))) for _ in range(n)]


class _Sets(KernelConformance):
    vectors = False

    def rows(self, n, seed=0):
        return sets(n, seed)


class _Weighted(KernelConformance):
    vectors = False

    def rows(self, n, seed=0):
        return weighted(n, seed)


class TestJaccard(_Sets):
    def make(self):
        return Jaccard()

    def plain(self, kernel, x, y):
        return len(x & y) / len(x | y) if x | y else 1.0


class TestWeightedJaccard(_Weighted):
    def make(self):
        return Jaccard()

    def plain(self, kernel, x, y):
        terms = x.keys() | y.keys()
        whole = sum(max(x.get(t, 0), y.get(t, 0)) for t in terms)
        return sum(min(x.get(t, 0), y.get(t, 0)) for t in terms) / whole if whole else 1.0


class TestIntersection(_Weighted):
    def make(self):
        return Intersection()

    def plain(self, kernel, x, y):
        return sum(min(x[t], y[t]) for t in x.keys() & y.keys())


class TestTanimoto(_Weighted):
    def make(self):
        return Tanimoto()

    def plain(self, kernel, x, y):
        shared = sum(x[t] * y[t] for t in x.keys() & y.keys())
        whole = sum(v * v for v in x.values()) + sum(v * v for v in y.values()) - shared
        return shared / whole if whole else 1.0


class TestSpectrum(KernelConformance):
    vectors = False
    features = 2000

    def make(self):
        return Spectrum(n=2)

    def variants(self):
        return [Spectrum(n=(1, 3), normalised=False), Spectrum(n=1, unit="word")]

    def rows(self, n, seed=0):
        return texts(n, seed)

    def plain(self, kernel, x, y):
        low, high = kernel._range()

        def count(text):
            units = text.split() if kernel.unit == "word" else squeezed(text)
            found = {}
            for n in range(low, high + 1):
                for i in range(len(units) - n + 1):
                    gram = tuple(units[i : i + n])
                    found[gram] = found.get(gram, 0) + 1
            return found

        def product(one, two):
            return sum(n * two.get(gram, 0) for gram, n in one.items())

        one, two = count(x), count(y)
        if not kernel.normalised:
            return product(one, two)
        if not one or not two:
            return float(not one and not two)
        return product(one, two) / np.sqrt(product(one, one) * product(two, two))


def squeezed(text):
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def test_sparse_rows_and_lists_are_sets_too():
    rows = sets(9)
    table = np.array([[t in row for t in range(12)] for row in rows])
    for kernel in (Jaccard(), Intersection(), Tanimoto()):
        for matrix in (sparse.csr_array(table), sparse.coo_matrix(table.astype(np.float32))):
            np.testing.assert_allclose(kernel(matrix), kernel(rows))
        np.testing.assert_allclose(kernel([[*row, *row] for row in rows]), kernel(rows))
    weights = np.random.default_rng(0).integers(0, 4, (6, 5))
    expected = np.minimum(weights[:, None], weights[None]).sum(axis=2)
    np.testing.assert_allclose(Intersection()(sparse.csr_array(weights)), expected)


def test_one_row_alone():
    assert Jaccard()({"a"}, {"a", "b"}) == 0.5
    assert Jaccard()({"a": 1.0}, {"a": 4.0}) == 0.25
    assert Spectrum(n=2)("abab", "abab") == 1.0
    assert Spectrum(n=2)(["abab", "ab"], ["abab"]).shape == (2, 1)


def test_equals_the_vectoriser_of_scikit_learn():
    rows = texts(30)
    counts = CountVectorizer(analyzer="char", ngram_range=(2, 4), lowercase=False)
    table = counts.fit_transform(rows).toarray()
    found = Spectrum(n=(2, 4), normalised=False)(rows)
    np.testing.assert_allclose(found, table @ table.T)


def test_two_spectra_of_the_same_texts():
    rows, other = texts(8), texts(5, seed=1)
    one, two = Spectrum(n=1), Spectrum(n=3)
    both = (one + two * 2.0)(rows, other)
    np.testing.assert_allclose(both, one(rows, other) + 2 * two(rows, other))


def test_machines_of_scikit_learn():
    rows = ["anna", "hannah", "otto", "bob", "1984", "2001", "42", "451"] * 2
    y = [0] * 4 + [1] * 4
    assert SVC(kernel=Spectrum(n=1)).fit(rows, y * 2).score(rows, y * 2) == 1.0
    as_sets = [set(row) for row in rows]
    assert SVC(kernel=Jaccard()).fit(as_sets, y * 2).score(as_sets, y * 2) == 1.0
    kernel = (2.0 * Spectrum(n=1)).for_sklearn()
    assert not kernel.requires_vector_input
    model = GaussianProcessClassifier(kernel, optimizer=None).fit(rows, y * 2)
    assert model.score(rows, y * 2) == 1.0


@pytest.mark.parametrize(
    ("bad", "error", "match"),
    [
        ([{"a"}, "text"], InvalidType, "row 1 must be a set"),
        ([[["a"]]], InvalidType, "row 0 has an element that cannot be hashed"),
        ([{"a": -1.0}], InvalidVector, "row 0 has weight -1.0 for 'a'"),
        ([{"a": np.nan}], InvalidVector, "weights must be finite"),
        (np.ones((2, 2)), InvalidType, "scipy.sparse.csr_array"),
        ("text", InvalidType, "expected sets"),
        (3, InvalidType, "expected sets"),
        (sparse.csr_array([[1.0, 0.0], [0.0, -2.0]]), InvalidVector, "row 1 has weight -2 in col"),
        (sparse.csr_array(np.array([[1j]])), InvalidType, "of weights"),
    ],
)
def test_wrong_sets(bad, error, match):
    with pytest.raises(error, match=match):
        Jaccard()(bad)


def test_wrong_pairs_and_arguments():
    with pytest.raises(InvalidType, match="both be sparse"):
        Jaccard()(sparse.csr_array(np.eye(2)), [{0}])
    with pytest.raises(DimensionMismatch, match="X has 2 columns, Y 3"):
        Jaccard()(sparse.csr_array(np.eye(2)), sparse.csr_array(np.eye(3)))
    with pytest.raises(InvalidType, match="row 1 must be a string"):
        Spectrum()(["text", 3])
    with pytest.raises(InvalidType, match="expected strings"):
        Spectrum()(3)
    for arguments, match in (
        ({"n": 0}, "n must be at least 1"),
        ({"n": (3, 2)}, "shortest, longest"),
        ({"n": (1, 2, 3)}, "shortest, longest"),
        ({"unit": "byte"}, "unit must be"),
    ):
        with pytest.raises(InvalidArgument, match=match):
            Spectrum(**arguments)
