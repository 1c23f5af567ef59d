"""Kernel ridge: every method against the plain formula, and everything it refuses."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import (
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotConverged,
    NotFitted,
    NotPositiveDefinite,
    OverLimit,
    UnknownArgument,
)
from likewise.index import Exact, Graph
from likewise.kernels import RBF, Kernel, SingularLimit, to_sphere
from likewise.kernels.machines import (
    METHODS,
    GaussianProcessClassifier,
    GaussianProcessRegressor,
    KernelRidge,
    KernelRidgeClassifier,
    ScaleMixture,
    SelfDistilledRidge,
)


class Saddle(Kernel):
    """x.y of the first number less that of the second: not positive semi-definite."""

    name = "saddle"

    @property
    def psd(self):
        return False

    def _entries(self, X, Y):
        return np.outer(X[:, 0], Y[:, 0]) - np.outer(X[:, 1], Y[:, 1])


class Words(Kernel):
    """Letters in common: its rows are no vectors."""

    name = "words"

    def _as_rows(self, values, what):
        if not all(isinstance(word, str) for word in values):
            raise InvalidType(f"{what}: expected words")
        return list(values)

    def _check_alike(self, X, Y):
        pass

    def _entries(self, X, Y):
        return np.array([[len(set(x) & set(y)) for y in Y] for x in X], dtype=np.float64)


def data(n=150, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * rng.standard_normal(n)


X, y = data()
Q = data(30, seed=1)[0]
KERNEL = RBF(length=0.8)


def plain(X, Y, Q, ridge):
    return KERNEL(Q, X) @ np.linalg.solve(KERNEL(X) + ridge * np.eye(len(X)), Y)


@pytest.mark.parametrize("estimator", [KernelRidge(), KernelRidgeClassifier()], ids=repr)
def test_follows_scikit_learn(estimator):
    results = check_estimator(estimator, on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


def test_equals_scikit_learn():
    Y = np.column_stack([y, X[:, 0]])
    theirs = SklearnKernelRidge(kernel="rbf", gamma=1 / (2 * 0.8**2), alpha=0.1).fit(X, Y)
    ours = KernelRidge(KERNEL, ridge=0.1, method="exact").fit(X, Y)
    np.testing.assert_allclose(ours.predict(Q), theirs.predict(Q), atol=1e-10)
    np.testing.assert_allclose(ours.solver_.alpha, theirs.dual_coef_, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"method": "exact"}, 1e-9),
        ({"method": "cg", "tol": 1e-9}, 1e-6),
        ({"method": "cg", "tol": 1e-9, "rank": 1}, 1e-6),
        ({"method": "nystrom", "n_landmarks": 150}, 1e-5),
        ({"method": "nystrom", "n_landmarks": 60}, 1e-2),
        ({"method": "nystrom", "n_landmarks": 60, "landmarks": "kmeans++"}, 0.05),
        ({"method": "nystrom", "n_landmarks": 100, "landmarks": "uniform"}, 0.05),
        ({"method": "nystrom", "landmarks": X[::2]}, 0.1),
        ({"method": "features", "n_features": 2_000}, 0.3),
        ({"method": "local", "k": 150}, 1e-9),
        ({"method": "local", "k": 60}, 0.05),
        ({"method": "local", "k": 150, "index": Graph("euclidean")}, 1e-9),
        ({"n_jobs": 2}, 1e-9),
    ],
    ids=lambda given: str(given)[:60],
)
def test_every_method_against_the_plain_formula(options, tolerance):
    Y = np.column_stack([y, X[:, 0]])
    model = KernelRidge(KERNEL, ridge=0.05, **options).fit(X, Y)
    expected = plain(X, Y, Q, 0.05)
    assert np.abs(model.predict(Q) - expected).max() < tolerance
    sums = model.contributions(Q)
    assert sums.shape == (30, 150, 2)
    np.testing.assert_allclose(sums.sum(axis=1), model.predict(Q), atol=1e-6)
    again = clone(model).fit(X, Y)
    assert np.array_equal(again.predict(Q), model.predict(Q))


def test_landmarks_and_features_by_their_own_formulas():
    Z = X[::4]
    model = KernelRidge(KERNEL, ridge=0.05, method="nystrom", landmarks=Z).fit(X, y)
    K = KERNEL(X, Z)
    beta = np.linalg.solve(K.T @ K + 0.05 * KERNEL(Z), K.T @ y)
    np.testing.assert_allclose(model.predict(Q), KERNEL(Q, Z) @ beta, atol=1e-7)
    model = KernelRidge(KERNEL, ridge=0.05, method="features", n_features=70).fit(X, y)
    phi = KERNEL.features(70, random_state=0)
    w = np.linalg.solve(phi(X).T @ phi(X) + 0.05 * np.eye(70), phi(X).T @ y)
    np.testing.assert_allclose(model.predict(Q), phi(Q) @ w, atol=1e-9)


def test_blocks_of_rows_change_nothing(monkeypatch):
    whole = KernelRidge(KERNEL, ridge=0.05, method="nystrom", landmarks=X[::4]).fit(X, y)
    monkeypatch.setattr("likewise.kernels.machines._solver.BLOCK", 8 * 38 * 2 * 20)
    parts = KernelRidge(KERNEL, ridge=0.05, method="nystrom", landmarks=X[::4]).fit(X, y)
    assert len(list(parts.solver_.blocks())) > 5
    np.testing.assert_allclose(parts.predict(Q), whole.predict(Q), atol=1e-9)


def test_one_target_gives_one_column_and_contributions_by_the_formula():
    model = KernelRidge(KERNEL, ridge=0.05).fit(X, y)
    alpha = np.linalg.solve(KERNEL(X) + 0.05 * np.eye(len(X)), y)
    np.testing.assert_allclose(model.predict(Q), plain(X, y, Q, 0.05), atol=1e-9)
    np.testing.assert_allclose(model.contributions(Q), alpha * KERNEL(Q, X), atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "cg"},
        {"method": "nystrom", "n_landmarks": 20},
        {"method": "features", "n_features": 30},
        {"method": "features", "n_features": 30, "random_state": None},
        {"method": "local", "k": 20},
        {"method": "local", "k": 20, "index": Graph("euclidean")},
    ],
    ids=str,
)
def test_pickles(options):
    model = KernelRidge(KERNEL, ridge=0.1, **options).fit(X, y)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(Q), model.predict(Q))


def test_rows_of_float32():
    small = X.astype(np.float32)
    for method in ("exact", "nystrom", "cg"):
        model = KernelRidge(KERNEL, ridge=0.05, method=method).fit(small, y)
        assert np.abs(model.predict(Q) - plain(X, y, Q, 0.05)).max() < 1e-3
        assert model.predict(Q.astype(np.float32)).dtype == np.float64


def test_rows_that_are_no_vectors():
    words, lengths = ["tone", "note", "nets", "sets", "rose"], [1.0, 1.0, 2.0, 3.0, 4.0]
    for method in ("exact", "cg", "nystrom"):
        model = KernelRidge(Words(), ridge=1e-3, method=method).fit(words, lengths)
        K = Words()(words) + 1e-3 * np.eye(5)
        expected = np.array([[3.0, 3.0, 2.0, 1.0, 1.0]]) @ np.linalg.solve(K, lengths)
        np.testing.assert_allclose(model.predict(["ton"]), expected, atol=1e-4)
    with pytest.raises(InvalidArgument, match="an index takes rows of numbers"):
        KernelRidge(Words(), method="local").fit(words, lengths)
    with pytest.raises(InvalidType, match="expected words"):
        model.predict([1.0])


# -- the ridge by leaving one out ---------------------------------------------------


def left_out(X, y, ridge, fit):
    """The mean squared error of leaving each row out, by fitting n times."""
    errors = []
    for i in range(len(X)):
        rest = np.delete(np.arange(len(X)), i)
        errors.append(fit(X[rest], y[rest], ridge).predict(X[i : i + 1])[0] - y[i])
    return float(np.mean(np.square(errors)))


@pytest.mark.parametrize(
    "options",
    [{"method": "exact"}, {"method": "nystrom", "landmarks": X[:12]}, {"method": "features"}],
    ids=lambda given: str(given)[:60],
)
def test_leave_one_out_is_what_it_says(options):
    rows, targets = X[:25], y[:25]
    if options["method"] == "features":
        options = {**options, "n_features": 40}

    def fit(a, b, ridge):
        return KernelRidge(KERNEL, ridge=ridge, **options).fit(a, b)

    model = fit(rows, targets, "loo")
    ridges, errors = model.loo_errors_
    assert model.ridge_ == ridges[np.argmin(errors)]
    for i in (24, 36, 46):
        assert errors[i] == pytest.approx(left_out(rows, targets, ridges[i], fit), rel=1e-4)
    np.testing.assert_allclose(
        model.predict(Q), fit(rows, targets, model.ridge_).predict(Q), atol=1e-6
    )


def test_leave_one_out_where_it_has_no_closed_form():
    with pytest.raises(InvalidArgument, match="leaving one out has no closed form"):
        KernelRidge(KERNEL, ridge="loo", method="cg").fit(X, y)
    plan = KernelRidge(KERNEL, ridge="loo").plan(X, y)
    assert plan.method == "exact"


# -- the plan -----------------------------------------------------------------------


def test_the_plan_takes_the_most_exact_that_fits():
    rows, rng = 20_000, np.random.default_rng(0)
    big = rng.standard_normal((rows, 4)).astype(np.float32)
    small = KernelRidge().plan(X, y)
    assert (small.method, small.chosen.bytes > 8 * 150**2) == ("exact", True)
    assert [c.method for c in small.candidates] == list(METHODS)
    plan = KernelRidge(memory_limit=2e9).plan(big)
    assert plan.method == "cg"
    assert "over memory_limit" in str(plan)
    tight = KernelRidge(memory_limit=1.6e8).plan(big)
    assert tight.method == "features"
    assert KernelRidge(memory_limit=3.5e7).plan(big).method == "local"
    assert KernelRidge(memory_limit=1e6).plan(big).method == ""
    huge = KernelRidge(memory_limit=4e9).plan(np.zeros((50_000, 8), np.float32))
    assert huge.method == "nystrom"
    assert 'too long for "auto"' in str(huge)
    assert "50,000 rows of 8 numbers" in str(huge)


def test_memory_beyond_the_limit_is_refused_with_the_plan(capsys):
    with pytest.raises(OverLimit, match=r"exact.*MB(.|\n)*over memory_limit(.|\n)*nystrom"):
        KernelRidge(KERNEL, memory_limit=1e5).fit(X, y)
    with pytest.raises(OverLimit, match="no method fits"):
        KernelRidge(KERNEL, memory_limit=1e5, method="exact").fit(X, y)
    rows = np.zeros((6000, 2))
    machine = KernelRidge(KERNEL, memory_limit=1.5e8, method="exact")
    with pytest.raises(OverLimit, match=r"asked for does not fit.*name another method: cg"):
        machine.fit(rows, rows[:, 0])
    model = KernelRidge(KERNEL, memory_limit=4e8, verbose=True).fit(X, y)
    assert str(model.plan_) in capsys.readouterr().out
    with pytest.raises(OverLimit, match="fewer rows at a time"):
        model.contributions(np.zeros((200_000, 2)))


# -- what it refuses ----------------------------------------------------------------


@pytest.mark.parametrize("method", ["exact", "cg", "nystrom", "local"])
def test_a_kernel_that_is_not_psd(method):
    with pytest.raises(NotPositiveDefinite, match=r"smallest eigenvalue .* about -\d+") as found:
        KernelRidge(Saddle(), ridge=0.1, method=method).fit(X, y).predict(Q)
    assert "Saddle()" in str(found.value)
    assert "PositivePart" in str(found.value)
    if method == "exact":
        least = np.linalg.eigvalsh(Saddle()(X))[0]
        assert f"{least:.4g}" in str(found.value)
        enough = KernelRidge(Saddle(), ridge=1.2 * abs(least), method=method).fit(X, y)
        assert np.isfinite(enough.predict(Q)).all()
    with pytest.raises(NotPositiveDefinite):
        KernelRidge(Saddle(), ridge="loo").fit(X, y)


class Gap(Kernel):
    """Not a number for a row whose first number is 7 beside others, or beside itself."""

    name = "gap"

    def __init__(self, itself=False):
        self.itself = itself

    def _entries(self, X, Y):
        x, z = X[:, :1] == 7, Y[:, 0] == 7
        return np.where(x & z if self.itself else x ^ z, np.nan, KERNEL(X, Y))


@pytest.mark.parametrize(
    ("itself", "method"),
    [(False, m) for m in ("exact", "nystrom", "local")]
    + [(True, m) for m in ("exact", "cg", "nystrom", "local")],
)
def test_a_kernel_that_is_not_finite(itself, method):
    rows = np.vstack([X, [[7.0, 0.0]]])
    machine = KernelRidge(Gap(itself), method=method)
    words = "itself" if itself else r"row \d+"
    with pytest.raises(InvalidArgument, match=rf"Gap\(.*\) is nan of row \d+ and {words};"):
        machine.fit(rows, np.append(y, 0.0)).predict(rows)


@pytest.mark.parametrize(
    "machine",
    [
        KernelRidge(ridge="loo"),
        GaussianProcessRegressor(),
        GaussianProcessClassifier(),
        ScaleMixture(),
        SelfDistilledRidge(),
    ],
)
def test_a_kernel_that_is_infinite_on_its_diagonal(machine):
    rows = to_sphere(X)
    machine.set_params(kernel=SingularLimit(dim=2))
    with pytest.raises(InvalidArgument, match=r"is inf of row 0 and itself;.*takes depth="):
        machine.fit(rows, (y > y.mean()).astype(int))
    machine.set_params(kernel=SingularLimit(dim=2, depth=5))
    assert np.isfinite(machine.fit(rows, (y > y.mean()).astype(int)).predict(rows)).all()


def test_a_negative_diagonal():
    class Below(Saddle):
        def _entries(self, X, Y):
            return np.tanh(X @ Y.T - 1)

    with pytest.raises(NotPositiveDefinite, match="smallest eigenvalue of its matrix is about -"):
        KernelRidge(Below(), method="cg").fit(X, y)


def test_a_singular_matrix_has_its_jitter_stated():
    twice = np.concatenate([X, X])
    model = KernelRidge(RBF(length=50.0), ridge=1e-300).fit(twice, np.tile(y, 2))
    assert 0 < model.jitter_ < 1e-9
    assert np.isfinite(model.predict(Q)).all()
    assert KernelRidge(KERNEL).fit(X, y).jitter_ == 0.0


def test_gradients_that_do_not_converge_are_an_error():
    with pytest.raises(NotConverged, match="after max_iter = 2 steps the residual is"):
        KernelRidge(KERNEL, 1e-6, method="cg", rank=1, max_iter=2).fit(X, y)
    with pytest.raises(NotConverged, match="rounding leaves a residual"):
        KernelRidge(RBF(length=9.0), 1e-12, method="cg", tol=1e-14, rank=150).fit(X, y)
    model = KernelRidge(KERNEL, 0.1, method="cg").fit(X, y)
    assert model.n_iter_ == model.solver_.steps >= 1
    assert model.solver_.residual <= 2e-6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "magic"}, "method must be auto, exact"),
        ({"ridge": 0.0}, "ridge must be positive"),
        ({"ridge": "much"}, 'a number or "loo"'),
        ({"n_landmarks": 0}, "n_landmarks must be at least 1"),
        ({"landmarks": "best"}, "landmarks must be one of pivoted"),
        ({"tol": -1.0}, "tol must be positive"),
        ({"memory_limit": -1.0}, "memory_limit must be positive"),
        ({"random_state": -1}, "random_state must be at least 0"),
        ({"method": "exact", "n_landmarks": 5}, "is an argument of method='nystrom'"),
        ({"method": "features", "kernel": Saddle()}, "no explicit map"),
    ],
    ids=lambda given: str(given)[:60],
)
def test_impossible_arguments(options, words):
    with pytest.raises(InvalidArgument, match=words):
        KernelRidge(**options).fit(X, y)


class Skew(Kernel):
    """Alike to what lies a little to the right."""

    name = "skew"

    def _entries(self, X, Y):
        return np.exp(-((X[:, None] - Y[None] - 0.3) ** 2).sum(axis=2))


class Holes(Kernel):
    """NaN for what is far apart."""

    name = "holes"

    def _entries(self, X, Y):
        K = np.exp(-((X[:, None] - Y[None]) ** 2).sum(axis=2))
        return np.where(K < 0.3, np.nan, K)


@pytest.mark.parametrize(
    "machine",
    [
        KernelRidge(Skew()),
        GaussianProcessRegressor(Skew(), optimizer=None),
        GaussianProcessClassifier(Skew(), optimizer=None),
    ],
    ids=lambda machine: type(machine).__name__,
)
def test_a_kernel_that_is_not_symmetric_is_refused(machine):
    with pytest.raises(InvalidArgument, match=r"not symmetric: k\(X\["):
        machine.fit(X, (y > 0).astype(int))


def test_nan_between_rows_is_refused():
    near = np.zeros((40, X.shape[1]))  # the first rows, which are looked at, are alike
    rows = np.concatenate([near, near + 5.0])
    for options in ({"method": "cg", "rank": 1}, {"method": "cg"}, {"method": "exact"}):
        with pytest.raises(InvalidArgument, match="kernel: "):
            KernelRidge(Holes(), **options).fit(rows, np.arange(80.0))


def test_what_auto_does_not_use_is_said():
    with pytest.warns(UserWarning, match="n_landmarks is not used.*took 'exact'"):
        KernelRidge(n_landmarks=10).fit(X, y)


def test_wrong_types_and_names():
    with pytest.raises(UnknownArgument, match="did you mean 'random_state'"):
        KernelRidge(seed=3)
    with pytest.raises(InvalidType, match="kernel must be a kernel"):
        KernelRidge("rbf").fit(X, y)
    with pytest.raises(InvalidType, match=r"index must be one of likewise\.index"):
        KernelRidge(method="local", index="graph").fit(X, y)
    with pytest.raises(NotFitted, match="call fit"):
        KernelRidge().predict(X)
    assert KernelRidge(method="local", index=Exact("cosine"), k=5).fit(X, y).method_ == "local"


def test_bad_rows_and_targets():
    wrong = X.copy()
    wrong[3, 1] = np.nan
    with pytest.raises(InvalidVector, match="row 3 has NaN"):
        KernelRidge().fit(wrong, y)
    with pytest.raises(InvalidVector, match="row 3 has NaN"):
        KernelRidge().fit(X, y).predict(wrong)
    with pytest.raises(InvalidArgument, match="y: row 1 is NaN"):
        KernelRidge().fit(X[:2], [1.0, np.nan])
    with pytest.raises(InvalidArgument, match="y has 2 values, X has 3 rows"):
        KernelRidge(Words()).fit(["a", "b", "c"], [1.0, 2.0])
    with pytest.raises(InvalidVector, match="features"):
        KernelRidge().fit(X, y).predict(X[:, :1])


# -- the classifier -----------------------------------------------------------------


def test_classes_are_ridge_on_signs():
    labels = np.array(["one", "two", "three"])[np.digitize(X[:, 0], [-0.7, 0.7])]
    model = KernelRidgeClassifier(KERNEL, ridge=0.1).fit(X, labels)
    signs = np.where(labels[:, None] == model.classes_, 1.0, -1.0)
    np.testing.assert_allclose(model.decision_function(Q), plain(X, signs, Q, 0.1), atol=1e-9)
    assert model.score(X, labels) > 0.95
    assert model.contributions(Q).shape == (30, 150, 3)
    assert model.plan(X, labels).outputs == 3
    two = KernelRidgeClassifier(KERNEL, ridge=0.1).fit(X, X[:, 0] > 0)
    assert two.decision_function(Q).shape == (30,)
    assert (two.predict(Q) == (Q[:, 0] > 0)).mean() > 0.9


def test_labels_that_cannot_be_learnt():
    with pytest.raises(InvalidArgument, match="only one class"):
        KernelRidgeClassifier().fit(X, np.zeros(len(X), dtype=int))
    with pytest.raises(InvalidArgument, match="X has 3 rows"):
        KernelRidgeClassifier(Words()).fit(["a", "b", "c"], ["x", "y"])
    with pytest.raises(InvalidArgument, match="y: row 1 is NaN"):
        KernelRidgeClassifier().fit(X[:2], [1.0, np.nan])
    with pytest.raises(InvalidType, match="one label a row"):
        KernelRidgeClassifier().fit(X[:2], [[0, 1], [1, 1]])
