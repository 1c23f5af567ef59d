"""Neighbours mixed with a linear classifier, where labels are few (Jia, Chen, Wu, ...)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import ttest_rel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from likewise.learn import InterpolatedNeighbors, expected_calibration_error, log_loss
from replications._labelled import files, labelled
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

SETS = ("letter", "AG News", "newsgroups", "CLINC, 50 intents")
SHOTS, SEEDS, TEST = (5, 10, 20, 50), 5, 1_500
STRENGTHS = (1.0, 10.0, 100.0)
PARTS = ("linear", "neighbours", "mix")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One set and number of shots; figures of every draw are (seeds, parts)."""

    name: str
    shots: int
    accuracy: Floats
    loss: Floats
    ece: Floats
    weights: Floats

    def gains(self) -> Floats:
        """(seeds,) accuracy of the mix over the linear part's."""
        return np.asarray(self.accuracy[:, 2] - self.accuracy[:, 0])


def run(setting: Setting) -> Outcome:
    sets = SETS[:1] if setting.quick else SETS
    shots, seeds = ((5, 10), 2) if setting.quick else (SHOTS, SEEDS)
    lines, total = [], len(sets) * len(shots)
    for name in sets:
        data = labelled(setting, name)
        for few in shots:
            draws = [
                measured(data.X, data.y, few, [setting.random_state, seed, few])
                for seed in range(seeds)
            ]
            lines.append(Line(name, few, *(np.array(part) for part in zip(*draws, strict=True))))
            setting.progress.step(len(lines), total, f"{name}, {few} shots")
    return judged(lines)


def measured(X: Any, y: Any, shots: int, seed: list[int]) -> tuple[Any, ...]:
    """Accuracy, log loss and calibration error of the parts and of the mix, and its weight."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    learnt = np.concatenate([order[y[order] == c][:shots] for c in np.unique(y)])
    asked = np.setdiff1d(order, learnt)
    asked = rng.permutation(asked)[:TEST]
    strength = tuned(X[learnt], y[learnt])
    model = InterpolatedNeighbors(LogisticRegression(C=strength, max_iter=500), folds=5)
    model.fit(X[learnt], y[learnt])
    chosen = model.weight_
    figures = []
    for weight in (0.0, 1.0, chosen):  # the parts as they are in the mix: calibrated
        model.weight_ = weight
        P = model.predict_proba(X[asked])
        figures.append(
            (
                float((P.argmax(axis=1) == y[asked]).mean()),
                log_loss(P, y[asked]),
                expected_calibration_error(P, y[asked]),
            )
        )
    return (*zip(*figures, strict=True), chosen)


def tuned(X: Any, y: Any) -> float:
    """The strength of the linear classifier, by three folds of the rows given."""
    search = GridSearchCV(
        LogisticRegression(max_iter=500),
        {"C": STRENGTHS},
        scoring="neg_log_loss",
        cv=3,
    )
    return float(search.fit(X, y).best_params_["C"])


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    better, worse, where = 0, 0, []
    for line in lines:
        gain, p = float(line.gains().mean()), 1.0
        if line.gains().std() > 0:
            p = float(ttest_rel(line.accuracy[:, 2], line.accuracy[:, 0]).pvalue)
        better += p < 0.05 and gain > 0
        worse += p < 0.05 and gain < 0
        if p < 0.05 and gain > 0:
            where.append(f"{line.name} ({line.shots})")
    lost = [float((line.loss[:, 2] - line.loss[:, 0]).mean()) for line in lines]
    few = [line.gains().mean() for line in lines if line.shots == min(x.shots for x in lines)]
    many = [line.gains().mean() for line in lines if line.shots == max(x.shots for x in lines)]
    verdict = Verdict.NOT_REPRODUCED
    if better >= len(lines) / 2 and worse == 0:
        verdict = Verdict.REPRODUCED
    elif better >= 1 and better > worse:
        verdict = Verdict.PARTLY
    reason = (
        f"the mix is more accurate than its linear part in {better} of {len(lines)} cases, less in "
        f"{worse} (paired t-test over draws, 5 %)"
        + (f": {', '.join(where)}" if where else "")
        + f"; mean gain {np.mean(few):+.1%} at {min(x.shots for x in lines)} shots, "
        f"{np.mean(many):+.1%} at {max(x.shots for x in lines)}; log loss changes by "
        f"{min(lost):+.3f} to {max(lost):+.3f}"
    )
    rows = [
        (
            line.name,
            str(line.shots),
            *(f"{v:.3f}" for v in line.accuracy.mean(axis=0)),
            *(f"{v:.3f}" for v in line.loss.mean(axis=0)),
            *(f"{v:.3f}" for v in line.ece.mean(axis=0)),
            f"{line.weights.mean():.2f}",
        )
        for line in lines
    ]
    header = (
        "set",
        "shots",
        *(f"{what}, {part}" for what in ("accuracy", "log loss", "error") for part in PARTS),
        "weight",
    )
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("New rows; error is the expected calibration error", header, rows)],
        [
            "Features are given: figures of letters, mean token vectors of news and posts, MiniLM "
            "vectors of utterances. The paper's are of images, by networks that are not here.",
            "All is chosen within the rows given: the strength of the linear classifier by three "
            "folds, k and the temperature by leaving one out, the weight (0 and 1 among them) by "
            "rows left out of both calibrated parts. Parts and mix are shown calibrated.",
        ],
    )


REPLICATION = Replication(
    name="knn_linear",
    paper=Paper(
        "Jia, Chen, Wu, Cardie, Belongie and Lim",
        2021,
        "Rethinking Nearest Neighbors for Visual Classification",
        "arXiv",
    ),
    claim="Mixing the probabilities of neighbours with those of a linear classifier helps where "
    "the latter is weak or labels are few.",
    rule="over four sets and 5 to 50 labels a class: reproduced when the mix is more accurate than "
    "its tuned, calibrated linear part (paired t-test over draws, 5 %) in at least half of the "
    "cases and less accurate in none; partly when it is in one case and in more than it is less",
    needs=files(SETS),
    run=run,
)
