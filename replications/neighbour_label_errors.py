"""Wrong labels by neighbours, without training a model (Zhu, Dong and Liu)."""

from __future__ import annotations

import csv
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.index import Exact
from likewise.learn import label_issues, label_probabilities, linear_probabilities
from likewise.learn._searching import leave_one_out
from replications.data import DataFolder, FloatRows, Labels, ag_news, fashion_mnist
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

ROWS, VOTERS, SEEDS = 2500, 10, 1
NOISES = ((0.1, "uniform"), (0.3, "uniform"), (0.2, "by class"))
NEEDS = (
    "ag_news_test/test.csv",
    "potion_token_vectors/embeddings_int8.npy",
    "potion_token_vectors/tokenizer.json.gz",
    "fashion_mnist/train-images-idx3-ubyte.gz",
    "fashion_mnist/train-labels-idx1-ubyte.gz",
    "letter_recognition/letter_recognition.csv",
)
Bools = npt.NDArray[np.bool_]


class Line(NamedTuple):
    """F1 of what each way proposes, for one set and one kind of error."""

    what: str
    votes: float
    neighbours: float
    both: float
    trained: float


def run(setting: Setting) -> Outcome:
    """Every set and every kind of error."""
    sets = {"clouds": clouds(setting)} if setting.quick else real(setting.data)
    lines = []
    for done, (name, (X, y)) in enumerate(sets.items(), 1):
        for share, kind in NOISES[:1] if setting.quick else NOISES:
            seeds = range(
                setting.random_state, setting.random_state + (1 if setting.quick else SEEDS)
            )
            scores = np.mean([measured(X, y, share, kind, seed) for seed in seeds], axis=0)
            lines.append(Line(f"{name}, {share:.0%} {kind}", *scores.tolist()))
        setting.progress.step(done, len(sets), name)
    return judged(lines)


def clouds(setting: Setting) -> tuple[FloatRows, Labels]:
    rng = np.random.default_rng([setting.random_state, 6])
    y = rng.integers(0, 4, 240)
    return (rng.normal(size=(4, 6))[y] * 2 + rng.normal(size=(240, 6))).astype(np.float32), y


def real(data: DataFolder) -> dict[str, tuple[FloatRows, Labels]]:
    """Three sets, the same number of rows of each."""
    with open(data.file("letter_recognition/letter_recognition.csv"), newline="") as file:
        letters = list(csv.reader(file))[1:]
    codes = np.unique([row[0] for row in letters], return_inverse=True)[1].astype(np.int64)
    all_ = {
        "AG News": ag_news(data),
        "Fashion-MNIST": fashion_mnist(data, "train"),
        "letter": (np.array([row[1:] for row in letters], dtype=np.float32), codes),
    }
    order = np.random.default_rng(0)
    cut = {}
    for name, (X, y) in all_.items():
        some = order.permutation(len(X))[:ROWS]
        cut[name] = (X[some], y[some])
    return cut


def planted(y: Labels, share: float, kind: str, rng: np.random.Generator) -> tuple[Labels, Bools]:
    """Wrong labels: any other, or each class for the next one."""
    classes = int(y.max()) + 1
    wrong = np.zeros(len(y), dtype=np.bool_)
    wrong[rng.choice(len(y), round(share * len(y)), replace=False)] = True
    step = rng.integers(1, classes, len(y)) if kind == "uniform" else 1
    return np.where(wrong, (y + step) % classes, y), wrong


def measured(X: FloatRows, y: Labels, share: float, kind: str, seed: int) -> list[float]:
    """F1 by votes, by `label_issues` on neighbours, with a linear model too, and trained."""
    labels, wrong = planted(y, share, kind, np.random.default_rng([seed, len(X)]))
    classes = int(y.max()) + 1
    lists = leave_one_out(Exact("euclidean").fit(X), 2 * VOTERS)
    near = label_probabilities(*lists, labels, classes)
    both = (near + linear_probabilities(X, labels, classes)) / 2
    proposals = (
        by_votes(lists.ids[:, :VOTERS], labels, classes),
        label_issues(near, labels).flagged,
        label_issues(both, labels).flagged,
        confident(cross_validated(X, labels), labels),
    )
    return [f1(proposed, wrong) for proposed in proposals]


def by_votes(ids: npt.NDArray[np.int64], labels: Labels, classes: int) -> Bools:
    """The paper's voting: the label is not the most frequent of the ten neighbours'."""
    counts = (labels[ids][:, :, None] == np.arange(classes)).sum(axis=1)
    proposed: Bools = counts.argmax(axis=1) != labels
    return proposed


def cross_validated(X: FloatRows, labels: Labels) -> Any:
    """Probabilities by a logistic regression that was trained on other folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    # Letters are measured in whole numbers up to 15: as they are, it does not come to an end.
    X = X / max(1.0, float(np.abs(X).max()))
    model = LogisticRegression(C=10.0, max_iter=150)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_predict(model, X, labels, cv=5, method="predict_proba")


def confident(p: Any, labels: Labels) -> Bools:
    """Confident learning: off the diagonal of the confident joint (Northcutt and others, 2021)."""
    thresholds = np.array([p[labels == c, c].mean() for c in range(p.shape[1])])
    reached = np.where(p >= thresholds, p, -1.0)
    proposed: Bools = (reached.max(axis=1) >= 0) & (reached.argmax(axis=1) != labels)
    return proposed


def f1(proposed: Bools, wrong: Bools) -> float:
    return float(2 * (proposed & wrong).sum() / max(1, proposed.sum() + wrong.sum()))


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    wins = sum(line.votes > line.trained for line in lines)
    ours = sum(line.neighbours > line.votes for line in lines)
    mean = {
        name: float(np.mean([getattr(line, name) for line in lines])) for name in Line._fields[1:]
    }
    verdict = Verdict.NOT_REPRODUCED
    if mean["votes"] > mean["trained"]:
        verdict = Verdict.REPRODUCED if wins > 2 * len(lines) / 3 else Verdict.PARTLY
    reason = (
        f"votes of neighbours have a higher F1 than confident learning in {wins} of {len(lines)} "
        f"settings, {mean['votes']:.3f} against {mean['trained']:.3f} in the mean; label_issues on "
        f"neighbours has {mean['neighbours']:.3f} (above votes in {ours}), with a linear model "
        f"{mean['both']:.3f}"
    )
    header = (
        "set and errors",
        "votes",
        "label_issues",
        "and linear",
        "confident learning, trained",
    )
    rows = [(line.what, *(f"{value:.3f}" for value in line[1:])) for line in lines]
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("F1 of the labels proposed as wrong", header, rows)],
        [
            f"{ROWS:,} rows of each set, {SEEDS} draw. The paper has images, their features "
            "by pre-trained networks, and networks as trained rivals; here features are pixels, "
            "letters' measures and mean token vectors, and the rival a logistic regression with "
            "five folds. The paper's ranking with an estimated noise matrix was not built.",
        ],
    )


REPLICATION = Replication(
    name="neighbour_label_errors",
    paper=Paper(
        "Zhu, Dong and Liu",
        2022,
        "Detecting corrupted labels without training a model to predict",
        "ICML",
    ),
    claim="Votes of the nearest neighbours on good features find wrong labels better (F1) than "
    "methods that train a model, confident learning among them.",
    rule="Over three sets and three kinds of errors: reproduced if votes have the higher mean F1 "
    "and the higher one in over two thirds of the settings; partly if only the higher mean.",
    needs=NEEDS,
    run=run,
)
