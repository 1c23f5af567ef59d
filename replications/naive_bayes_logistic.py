"""How many rows naive Bayes and logistic regression need (Zheng and others)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.learn import GaussianNaiveBayes
from replications._digits import slope
from replications._frozen import FILES, Features, frozen
from replications.data import Labels
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Rows = npt.NDArray[np.float64]
CLASSES, GAP, FLIPPED, NEAR = 4, 0.7, 0.2, 0.05
WIDTHS = (16, 32, 64, 128, 256)
SHOTS = (1, 2, 5, 10, 20, 50, 100, 200)
SEEDS, MOST_CLASSES = 3, 30


class Reached(NamedTuple):
    """Rows that each needs to come within `NEAR` of the least error there is."""

    width: int
    bayes: float
    logistic: float


def mixture(width: int, count: int, rng: np.random.Generator) -> tuple[Rows, Labels]:
    """Gaussian classes, each number of which tells a little; and some labels that are wrong.

    The means are +-GAP/2 a number, so that what all numbers tell together grows with their
    count, as the theorem asks; wrong labels keep the least error above 0.
    """
    corners = np.random.default_rng([width, 1]).choice([-GAP / 2, GAP / 2], (CLASSES, width))
    y = rng.integers(0, CLASSES, count)
    X = corners[y] + rng.normal(size=(count, width))
    wrong = rng.random(count) < FLIPPED
    return X, np.where(wrong, (y + rng.integers(1, CLASSES, count)) % CLASSES, y)


def error_of(X: Rows, y: Labels, name: str, Q: Rows, asked: Labels) -> float:
    """Share of wrong answers of a learner by its name."""
    from sklearn.linear_model import LogisticRegression

    if name == "naive Bayes":
        model = GaussianNaiveBayes(shared=True, smoothing=1e-3).fit(X, y)
    else:
        model = LogisticRegression(C=1e3 if name == "unpenalised" else 1.0, max_iter=300)
        model.fit(X, y)
    return float(np.mean(model.predict(Q) != asked))


def rows_needed(width: int, name: str, seeds: int, most: int) -> float:
    """The fewest rows, between powers of sqrt 2, at which the mean error is near the least."""
    Q, asked = mixture(width, 4_000, np.random.default_rng([width, 2]))
    corners = np.random.default_rng([width, 1]).choice([-GAP / 2, GAP / 2], (CLASSES, width))
    least = float(np.mean(np.argmax(Q @ corners.T, axis=1) != asked))
    before = (float(2 * CLASSES), 1.0)
    for half in range(6, 40):
        count = round(2 ** (half / 2))
        if count > most:
            break
        errors = []
        for seed in range(seeds):
            X, y = mixture(width, count, np.random.default_rng([width, count, seed]))
            y[:CLASSES] = range(CLASSES)
            errors.append(error_of(X, y, name, Q, asked))
        excess = float(np.mean(errors)) - least
        if excess <= NEAR:  # between two points of the grid, by a line in log n
            share = (before[1] - NEAR) / max(before[1] - excess, 1e-12)
            return float(before[0] * (count / before[0]) ** min(max(share, 0.0), 1.0))
        before = (float(count), excess)
    return float("nan")


class Curve(NamedTuple):
    """Accuracies of both on one set, by shots."""

    name: str
    pretrained: bool
    shots: list[int]
    bayes: list[float]
    logistic: list[float]

    @property
    def crossing(self) -> int | None:
        """The fewest shots from which logistic regression stays ahead; None where it never does."""
        ahead = [a < b for a, b in zip(self.bayes, self.logistic, strict=True)]
        places = [i for i in range(len(ahead)) if all(ahead[i:])]
        return self.shots[places[0]] if places else None


def curve(f: Features, shots: tuple[int, ...], seeds: int, seed: int) -> Curve:
    """Accuracy from so many rows a class."""
    kept, asked = f.y < MOST_CLASSES, f.asked < MOST_CLASSES
    # As many numbers as they have: of about size 1, for the usual penalty.
    scale = float(np.sqrt(f.X.shape[1]) / np.linalg.norm(f.X, axis=1).mean())
    X, y = f.X[kept].astype(np.float64) * scale, f.y[kept]
    Q, right = f.Q[asked].astype(np.float64) * scale, f.asked[asked]
    fewest = int(np.bincount(y).min())
    used = [count for count in shots if count <= fewest]
    found: dict[str, list[float]] = {"naive Bayes": [], "logistic": []}
    for count in used:
        errors: dict[str, list[float]] = {name: [] for name in found}
        for one in range(seeds):
            rng = np.random.default_rng([seed, count, one])
            part = np.concatenate(
                [rng.choice(np.flatnonzero(y == c), count, replace=False) for c in np.unique(y)]
            )
            for name in found:
                errors[name].append(error_of(X[part], y[part], name, Q, right))
        for name, values in found.items():
            values.append(1 - float(np.mean(errors[name])))
    return Curve(f.name, f.pretrained, used, found["naive Bayes"], found["logistic"])


def run(setting: Setting) -> Outcome:
    widths = (8, 16) if setting.quick else WIDTHS
    seeds = 1 if setting.quick else SEEDS
    reached: list[Reached] = []
    sets = frozen(setting)
    for width in widths:
        most = 300 if setting.quick else 80 * width
        needed = [rows_needed(width, name, seeds, most) for name in ("naive Bayes", "unpenalised")]
        reached.append(Reached(width, *needed))
        setting.progress.step(len(reached), len(widths) + len(sets), f"{width} numbers a row")
    curves: list[Curve] = []
    for f in sets:
        curves.append(curve(f, SHOTS[:4] if setting.quick else SHOTS, seeds, setting.random_state))
        setting.progress.step(len(widths) + len(curves), len(widths) + len(sets), f.name)
    return judged(reached, curves)


def judged(reached: list[Reached], curves: list[Curve]) -> Outcome:
    """The verdict by the rule."""
    widths = [float(one.width) for one in reached]
    slopes = [
        slope(widths, [getattr(one, name) for one in reached]) for name in ("bayes", "logistic")
    ]
    mixtures = slopes[0] <= 0.3 and slopes[1] >= 0.7
    pretrained = [one for one in curves if one.pretrained]
    regimes = [one.bayes[0] > one.logistic[0] and one.crossing is not None for one in pretrained]
    verdict = Verdict.NOT_REPRODUCED
    if mixtures:
        verdict = Verdict.REPRODUCED if all(regimes) else Verdict.PARTLY
    reason = (
        f"rows needed grow as the width to the power {slopes[0]:.2f} for naive Bayes and "
        f"{slopes[1]:.2f} for logistic regression; naive Bayes is ahead with one row a class and "
        f"logistic regression in the end on {sum(regimes)} of {len(regimes)} sets of pretrained "
        "features"
    )
    needed = [(f"{r.width}", f"{r.bayes:.0f}", f"{r.logistic:.0f}") for r in reached]
    tables = [
        Table(
            f"Rows until the error is within {NEAR} of the least, {CLASSES} Gaussian classes",
            ("width", "naive Bayes", "logistic regression"),
            needed,
        )
    ]
    for one in curves:
        rows = [
            (f"{n}", f"{a:.3f}", f"{b:.3f}")
            for n, a, b in zip(one.shots, one.bayes, one.logistic, strict=True)
        ]
        where = one.crossing or "no number tried"
        tables.append(
            Table(
                f"{one.name}: accuracy by rows a class; logistic regression is ahead from {where}",
                ("rows a class", "naive Bayes", "logistic regression"),
                rows,
            )
        )
    return Outcome(verdict, reason, reason, tables, NOTES)


NOTES = [
    f"Means of the mixtures differ by {GAP} in about half of the numbers, so that all numbers "
    "together tell more when there are more, which the logarithm supposes. With a fixed distance "
    "between the means naive Bayes too needs rows in proportion to the width.",
    f"{FLIPPED:.0%} of labels are wrong, or the least error would be 0 in many dimensions. "
    "Logistic regression has next to no penalty on mixtures, and scikit-learn's usual one on "
    "features of size 1.",
    "Naive Bayes has one variance a number for all classes, as the theory takes it. Of CLINC150 "
    f"the first {MOST_CLASSES} intents.",
]

REPLICATION = Replication(
    name="naive_bayes_logistic",
    paper=Paper(
        "Zheng, Wu, Bao, Cao, Li, and Zhu",
        2023,
        "Revisiting Discriminative vs. Generative Classifiers: Theory and Implications",
        "ICML",
    ),
    claim="Multiclass naive Bayes needs O(log d) rows to approach its asymptotic error, logistic "
    "regression O(d), for d numbers a row; on features of pretrained networks there are two "
    "regimes: naive Bayes is ahead with few rows, logistic regression with many.",
    rule="reproduced when, on Gaussian classes, the rows needed grow at most as d^0.3 for naive "
    "Bayes and at least as d^0.7 for logistic regression, and on both text sets naive Bayes is "
    "ahead with one row a class and logistic regression in the end; partly with the first alone",
    needs=FILES,
    run=run,
)
