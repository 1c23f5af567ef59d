"""One temperature for votes of neighbours, from rows left out (Guo, Pleiss, Sun, Weinberger)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression

from likewise.learn import (
    CalibratedClassifier,
    NeighborsClassifier,
    expected_calibration_error,
    log_loss,
)
from replications._labelled import files, labelled
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

SETS = ("letter", "adult", "magic", "Fashion-MNIST", "AG News", "newsgroups")
TRAIN, TEST, SEEDS, BINS = 2_000, 4_000, 3, 15
METHODS: tuple[Literal["temperature", "isotonic"], ...] = ("temperature", "isotonic")
WAYS = ("as it is", *METHODS)


@dataclass(frozen=True, slots=True)
class Line:
    """One set and one classifier: mean over draws, by the way of calibrating."""

    name: str
    model: str
    ece: dict[str, float]
    loss: dict[str, float]
    accuracy: dict[str, float]


def run(setting: Setting) -> Outcome:
    sets = SETS[:2] if setting.quick else SETS
    models = {"10 neighbours": NeighborsClassifier(k=10), "1 neighbour": NeighborsClassifier(k=1)}
    if not setting.quick:
        models["linear"] = LogisticRegression(max_iter=300)
    lines = []
    for done, name in enumerate(sets, 1):
        data = labelled(setting, name)
        test = min(TEST, len(data.y) - TRAIN) if not setting.quick else 100
        for model, estimator in models.items():
            rows = len(data.y) - test if setting.quick else TRAIN
            found = [
                measured(estimator, data.X, data.y, rows, test, [setting.random_state, seed])
                for seed in range(SEEDS)
            ]
            lines.append(Line(name, model, *(mean_of([f[i] for f in found]) for i in range(3))))
        setting.progress.step(done, len(sets), name)
    return judged(lines)


def measured(
    estimator: object, X: object, y: object, train: int, test: int, seed: list[int]
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Calibration error, log loss and accuracy on new rows, by the way of calibrating."""
    rows, labels = np.asarray(X), np.asarray(y)
    order = np.random.default_rng(seed).permutation(len(labels))
    learnt, asked = order[:train], order[train : train + test]
    calibrated = {
        way: CalibratedClassifier(estimator, way).fit(rows[learnt], labels[learnt])
        for way in METHODS
    }
    plain = calibrated["temperature"].estimator_.predict_proba(rows[asked])
    answers: dict[str, Any] = {
        way: model.predict_proba(rows[asked]) for way, model in calibrated.items()
    }
    answers = {WAYS[0]: plain, **answers}
    classes, truth = calibrated["temperature"].classes_, labels[asked]
    known = np.isin(truth, classes)  # a class that was not drawn has no probability
    return (
        {
            way: expected_calibration_error(P[known], truth[known], bins=BINS, classes=classes)
            for way, P in answers.items()
        },
        {way: log_loss(P[known], truth[known], classes=classes) for way, P in answers.items()},
        {way: float((classes[P.argmax(axis=1)] == truth).mean()) for way, P in answers.items()},
    )


def mean_of(found: list[dict[str, float]]) -> dict[str, float]:
    return {way: float(np.mean([each[way] for each in found])) for way in WAYS}


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    votes = [line for line in lines if line.model != "linear"]
    lower = sum(line.ece["temperature"] < line.ece["as it is"] for line in votes)
    small = sum(line.ece["temperature"] <= 0.03 for line in votes)
    loss = sum(line.loss["temperature"] < line.loss["as it is"] for line in votes)
    same = all(line.accuracy["temperature"] == line.accuracy["as it is"] for line in lines)
    verdict = Verdict.NOT_REPRODUCED
    if same and loss == len(votes) and lower == len(votes):
        verdict = Verdict.REPRODUCED if small >= 0.75 * len(votes) else Verdict.PARTLY
    elif same and lower >= 0.75 * len(votes):
        verdict = Verdict.PARTLY
    means = {way: float(np.mean([line.ece[way] for line in votes])) for way in WAYS}
    reason = (
        f"votes of neighbours: a temperature from rows left out lowers the calibration error in "
        f"{lower} of {len(votes)} cases and the log loss in {loss}; it is at most 0.03 in {small}; "
        "mean calibration error " + ", ".join(f"{v:.3f} {way}" for way, v in means.items())
    )
    rows = [
        (
            line.name,
            line.model,
            f"{line.accuracy['as it is']:.3f}",
            *(f"{line.ece[way]:.3f}" for way in WAYS),
            *(f"{line.loss[way]:.3f}" for way in WAYS),
        )
        for line in lines
    ]
    header = (
        "set",
        "classifier",
        "accuracy",
        *(f"error, {way}" for way in WAYS),
        *(f"log loss, {way}" for way in WAYS),
    )
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("Expected calibration error (15 bins) and log loss on new rows", header, rows)],
        [
            "The paper calibrates networks by rows held out; here votes of neighbours by "
            "rows left out, which costs one search and no rows. Votes of 0 get a floor, which is "
            "fitted with the temperature.",
            f"{TRAIN:,} rows to learn from, up to {TEST:,} new ones, {SEEDS} draws. The linear "
            "classifier, left out by five folds, is shown and does not decide.",
        ],
    )


REPLICATION = Replication(
    name="leave_one_out_calibration",
    paper=Paper(
        "Guo, Pleiss, Sun and Weinberger", 2017, "On Calibration of Modern Neural Networks", "ICML"
    ),
    claim="One temperature, fitted by log loss on rows that the classifier has not seen, makes "
    "its probabilities right (error from 4-17 % to 1-2 %) and leaves its answers as they are.",
    rule="for votes of 1 and of 10 neighbours on every set: reproduced when a temperature from "
    "left-out rows leaves all answers as they are, lowers the expected calibration error and the "
    "log loss in every case, and the error is at most 0.03 in three quarters; partly when the "
    "error falls in three quarters",
    needs=files(SETS),
    run=run,
)
