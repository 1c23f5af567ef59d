"""Intervals and sets by leaving one row out cover what they say (Barber, Candes, Ramdas, ...)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.learn import ConformalClassifier, ConformalRegressor
from replications._labelled import files, labelled
from replications._regression import files as regression_files
from replications._regression import problems
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

SETS = ("letter", "adult", "magic", "Fashion-MNIST", "AG News")
NUMBERS = ("elevators", "kin40k", "pol", "parkinsons", "bike")
TRAIN, TEST, SPLITS, COVERAGE = 1_000, 2_000, 16, 0.9
WITHIN = 0.01


@dataclass(frozen=True, slots=True)
class Line:
    """One set and one way: coverage in each draw, and the mean size of sets or intervals."""

    name: str
    kind: str
    way: str
    coverage: list[float]
    size: float

    @property
    def mean(self) -> float:
        return float(np.mean(self.coverage))


def run(setting: Setting) -> Outcome:
    few = 2 if setting.quick else None
    sets, numbers, lines = SETS[:few], NUMBERS[:few], []
    total = len(sets) + len(numbers)
    for name in sets:
        data = labelled(setting, name)
        lines += measured(setting, name, "classes", data.X, data.y)
        setting.progress.step(len({line.name for line in lines}), total, name)
    for name in numbers:
        (problem,) = problems(setting, (name,), 20_000)
        lines += measured(setting, name, "numbers", problem.X, problem.y)
        setting.progress.step(len({line.name for line in lines}), total, name)
    return judged(lines)


def ways(kind: str) -> dict[str, Any]:
    """The estimators, by the way of their table row."""
    if kind == "classes":
        return {
            "left out, LAC": ConformalClassifier(randomised=True),
            "left out, APS": ConformalClassifier(nonconformity="aps", randomised=True),
            "split, LAC": ConformalClassifier(method="split", randomised=True),
            "left out, LAC, no chance": ConformalClassifier(),
        }
    return {
        "left out": ConformalRegressor(),
        "left out, normalised": ConformalRegressor(normalised=True),
        "split": ConformalRegressor(method="split"),
    }


def measured(setting: Setting, name: str, kind: str, X: Any, y: Any) -> list[Line]:
    """Draws of rows to learn from and rows to cover."""
    train = len(y) * 3 // 4 if setting.quick else TRAIN
    splits = 2 if setting.quick else SPLITS
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways(kind)}
    for split in range(splits):
        order = np.random.default_rng([setting.random_state, split]).permutation(len(y))
        learnt, asked = order[:train], order[train : train + TEST]
        for way, estimator in ways(kind).items():
            estimator.set_params(random_state=split).fit(X[learnt], y[learnt])
            found[way].append(covered(estimator, kind, X[asked], y[asked]))
    return [
        Line(name, kind, way, [c for c, _ in some], float(np.mean([s for _, s in some])))
        for way, some in found.items()
    ]


def covered(estimator: Any, kind: str, Q: Any, truth: Any) -> tuple[float, float]:
    """How often the truth is covered, and the mean size."""
    if kind == "numbers":
        low, high = estimator.predict_interval(Q, coverage=COVERAGE).T
        return float(((low <= truth) & (truth <= high)).mean()), float((high - low).mean())
    sets = estimator.predict_set(Q, coverage=COVERAGE)
    hits = [t in some for t, some in zip(truth, sets, strict=True)]
    return float(np.mean(hits)), float(np.mean([len(some) for some in sets]))


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    exact = [line for line in lines if "no chance" not in line.way]
    off = max(abs(line.mean - COVERAGE) for line in exact)
    least = min(line.mean for line in lines)
    within = sum(abs(line.mean - COVERAGE) <= WITHIN for line in exact)
    verdict = Verdict.NOT_REPRODUCED
    if within == len(exact):
        verdict = Verdict.REPRODUCED
    elif within >= 0.8 * len(exact) and least >= 2 * COVERAGE - 1:
        verdict = Verdict.PARTLY
    sure = [line for line in lines if "no chance" in line.way]
    reason = (
        f"asked {COVERAGE:.0%}: {within} of {len(exact)} mean coverages are within one point, the "
        f"farthest {off:.1%} off; without random ties sets cover {min(x.mean for x in sure):.1%} "
        f"to {max(x.mean for x in sure):.1%}"
    )
    rows = [
        (
            line.name,
            line.way,
            f"{line.mean:.3f}",
            f"{np.std(line.coverage) / np.sqrt(len(line.coverage)):.3f}",
            f"{line.size:.2f}",
        )
        for line in lines
    ]
    return Outcome(
        verdict,
        reason,
        reason,
        [
            Table(
                f"Coverage of new rows where {COVERAGE:.0%} is asked",
                ("set", "way", "coverage", "standard error", "mean size"),
                rows,
            )
        ],
        [
            f"{TRAIN:,} rows to learn from and calibrate by, up to {TEST:,} new ones, {SPLITS} "
            "draws; 10 neighbours. Sizes are classes a set, or deviations of the target an "
            "interval. The paper has intervals only; sets are after Romano, Sesia and Candes "
            "(2020).",
            "Votes of ten neighbours have many ties: without chance sets cover more than asked, "
            "which is allowed, and where most votes are of one mind much more.",
        ],
    )


REPLICATION = Replication(
    name="conformal_coverage",
    paper=Paper(
        "Barber, Candès, Ramdas and Tibshirani",
        2021,
        "Predictive inference with the jackknife+",
        "Annals of Statistics",
    ),
    claim="Intervals from leaving one row out at a time cover 1 - 2a at least for any rows and "
    "any regressor, and about 1 - a on data.",
    rule="reproduced when the mean coverage of every way with exact ties (left out and split, "
    "sets and intervals) is within one point of 90 % on all ten sets; partly when four in five "
    "are and none covers less than 80 %",
    needs=(*files(SETS), *regression_files(NUMBERS)),
    run=run,
)
