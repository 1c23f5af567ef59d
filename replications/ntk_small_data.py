"""Kernels of infinite width on small tables beside forests and SVMs (Arora et al.)."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.kernels import NNGP, NTK, Kernel
from replications.data import DataFolder
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Rows = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

#: Rows a set at most; folds outside and inside.
ROWS, OUTER, INNER = 300, 4, 3
DEPTHS, BIAS = (1, 2, 4), 0.1
COSTS = tuple(10.0 ** np.arange(-2, 5))
TREES = 200
RIDGES = tuple(10.0 ** np.arange(-4, 3))
ADBENCH = ("18_Ionosphere", "29_Pima", "4_breastw", "7_Cardiotocography", "30_satellite")
BUNDLED = ("iris", "wine", "breast_cancer", "digits")
#: How much below the forest counts as competitive, in accuracy.
BESIDE = 0.01


@dataclass(frozen=True, slots=True)
class Labelled:
    """A set: rows that are standardised, and their classes 0, 1, ..."""

    name: str
    X: Rows
    y: Labels


def run(setting: Setting) -> Outcome:
    sets = [generated(setting)] if setting.quick else list(read(setting.data, setting.random_state))
    chosen = methods(5 if setting.quick else TREES)
    folds = 2 if setting.quick else OUTER
    names = list(chosen)
    accuracy = np.zeros((len(sets), len(names)))
    for at, data in enumerate(sets):
        for column, name in enumerate(names):
            accuracy[at, column] = nested(data, chosen[name], folds, setting.random_state)
        setting.progress.step(at + 1, len(sets), data.name)
    return judged(sets, names, accuracy)


# -- data ---------------------------------------------------------------------------------


def generated(setting: Setting) -> Labelled:
    """Two rings."""
    rng = np.random.default_rng(setting.random_state)
    y = np.arange(80) % 2
    directions = rng.standard_normal((80, 2))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return _labelled("rings", directions * (1 + y)[:, None], y, rng)


def read(data: DataFolder, seed: int) -> Iterator[Labelled]:
    """Small sets of UCI: those that scikit-learn bundles, and of the data folder."""
    from sklearn import datasets

    rng = np.random.default_rng(seed)
    for name in BUNDLED:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield _labelled(name, X, y, rng)
    for name in ADBENCH:
        with np.load(data.file(f"adbench/{name}.npz")) as file:
            yield _labelled(name.partition("_")[2], file["X"], file["y"], rng)
    letters = _table(data, "letter_recognition/letter_recognition.csv")
    yield _labelled("letter", np.array([row[1:] for row in letters], float), _classes(letters), rng)
    shells = _table(data, "abalone/abalone.csv")
    rings = np.array([float(row[-1]) for row in shells])
    numbers = np.array([row[1:-1] for row in shells], float)
    sexes = np.array([[row[0] == sex for sex in "MFI"] for row in shells], float)
    three = np.digitize(rings, [8.5, 10.5])
    yield _labelled("abalone, 3 classes", np.hstack([numbers, sexes]), three, rng)


def _table(data: DataFolder, name: str) -> list[list[str]]:
    with open(data.file(name), newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def _classes(rows: list[list[str]]) -> Labels:
    return np.unique([row[0] for row in rows], return_inverse=True)[1]


def _labelled(name: str, X: Rows, y: npt.ArrayLike, rng: np.random.Generator) -> Labelled:
    chosen = rng.permutation(len(X))[:ROWS]
    X, classes = np.asarray(X, float)[chosen], np.asarray(y)[chosen]
    spread = X.std(axis=0)
    X = ((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0]
    return Labelled(name, X, np.unique(classes, return_inverse=True)[1].astype(np.int64))


# -- methods ------------------------------------------------------------------------------

#: Predictions of rows ``test`` from rows ``train``, by a choice of the grid.
Predict = Callable[[Any, Labels, Labels, Labels], Labels]


@dataclass(frozen=True, slots=True)
class Method:
    """A grid of ``(what is prepared of X, what predicts from it)``."""

    grid: Callable[[Rows, int], list[tuple[Any, Predict]]]


def _of_kernel(
    kind: type[Kernel], predict: Callable[[float], Predict], strengths: tuple[float, ...]
) -> Method:
    def grid(X: Rows, seed: int) -> list[tuple[Any, Predict]]:
        kernels: list[Rows] = []
        for depth in DEPTHS:
            K = kind(depth=depth, bias_variance=BIAS)(X)  # type: ignore[call-arg]
            kernels.append(K / np.diag(K).mean())
        return [(K, predict(strength)) for K in kernels for strength in strengths]

    return Method(grid)


def _svm(cost: float) -> Predict:
    def predict(K: Rows, y: Labels, train: Labels, test: Labels) -> Labels:
        from sklearn.svm import SVC

        machine = SVC(C=cost, kernel="precomputed", cache_size=100)
        machine.fit(K[np.ix_(train, train)], y[train])
        answer: Labels = machine.predict(K[np.ix_(test, train)])
        return answer

    return predict


def _ridge(strength: float) -> Predict:
    def predict(K: Rows, y: Labels, train: Labels, test: Labels) -> Labels:
        targets = np.where(y[train][:, None] == np.arange(y.max() + 1), 1.0, -1.0)
        inner = K[np.ix_(train, train)] + strength * np.eye(len(train))
        found = K[np.ix_(test, train)] @ np.linalg.solve(inner, targets)
        answer: Labels = found.argmax(axis=1)
        return answer

    return predict


def _of_sklearn(make: Callable[[int], list[Any]]) -> Method:
    def predict_with(machine: Any) -> Predict:
        def predict(X: Rows, y: Labels, train: Labels, test: Labels) -> Labels:
            from sklearn.base import clone

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of iterations that were not enough
                answer: Labels = clone(machine).fit(X[train], y[train]).predict(X[test])
            return answer

        return predict

    return Method(lambda X, seed: [(X, predict_with(machine)) for machine in make(seed)])


def _forests(trees: int) -> Callable[[int], list[Any]]:
    def make(seed: int) -> list[Any]:
        from sklearn.ensemble import RandomForestClassifier

        return [
            RandomForestClassifier(trees, max_features=share, random_state=seed)
            for share in ("sqrt", 0.5)
        ]

    return make


def _machines(seed: int) -> list[Any]:
    from sklearn.svm import SVC

    return [SVC(C=cost, gamma=g) for cost in COSTS for g in (0.003, 0.01, 0.03, 0.1, 0.3)]


def _logistic(seed: int) -> list[Any]:
    from sklearn.linear_model import LogisticRegression

    return [LogisticRegression(C=cost, max_iter=300) for cost in (0.01, 0.1, 1.0, 10.0, 100.0)]


def _nearest(seed: int) -> list[Any]:
    from sklearn.neighbors import KNeighborsClassifier

    return [KNeighborsClassifier(k) for k in (1, 3, 5, 9, 15, 25)]


def methods(trees: int) -> dict[str, Method]:
    """What is compared, by name."""
    return {
        "NTK SVM": _of_kernel(NTK, _svm, COSTS),
        "NNGP SVM": _of_kernel(NNGP, _svm, COSTS),
        "NTK ridge": _of_kernel(NTK, _ridge, RIDGES),
        "NNGP ridge": _of_kernel(NNGP, _ridge, RIDGES),
        "RBF SVM": _of_sklearn(_machines),
        "forest": _of_sklearn(_forests(trees)),
        "logistic": _of_sklearn(_logistic),
        "kNN": _of_sklearn(_nearest),
    }


def nested(data: Labelled, method: Method, folds: int, seed: int) -> float:
    """Accuracy where the inner folds choose of the grid, without seeing the outer test fold."""
    from sklearn.model_selection import StratifiedKFold

    choices, right = method.grid(data.X, seed), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer rows than folds
        outer = StratifiedKFold(folds, shuffle=True, random_state=seed)
        for train, test in outer.split(data.X, data.y):
            inner = StratifiedKFold(INNER, shuffle=True, random_state=seed)
            parts = list(inner.split(data.X[train], data.y[train]))
            scores = [
                sum(
                    (predict(of, data.y, train[a], train[b]) == data.y[train[b]]).sum()
                    for a, b in parts
                )
                for of, predict in choices
            ]
            of, predict = choices[int(np.argmax(scores))]
            right += int((predict(of, data.y, train, test) == data.y[test]).sum())
    return right / len(data.y)


# -- judgement ----------------------------------------------------------------------------


def judged(sets: list[Labelled], names: list[str], accuracy: Rows) -> Outcome:
    from scipy.stats import rankdata

    ranks = rankdata(-accuracy, axis=1).mean(axis=0)
    means, best = accuracy.mean(axis=0), accuracy.max(axis=1, keepdims=True)
    near = (accuracy >= 0.95 * best).mean(axis=0)
    at = {name: i for i, name in enumerate(names)}
    ntk, forest, svm = at["NTK SVM"], at["forest"], at["RBF SVM"]
    gap = accuracy[:, ntk] - accuracy[:, forest]
    error = gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else 0.0
    verdict = Verdict.NOT_REPRODUCED
    if means[ntk] >= means[forest] and ranks[ntk] <= min(ranks[forest], ranks[svm]):
        verdict = Verdict.REPRODUCED
    elif means[ntk] >= max(means[forest], means[svm]) - BESIDE:
        verdict = Verdict.PARTLY
    rows = [
        [f"{d.name}, {len(d.X)} x {d.X.shape[1]}", *[f"{100 * a:.1f}" for a in line]]
        for d, line in zip(sets, accuracy, strict=True)
    ]
    rows += [
        ["**mean**", *[f"{100 * m:.2f}" for m in means]],
        ["**mean rank**", *[f"{r:.2f}" for r in ranks]],
        ["**share of sets within 95% of the best**", *[f"{100 * s:.0f}%" for s in near]],
    ]
    measured = (
        f"mean accuracy {100 * means[ntk]:.2f}% of NTK SVM, {100 * means[forest]:.2f}% of forests, "
        f"{100 * means[svm]:.2f}% of RBF SVM, on {len(sets)} sets; mean ranks {ranks[ntk]:.2f}, "
        f"{ranks[forest]:.2f}, {ranks[svm]:.2f}"
    )
    return Outcome(
        verdict,
        measured,
        measured,
        [Table("Accuracy in %, nested cross-validation", ("set", *names), rows)],
        [
            f"At most {ROWS} rows a set, drawn once; {OUTER} outer folds, {INNER} inner ones; rows "
            "standardised. The paper has 90 sets and folds of its own.",
            f"Kernels: ReLU, depths {DEPTHS}, bias variance {BIAS}, divided by their mean "
            "diagonal; the paper also trains the last layers only. The sets from ADBench have two "
            "classes, inliers and outliers. Gaussian-process classification was left out for its "
            "cost.",
            f"The NTK SVM is {100 * gap.mean():.2f} points better than forests, with a standard "
            f"error over sets of {100 * error:.2f}: so few sets cannot tell such differences from "
            "chance. The figures of the claim are quoted from memory.",
        ],
    )


REPLICATION = Replication(
    name="ntk_small_data",
    paper=Paper(
        "S. Arora, S. Du, Z. Li, R. Salakhutdinov, R. Wang, D. Yu",
        2020,
        "Harnessing the Power of Infinitely Wide Deep Nets on Small-data Tasks",
        "ICLR",
    ),
    claim="On 90 small UCI sets an SVM with the NTK has a mean accuracy of 81.95%, a random forest "
    "81.56% and a Gaussian SVM 81.03%, and the best mean rank of all.",
    rule="Reproduced if the NTK SVM's mean accuracy is at least the forest's and its mean rank no "
    f"worse than that of forest and RBF SVM. Partly if its mean accuracy is within "
    f"{100 * BESIDE:g} point of the better of both.",
    needs=(
        "letter_recognition/letter_recognition.csv",
        "abalone/abalone.csv",
        *[f"adbench/{name}.npz" for name in ADBENCH],
    ),
    run=run,
)
