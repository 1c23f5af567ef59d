"""The outputs of finite one-layer networks: a Gaussian and a fourth Hermite term (Antognini)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from likewise.kernels import FiniteWidth
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

ACTIVATIONS = ("relu", "erf")
WIDTHS = (8, 16, 32, 64, 128)
ROW = np.array([[1.0, -1.0, 1.0, 1.0]])
#: Where distribution functions are compared, in standard deviations.
GRID = np.linspace(-5, 5, 201)


@dataclass(frozen=True, slots=True)
class Line:
    """One activation and width: excess kurtosis, and how far distribution functions are."""

    activation: str
    width: int
    kurtosis: float
    predicted: float
    gaussian: float
    corrected: float


def run(setting: Setting) -> Outcome:
    draws = 500 if setting.quick else 100_000
    lines = []
    for activation in ACTIVATIONS:
        for width in WIDTHS:
            seed = setting.random_state + len(lines)
            lines.append(measured(activation, width, draws, seed))
            total = len(ACTIVATIONS) * len(WIDTHS)
            setting.progress.step(len(lines), total, f"{activation}, {width} units")
    return judged(lines)


def measured(activation: str, width: int, draws: int, seed: int) -> Line:
    """The output is normal given its random kernel: its distribution is the mean of normal ones."""
    network = FiniteWidth((width,), activation)
    kernels = network.sample_kernels(ROW, draws, random_state=seed)[:, 0, 0]
    predicted = network.excess_kurtosis(ROW)
    limit = float(network.moments(ROW).limit[0])
    # One layer: the mean of the kernel is that of the limit, exactly.
    kernels *= limit / kernels.mean()
    kurtosis = float(3 * kernels.var() / limit**2)
    deviation = np.sqrt(np.maximum(kernels / limit, 1e-12))
    truth = np.array([ndtr(x / deviation).mean() for x in GRID])
    gaussian = ndtr(GRID)
    # The integral of the normal density times the fourth Hermite polynomial is minus the third.
    third = GRID**3 - 3 * GRID
    corrected = gaussian - predicted / 24 * third * np.exp(-(GRID**2) / 2) / np.sqrt(2 * np.pi)
    apart = [float(np.abs(truth - F).max()) for F in (gaussian, corrected)]
    return Line(activation, width, kurtosis, predicted, *apart)


def slope(lines: list[Line], what: str) -> float:
    """Of the logarithm of ``what`` against that of the width."""
    widths = np.log([line.width for line in lines])
    values = np.log([max(getattr(line, what), 1e-12) for line in lines])
    return float(np.polyfit(widths, values, 1)[0])


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    by_name = {a: [line for line in lines if line.activation == a] for a in ACTIVATIONS}
    slopes = {a: slope(by_name[a], "kurtosis") for a in ACTIVATIONS}
    right = all(abs(s + 1) < 0.1 for s in slopes.values())
    nearer = [line.corrected < line.gaussian / 3 for line in lines if line.width >= 32]
    verdict = Verdict.REPRODUCED if right and all(nearer) else Verdict.PARTLY
    if not right and not all(nearer):
        verdict = Verdict.NOT_REPRODUCED
    reason = (
        "the excess kurtosis falls as width to the power "
        + ", ".join(f"{slopes[a]:.2f} ({a})" for a in ACTIVATIONS)
        + f"; the corrected distribution is at least 3 times nearer in {sum(nearer)} of "
        f"{len(nearer)} cases from 32 units on; the distance from the plain Gaussian falls as "
        + ", ".join(f"{slope(by_name[a], 'gaussian'):.2f}" for a in ACTIVATIONS)
        + " and from the corrected one as "
        + ", ".join(f"{slope(by_name[a], 'corrected'):.2f}" for a in ACTIVATIONS)
    )
    rows = [
        (
            line.activation,
            str(line.width),
            f"{line.kurtosis:.4f}",
            f"{line.predicted:.4f}",
            f"{line.gaussian:.2e}",
            f"{line.corrected:.2e}",
        )
        for line in lines
    ]
    header = ("activation", "width", "excess kurtosis", "first order", "Gaussian off by",
              "corrected off by")  # fmt: skip
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("Outputs of random networks with one hidden layer", header, rows)],
        [
            "Distances are the largest difference of distribution functions, which are means over "
            "exactly drawn kernels. A first reading took densities: of few ReLUs all may be dead, "
            "and the output then has no density.",
        ],
    )


REPLICATION = Replication(
    name="finite_width_density",
    paper=Paper(
        "Antognini",
        2019,
        "Finite size corrections for neural network Gaussian processes",
        "ICML workshop on theoretical physics for deep learning",
    ),
    claim="The outputs of a random network with one hidden layer are a Gaussian perturbed by the "
    "fourth Hermite polynomial, by an amount that falls as 1 / width.",
    rule="reproduced when the slope of the excess kurtosis against width is within 0.1 of -1 and "
    "the corrected distribution is 3 times nearer than the Gaussian at all widths from 32 on; "
    "partly with one of both; else not",
    needs=(),
    run=run,
)
