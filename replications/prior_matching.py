"""Zero-shot classes matched to a prior (Liusie, Manakul and Gales, 2023)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.learn import PriorMatcher
from replications._news import FILE, news
from replications.data import Labels
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Floats = npt.NDArray[np.float64]
#: Of the cosines; sharp enough that probabilities are neither flat nor all sure.
TEMPERATURE = 0.03
BIAS = 0.08  # standard deviation of what is added to the cosines of a class
DRAWS = 5
CLOSED = 2 / 3


class Line(NamedTuple):
    """Accuracies of one case."""

    case: str
    before: float
    uniform: float
    truth: float
    estimated: float
    oracle: float


def run(setting: Setting) -> Outcome:
    cosines, y = small(setting) if setting.quick else read(setting)
    draws = 1 if setting.quick else DRAWS
    lines = []
    for balanced in (True, False):
        for bias in (0.0, BIAS):
            found = []
            for draw in range(draws):
                rng = np.random.default_rng([setting.random_state, draw, balanced])
                rows = chosen(y, balanced, rng)
                scores = cosines[rows] + bias * rng.standard_normal(cosines.shape[1])
                found.append(measured(scores, y[rows]))
            case = ("even" if balanced else "uneven") + (", biased" if bias else ", as they are")
            lines.append(Line(case, *np.mean(found, axis=0).tolist()))
            setting.progress.step(len(lines), 4, case)
    return judged(lines)


def read(setting: Setting) -> tuple[Floats, Labels]:
    """Cosines of posts and the names of their groups, and the group of each."""
    found = news(setting.data)
    return (found.vectors @ found.topics.T).astype(np.float64), found.groups


def small(setting: Setting) -> tuple[Floats, Labels]:
    rng = np.random.default_rng(setting.random_state)
    y = np.repeat(np.arange(4), 60)
    return 0.1 * rng.standard_normal((240, 4)) + 0.15 * np.eye(4)[y], y


def chosen(y: Labels, balanced: bool, rng: np.random.Generator) -> Labels:
    """As many rows of each class; or of one class nine tenths fewer than of another."""
    counts = np.bincount(y)
    wanted = np.full(len(counts), counts.min())
    if not balanced:
        wanted = np.round(counts.min() * rng.permutation(np.geomspace(0.1, 1.0, len(counts))))
    parts = [rng.choice(np.flatnonzero(y == c), int(n), False) for c, n in enumerate(wanted)]
    return np.sort(np.concatenate(parts))


def measured(scores: Floats, y: Labels) -> tuple[float, ...]:
    """Accuracies: before, to a uniform prior, to the true one, to an estimate, with an oracle."""
    true = np.bincount(y, minlength=scores.shape[1]) / len(y)
    found = [float((scores.argmax(axis=1) == y).mean())]
    for prior in ("uniform", true, "estimate"):
        matcher = PriorMatcher(prior, input="scores", temperature=TEMPERATURE)
        found.append(float((matcher.fit(scores).predict(scores) == y).mean()))
    return *found, oracle(scores / TEMPERATURE, y)


def oracle(scores: Floats, y: Labels, rounds: int = 10) -> float:
    """The accuracy with weights chosen by the labels, class by class until nothing is gained."""
    b = np.zeros(scores.shape[1])
    best = 0.0
    for _ in range(rounds):
        before = best
        for k in range(len(b)):
            raised = scores + b
            raised[:, k] = -np.inf
            rival = raised.argmax(axis=1)
            # Above its margin a row goes to k: right if it is of k, and no more its rival's.
            margin = raised.max(axis=1) - scores[:, k]
            order = np.argsort(margin)
            gains = (y == k).astype(int) - (y == rival)
            right = np.concatenate([[0], np.cumsum(gains[order])]) + (y == rival).sum()
            place = int(right.argmax())
            ends = np.concatenate([[margin.min() - 1], margin[order], [margin.max() + 1]])
            b[k] = (ends[place] + ends[place + 1]) / 2
            best = float(((scores + b).argmax(axis=1) == y).mean())
        if best <= before:
            break
    return best


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    even = [line for line in lines if line.case.startswith("even")]
    closed = {
        line.case: (line.uniform - line.before) / max(line.oracle - line.before, 1e-9)
        for line in even
    }
    held = [share >= CLOSED for share in closed.values()]
    verdict = Verdict.REPRODUCED if all(held) else Verdict.NOT_REPRODUCED
    if held[-1] and not all(held):
        verdict = Verdict.PARTLY
    reason = "; ".join(
        f"{line.case}: {line.before:.3f} before, {line.uniform:.3f} matched, {line.oracle:.3f} by "
        f"the oracle, {closed[line.case]:.0%} of the way"
        for line in even
    )
    rows = [(line.case, *(f"{value:.3f}" for value in line[1:])) for line in lines]
    header = ("classes and scores", "before", "uniform", "true prior", "estimated", "oracle")
    return Outcome(
        verdict,
        reason,
        reason,
        [Table(f"Accuracy of zero-shot classes, means of {DRAWS} draws", header, rows)],
        [
            "Scores are cosines of MiniLM vectors of 3,000 newsgroup posts (their first 500 "
            "characters) and of a few words for each of 20 groups; the paper asks language "
            "models for label words.",
            f"Biased: a number of standard deviation {BIAS} is added to all cosines of a class. "
            "Uneven: the rarest class has a tenth of the rows of the most frequent.",
            "The oracle takes one weight a class by the labels of the same rows, by coordinate "
            "ascent. “Estimated” is the maximum-likelihood prior (Saerens and others, 2002), "
            "which trusts the probabilities to be calibrated.",
        ],
    )


REPLICATION = Replication(
    name="prior_matching",
    paper=Paper(
        "Liusie, Manakul, and Gales",
        2023,
        "Mitigating Word Bias in Zero-shot Prompt-based Classifiers",
        "IJCNLP-AACL",
    ),
    claim="One weight a class, chosen without labels so that the predicted classes have a uniform "
    "prior, comes near to the accuracy of weights chosen by an oracle.",
    rule="on even classes: reproduced when matching to a uniform prior goes at least two thirds "
    "of the way from the accuracy before to the oracle's, with the scores as they are and with "
    "biased ones; partly when with biased ones alone",
    needs=(FILE,),
    run=run,
)
