"""`KernelSurrogate` against scikit-learn, and against what it is for: who decided an output."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    NotFitted,
    OverLimit,
    UnknownArgument,
)
from likewise.kernels import RBF, EmpiricalNTK, Kernel, LabelledNTK, LabelledRows
from likewise.kernels.networks import KernelSurrogate, faithfulness

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 3))
y = np.array(["a", "b", "c"])[np.argmax(X, axis=1)]
Q = rng.standard_normal((20, 3))


class Linear(Kernel):
    """x.y, whose features are the rows."""

    name = "linear"

    def _entries(self, X, Y):
        return X @ Y.T


@pytest.mark.parametrize("estimator", [KernelSurrogate(), KernelSurrogate(method="svm")], ids=repr)
def test_follows_scikit_learn(estimator):
    results = check_estimator(estimator, on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_of_the_linear_kernel_is_logistic_regression(classes):
    labels = y if classes == 3 else y == "a"
    theirs = LogisticRegression(C=0.7, tol=1e-8, max_iter=5000).fit(X, labels)
    ours = KernelSurrogate(Linear(), C=0.7, tol=1e-8, max_iter=5000).fit(X, labels)
    np.testing.assert_allclose(ours.decision_function(Q), theirs.decision_function(Q), atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-4)
    assert np.array_equal(ours.predict(Q), theirs.predict(Q))


def test_svm_is_one_machine_against_the_others():
    ours = KernelSurrogate(RBF(length=1.0), method="svm", C=2.0).fit(X, y)
    for column, label in enumerate("abc"):
        theirs = SVC(gamma=0.5, C=2.0, tol=1e-5).fit(X, y == label)
        found = ours.decision_function(Q)[:, column]
        np.testing.assert_allclose(found, theirs.decision_function(Q), atol=1e-6)
    assert not hasattr(ours, "predict_proba")


@pytest.mark.parametrize("method", ["logistic", "svm"])
@pytest.mark.parametrize("classes", [2, 3])
def test_contributions_add_up_to_the_output(method, classes):
    labels = y if classes == 3 else (y == "a").astype(int)
    surrogate = KernelSurrogate(RBF(), method=method).fit(X, labels)
    out = surrogate.decision_function(Q)
    out = np.column_stack([-out, out]) if classes == 2 else out
    intercept = surrogate.intercept_
    intercept = np.array([-intercept[0], intercept[0]]) if classes == 2 else intercept
    for place, label in enumerate(surrogate.classes_):
        total = surrogate.contributions(Q, label).sum(axis=1) + intercept[place]
        np.testing.assert_allclose(total, out[:, place], atol=1e-10)
    own = surrogate.contributions(Q)
    assert np.array_equal(own, surrogate.contributions(Q, surrogate.predict(Q)))
    found = surrogate.evidence(Q, k=4)
    for i, ids in enumerate(found.ids):
        assert ids.tolist() == np.argsort(-own[i], kind="stable")[:4].tolist()
        assert np.array_equal(found.contributions[i], own[i, ids])


def test_support_of_labels_leaves_the_own_vote_out():
    surrogate = KernelSurrogate(RBF()).fit(X, y)
    alpha, support = surrogate.dual_coef_, surrogate.label_support()
    for i in range(0, 60, 7):
        others = np.delete(np.arange(60), i)
        out = RBF()(X[i : i + 1], X[others])[0] @ alpha[others] + surrogate.intercept_
        own = "abc".index(y[i])
        assert support[i] == pytest.approx(out[own] - np.delete(out, own).max())


def trained(rows, labels, seed=0):
    """A small network that has learnt nearly all labels, the wrong ones among them."""
    torch.manual_seed(seed)
    layers = torch.nn.Linear(64, 48), torch.nn.ReLU(), torch.nn.Linear(48, 10)
    module = torch.nn.Sequential(*layers)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2)
    data, target = torch.as_tensor(rows), torch.as_tensor(labels)
    for _ in range(60):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(data), target).backward()
        optimiser.step()
    return module


def test_planted_wrong_labels_are_found():
    digits, labels = load_digits(return_X_y=True)
    digits = (digits[:300] / 16).astype(np.float32)
    labels = labels[:300].astype(np.int64)
    wrong = np.random.default_rng(0).choice(300, 15, replace=False)
    planted = labels.copy()
    planted[wrong] = (planted[wrong] + 3) % 10
    module = trained(digits, planted)
    kernel = EmpiricalNTK(module, normalise=True)
    surrogate = KernelSurrogate(kernel, C=10.0).fit(digits, planted)
    suspects = np.argsort(surrogate.label_support())[:15]
    assert len(set(suspects) & set(wrong)) >= 13  # chance finds one
    # Asked why a wrongly labelled picture could be what its label says, it names that picture.
    found = surrogate.evidence(digits[wrong], k=5, target=planted[wrong])
    assert (found.ids == wrong[:, None]).any(axis=1).mean() >= 0.8
    # To the labelled kernel they are the rows that are least like the others of their label.
    K = LabelledNTK(module, normalise=True)(LabelledRows(digits, planted))
    own = planted[:, None] == planted
    alike = (K * own).sum(axis=1) / own.sum(axis=1)
    assert len(set(np.argsort(alike)[:30]) & set(wrong)) >= 10
    network = torch.as_tensor(module(torch.as_tensor(digits))).softmax(dim=1).detach().numpy()
    assert faithfulness(surrogate.predict_proba(digits), network, planted) > 0.5


def test_faithfulness_is_kendalls_tau():
    P = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    other = np.array([[0.8, 0.2], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    assert faithfulness(P, other, [0, 0, 1, 1]) == pytest.approx(2 / 6)
    assert faithfulness(P, 1 - P, [0, 0, 1, 1]) == -1.0


def test_refusals():
    with pytest.raises(NotFitted, match="fit"):
        KernelSurrogate().predict(X)
    with pytest.raises(NotFitted):
        KernelSurrogate().label_support()
    with pytest.raises(InvalidArgument, match="logistic or svm"):
        KernelSurrogate(method="ridge").fit(X, y)
    with pytest.raises(InvalidArgument, match="C must be positive"):
        KernelSurrogate(C=0).fit(X, y)
    with pytest.raises(InvalidType, match="kernel"):
        KernelSurrogate(kernel="rbf").fit(X, y)
    with pytest.raises(InvalidArgument, match="one class only"):
        KernelSurrogate().fit(X, ["a"] * 60)
    with pytest.raises(DimensionMismatch, match="y has 59 labels, X has 60 rows"):
        KernelSurrogate().fit(X, y[:59])
    with pytest.raises(OverLimit, match=r"kernel.features"):
        KernelSurrogate(memory_limit=1000).fit(X, y)
    fitted = KernelSurrogate().fit(X, y)
    with pytest.raises(InvalidArgument, match="'d' is none of the classes"):
        fitted.contributions(Q, "d")
    with pytest.raises(DimensionMismatch, match="20 of them"):
        fitted.contributions(Q, ["a", "b"])
    with pytest.raises(UnknownArgument, match="'k'"):
        fitted.evidence(Q, top_k=3)


def test_a_kernel_that_is_not_positive():
    class Saddle(Linear):
        def _entries(self, X, Y):
            return np.outer(X[:, 0], Y[:, 0]) - np.outer(X[:, 1], Y[:, 1])

    for method in ("logistic", "svm"):
        with pytest.raises(InvalidArgument, match=r"eigenvalue -\d.*add \d"):
            KernelSurrogate(Saddle(), method=method).fit(X, y)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((np.ones((3, 2)), np.ones((3, 3)), [0, 1, 0]), DimensionMismatch, "shapes"),
        ((np.ones((1, 2)), np.ones((1, 2)), [0]), InvalidArgument, "2 rows or more"),
        ((np.ones((3, 2)), np.ones((3, 2)), [0, 1, 2]), InvalidArgument, "from 0 to 1"),
        ((np.ones((3, 2)), np.ones((3, 2)), [0, 1, 0]), InvalidArgument, "same probability"),
    ],
)
def test_faithfulness_of_what_cannot_be_compared(arguments, error, said):
    with pytest.raises(error, match=said):
        faithfulness(*arguments)
