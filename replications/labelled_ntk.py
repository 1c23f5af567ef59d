"""Rows that contradict and rows that repeat each other (Guo and others, ICLR 2024)."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.kernels.networks import LabelledNTK, LabelledRows
from replications._digits import Digits, digits, flipped, mlp, probabilities, trained
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

HIDDEN, FLIPPED, FLAGGED, REPEATED = 128, 0.05, 0.08, 0.2
SCORES = (
    "row sums of cosines",
    "mean cosine with the rows of its label",
    "row sums by the loss's gradient",
    "the network's own doubt",
    "5 nearest pictures",
)
SETS = ("all rows", "without the flagged", "without as many at random")
CLEAN = ("all rows", "without the most repeated", "without as many at random")


def run(setting: Setting) -> Outcome:
    rows, seeds, steps = (60, 1, 15) if setting.quick else (600, 5, 60)
    areas, poisoned, clean = [], [], []
    for seed in range(setting.random_state, setting.random_state + seeds):
        data, rng = digits(rows, 600, seed), np.random.default_rng([seed, 2])
        noisy, wrong = flipped(data.y, FLIPPED, rng)
        scores = suspicion(data, noisy, steps, seed)
        areas.append([area(score, wrong) for score in scores])
        worst = np.argsort(-scores[1])[: round(FLAGGED * rows)]
        poisoned.append(accuracies(data, noisy, worst, steps, seed, rng))
        clean.append(accuracies(data, data.y, repeated(data, steps, seed), steps, seed, rng))
        setting.progress.step(len(areas), seeds, f"seed {seed}")
    return judged(*(np.mean(found, axis=0).tolist() for found in (areas, poisoned, clean)))


def suspicion(data: Digits, y: Any, steps: int, seed: int) -> list[Any]:
    """Scores, each the higher the more a label is in doubt."""
    from sklearn.neighbors import KNeighborsClassifier

    module = trained(mlp((64, HIDDEN, 10), seed), data.X, y, steps)
    rows = LabelledRows(data.X, y)
    K = LabelledNTK(module, normalise=True)(rows)
    own = y[:, None] == y
    sums = [-K.sum(axis=1), -(K * own).sum(axis=1) / own.sum(axis=1)]
    sums.append(-LabelledNTK(module, "loss")(rows).sum(axis=1))
    doubt = 1 - probabilities(module, data.X)[np.arange(len(y)), y]
    near = KNeighborsClassifier(6).fit(data.X, y).kneighbors(data.X, return_distance=False)
    return [*sums, doubt, (y[near[:, 1:]] != y[:, None]).mean(axis=1)]


def area(score: Any, wrong: Any) -> float:
    """Under the curve of wrong labels against right ones."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.isin(np.arange(len(score)), wrong), score))


def repeated(data: Digits, steps: int, seed: int) -> Any:
    """The rows that another row of their own digit stands for best, one after another."""
    module = trained(mlp((64, HIDDEN, 10), seed), data.X, data.y, steps)
    K = LabelledNTK(module, normalise=True)(LabelledRows(data.X, data.y))
    np.fill_diagonal(K, -np.inf)
    gone: list[int] = []
    for _ in range(round(REPEATED * len(K))):
        row = int(K.max(axis=1).argmax())
        gone.append(row)
        K[row], K[:, row] = -np.inf, -np.inf
    return np.array(gone)


def accuracies(data: Digits, y: Any, gone: Any, steps: int, seed: int, rng: Any) -> list[float]:
    """On held-out rows, of networks that learnt all rows, not those, and not as many others."""
    others = rng.choice(len(y), len(gone), replace=False)
    found = []
    for left_out in (np.empty(0, dtype=int), gone, others):
        kept = np.setdiff1d(np.arange(len(y)), left_out)
        module = trained(mlp((64, HIDDEN, 10), seed + 100), data.X[kept], y[kept], steps)
        found.append(float((probabilities(module, data.Q).argmax(axis=1) == data.asked).mean()))
    return found


def judged(areas: list[float], poisoned: list[float], clean: list[float]) -> Outcome:
    """The verdict by the rule."""
    flips = max(areas[:2]) >= 0.9
    harmless = poisoned[1] > max(poisoned[0], poisoned[2])
    spare = clean[1] >= clean[0] - 0.005
    held = flips + (harmless and spare)
    verdict = [Verdict.NOT_REPRODUCED, Verdict.PARTLY, Verdict.REPRODUCED][held]
    reason = (
        f"row sums find wrong labels with area {areas[0]:.3f} under the curve, means over the own "
        f"label {areas[1]:.3f} (the network's doubt {areas[3]:.3f}, neighbours {areas[4]:.3f}); "
        f"accuracy {poisoned[0]:.2%} with them, {poisoned[1]:.2%} without the flagged; on clean "
        f"rows {clean[0]:.2%}, and {clean[1]:.2%} without the fifth that is repeated most"
    )
    return Outcome(
        verdict,
        reason,
        reason,
        [
            Table(
                "Wrong labels",
                ("score", "area"),
                [(n, f"{a:.3f}") for n, a in zip(SCORES, areas, strict=True)],
            ),
            Table(
                f"{FLIPPED:.0%} of labels wrong, {FLAGGED:.0%} of rows flagged by the own label",
                ("learnt", "accuracy"),
                [(n, f"{a:.2%}") for n, a in zip(SETS, poisoned, strict=True)],
            ),
            Table(
                f"Right labels, {REPEATED:.0%} of rows left out",
                ("learnt", "accuracy"),
                [(n, f"{a:.2%}") for n, a in zip(CLEAN, clean, strict=True)],
            ),
        ],
        [
            "600 digits and networks of one hidden layer; the paper has MNIST and CIFAR-10, and "
            "finds repeated rows by farthest-point clusters where this takes them one by one.",
            "The rule named sums over all rows alone at first. On another network, before this was "
            "run, they found nothing: with ten outputs the signs of two labels differ in two "
            "places only. So the mean over the own label was put beside them.",
        ],
    )


REPLICATION = Replication(
    name="labelled_ntk",
    paper=Paper(
        "Guo, Ren, Albrecht and Smith",
        2024,
        "Sample Relationship from Learning Dynamics Matters for Generalisation",
        "ICLR",
    ),
    claim="The labelled pseudo-NTK tells rows that contradict each other from rows that repeat "
    "each other: flagged poisonous rows, and redundant ones, can be left out without harm.",
    rule="reproduced when sums of cosines over all rows or over those of the own label find "
    "flipped labels with an area of at least 0.9, leaving the flagged out gives a better accuracy "
    "than all rows and than leaving others out, and leaving out the fifth repeated most costs at "
    "most 0.5 points; partly when either the first or both others hold; else not; means over five "
    "seeds",
    needs=(),
    run=run,
)
