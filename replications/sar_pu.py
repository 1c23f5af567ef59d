"""Positive and unlabelled rows whose labels depend on the row (Bekker and others, 2019)."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from likewise.learn import NeighborsPropensityClassifier, PropensityClassifier
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
DRAWS, ROWS = 10, 1_000
MATTERS = 0.02
ALL = "EM, all columns"
#: By method: F1 of new rows, and the mean error of the propensity of positive rows.
Scores = dict[str, list[tuple[float, float]]]


class World(NamedTuple):
    """Rows, which of them are positive, their propensities, and which are labelled."""

    X: Floats
    positive: Booleans
    propensity: Floats
    labelled: Booleans


def drawn(rng: np.random.Generator, rows: int, shared: bool) -> World:
    """Two clouds in three columns; the propensity, 0.2 to 0.8, depends on two others or on them."""
    positive = rng.random(rows) < 0.4
    X = rng.standard_normal((rows, 5))
    X[:, :3] += 1.2 * positive[:, None]
    by = X[:, 0] + X[:, 1] - 1.2 if shared else X[:, 3] - X[:, 4]
    e = 0.2 + 0.6 / (1.0 + np.exp(-3.0 * by))
    return World(X, positive, e, positive & (rng.random(rows) < e))


#: Options of EM: one start, and in the quick form fewer rounds.
FULL, QUICK = {"n_init": 1}, {"n_init": 1, "tol": 0.05}


def run(setting: Setting) -> Outcome:
    draws, rows = (1, 100) if setting.quick else (DRAWS, ROWS)
    found: list[Scores] = []
    for shared in (False, True):
        scores: Scores = {}
        for draw in range(draws):
            rng = np.random.default_rng([setting.random_state, draw, shared])
            world, new = (drawn(rng, rows, shared) for _ in range(2))
            for name, pair in measured(world, new, shared, setting.quick).items():
                scores.setdefault(name, []).append(pair)
            setting.progress.step(shared * draws + draw + 1, 2 * draws, f"draw {draw + 1}")
        found.append(scores)
    return judged(*found)


def measured(world: World, new: World, shared: bool, quick: bool) -> dict[str, tuple[float, float]]:
    """F1 and error of the propensity, method by method."""
    X, positive, e, labelled = world
    share = labelled.sum() / positive.sum()
    own = [0, 1] if shared else [3, 4]
    options: dict[str, Any] = QUICK if quick else FULL
    em = options | {"propensity": "em", "propensity_columns": own}
    whole = em | {"propensity_columns": range(5)}
    models: dict[str, tuple[Any, dict[str, Any]]] = {
        "naive": (LogisticRegression(C=100.0), {}),
        "SCAR, learnt": (PropensityClassifier(**options), {}),
        "SCAR, true mean": (PropensityClassifier(propensity=share), {}),
        "EM": (PropensityClassifier(**em), {}),
        "EM, then risk": (PropensityClassifier(method="risk", **em), {}),
        ALL: (PropensityClassifier(**whole), {}),
        "true": (PropensityClassifier(propensity="known"), {"propensity": e}),
        "true, risk": (
            PropensityClassifier(propensity="known", method="risk"),
            {"propensity": e},
        ),
        "true, neighbours": (
            NeighborsPropensityClassifier(propensity="known"),
            {"propensity": e},
        ),
    }
    found = {}
    for name, (model, given) in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, labelled, **given)
        held = getattr(model, "propensity_", np.ones(len(X)))
        error = float(np.abs(held - e)[positive].mean())
        found[name] = float(f1_score(new.positive, model.predict(new.X))), error
    best = LogisticRegression(C=100.0).fit(X, positive)
    found["all labels"] = float(f1_score(new.positive, best.predict(new.X))), float("nan")
    return found


def judged(apart: Scores, shared: Scores) -> Outcome:
    """The verdict by the rule."""
    mean = {name: float(np.mean([f for f, _ in pairs])) for name, pairs in apart.items()}
    bar = max(mean["naive"], mean["SCAR, learnt"]) + MATTERS
    held = [mean["true"] >= bar, mean["EM"] >= bar and mean["EM"] >= mean["true"] - MATTERS]
    verdict = Verdict.REPRODUCED if all(held) else Verdict.NOT_REPRODUCED
    if held[0] and not held[1]:
        verdict = Verdict.PARTLY
    other = {name: float(np.mean([f for f, _ in pairs])) for name, pairs in shared.items()}
    reason = (
        f"F1 {mean['true']:.3f} with the true propensities and {mean['EM']:.3f} with EM, "
        f"{mean['SCAR, learnt']:.3f} with a constant, {mean['naive']:.3f} naively"
    )
    rows = [
        (
            name,
            *(
                ""
                if np.isnan(column).any()
                else f"{np.mean(column):.3f} ({np.std(column) / np.sqrt(len(column)):.3f})"
                for scores in (apart, shared)
                for column in zip(*scores[name], strict=True)
            ),
        )
        for name in apart
    ]
    header = ("propensity", "F1", "error of e", "F1, shared", "error of e, shared")
    title = "Means over draws (standard errors); propensity by columns of its own, or shared"
    return Outcome(
        verdict,
        reason,
        reason,
        [Table(title, header, rows)],
        [
            f"Simulated: {ROWS} rows, 40 % positive, propensities from 0.2 to 0.8, logistic "
            f"models hardly regularised, {len(apart['EM'])} draws, one start of EM; the paper uses "
            "eight sets.",
            f"Where the propensity depends on the columns that tell the classes, EM that is "
            f"told which has F1 {other['EM']:.3f}, EM over all columns {other[ALL]:.3f} (with "
            f"columns of its own {mean[ALL]:.3f}), a constant {other['SCAR, learnt']:.3f}, the "
            f"truth {other['true']:.3f}.",
            "EM ends with its own classifier. Fitting once more by the propensity-weighted risk, "
            "as the paper's code does, is the line “EM, then risk”.",
        ],
    )


REPLICATION = Replication(
    name="sar_pu",
    paper=Paper(
        "Bekker, Robberechts, and Davis",
        2019,
        "Beyond the Selected Completely At Random Assumption for Learning from Positive and "
        "Unlabeled Data",
        "ECML PKDD",
    ),
    claim="Weighting by the propensity of each row, learnt by EM where it is not known, gives "
    "better classifiers than a constant propensity when labels are selected with a bias.",
    rule="where the propensity depends on columns of its own, over the draws: reproduced when mean "
    f"F1 with the true propensities and with EM are each {MATTERS} above a learnt constant and the "
    f"naive classifier, and EM is within {MATTERS} of the truth; partly when only the true "
    "propensities are above",
    needs=(),
    run=run,
)
