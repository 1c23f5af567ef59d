"""Products of units learn high frequencies sooner (Choraria and others, 2022)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.kernels import NTK
from likewise.kernels.networks import EmpiricalNTK
from replications._digits import slope
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Array = npt.NDArray[np.float64]

DEGREES, POINTS = (1, 2, 3, 4), 4096
SHOWN, FITTED = (1, 2, 4, 8, 16, 32), (8, 64)
#: What the trained networks are shown: a sum of these sines, of equal size.
FREQUENCIES = (1, 2, 4, 6, 8)
WIDTH, ROWS, STEPS, SEEDS = 2_048, 64, 3_000, 2
#: Higher ones are too far from endless width at any width that can be trained here.
TRAINED = (1, 2, 3)
HALF = 0.5


def circle(count: int) -> Array:
    """Points of the circle with a constant, of length 1: (cos, sin, 1) / sqrt 2."""
    angle = 2 * np.pi * np.arange(count) / count
    rows = np.column_stack([np.cos(angle), np.sin(angle), np.ones(count)])
    return np.asarray(rows / np.sqrt(2))


def pi_kernel(cosine: Array, degree: int) -> Array:
    """The tangent kernel of ``sum_k a_k prod_j relu(w_jk . x) / sqrt m`` for endless width m.

    With k1 and k0 the covariances of ReLU and of its slope: ``k1^n + n c k0 k1^(n-1)``, one term
    for the outer weights, and one for each factor. Degree 1 is a network of one hidden layer.
    """
    angle = np.arccos(np.clip(cosine, -1, 1))
    slopes = (np.pi - angle) / np.pi
    values = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
    return np.asarray(values**degree + degree * cosine * slopes * values ** (degree - 1))


def spectrum(row: Array) -> Array:
    """Eigenvalues of a kernel of the angle by frequency, as shares of all; ``row`` is k(0, .)."""
    values = np.fft.rfft(row).real
    values[1:] *= 2  # sine and cosine
    return np.asarray(values / values.sum())


def network(degree: int, width: int, seed: int) -> Any:
    """The network of `pi_kernel`, with all weights standard normal."""
    import torch

    class Product(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            make = torch.Generator().manual_seed(seed)
            inner = torch.randn(degree, 3, width, generator=make, dtype=torch.float64)
            outer = torch.randn(width, 1, generator=make, dtype=torch.float64)
            self.inner, self.outer = torch.nn.Parameter(inner), torch.nn.Parameter(outer)

        def forward(self, x: Any) -> Any:
            units = torch.relu(torch.einsum("nd,jdk->jnk", x, self.inner)) * 2**0.5
            return units.prod(dim=0) @ self.outer / width**0.5

    return Product()


class Trained(NamedTuple):
    """Steps of gradient descent until half of each frequency is learnt, by degree; and the gap
    between the network's tangent kernel at the beginning and the formula, in shares."""

    steps: dict[int, float]
    gap: float


def train(degree: int, width: int, rows: int, steps: int, seed: int) -> Trained:
    """Full gradient steps at the largest rate that is stable at the beginning."""
    import torch

    X = circle(rows)
    module = network(degree, width, seed)
    K = EmpiricalNTK(module)(X)
    formula = pi_kernel(X @ X.T, degree)
    gap = float(np.linalg.norm(K - formula) / np.linalg.norm(formula))
    angle = 2 * np.pi * np.arange(rows) / rows
    waves = np.array([np.sin(k * angle) for k in FREQUENCIES])
    with torch.no_grad():
        start = module(torch.from_numpy(X))
    inputs, target = torch.from_numpy(X), torch.from_numpy(waves.sum(axis=0)[:, None])
    # From the function 0: what the network says untrained is no part of the task.
    rate = 1 / float(np.linalg.eigvalsh(K)[-1])
    optimiser = torch.optim.SGD(module.parameters(), lr=rate)
    learnt = dict.fromkeys(FREQUENCIES, float("inf"))
    for step in range(1, steps + 1):
        rest = target - (module(inputs) - start)
        left = waves @ rest.detach().numpy()[:, 0] * 2 / rows
        for k, share in zip(FREQUENCIES, left.tolist(), strict=True):
            if share <= HALF and learnt[k] == float("inf"):
                learnt[k] = float(step)
        if max(learnt.values()) < float("inf"):
            break
        optimiser.zero_grad()
        (0.5 * rest.square().sum()).backward()
        optimiser.step()
    return Trained(learnt, gap)


class Line(NamedTuple):
    """One degree: shares of eigenvalues, how fast they fall, and steps by frequency."""

    name: str
    degree: int
    shares: list[float]
    decay: float


def spectra() -> list[Line]:
    """Of products of each degree, and of deeper networks beside them."""
    X = circle(POINTS)
    cosine = np.clip(X @ X[0], -1, 1)
    rows = {
        f"product of {degree}" if degree > 1 else "one hidden layer": (
            degree,
            pi_kernel(cosine, degree),
        )
        for degree in DEGREES
    }
    for depth in DEGREES[1:]:
        rows[f"{depth} hidden layers"] = (0, NTK(depth=depth)(X[:1], X)[0].astype(np.float64))
    lines = []
    for name, (degree, row) in rows.items():
        shares = spectrum(row)
        k = np.arange(FITTED[0], FITTED[1] + 1)
        decay = slope(k.tolist(), shares[k].tolist())
        lines.append(Line(name, degree, [float(shares[k]) for k in SHOWN], decay))
    return lines


def run(setting: Setting) -> Outcome:
    width, rows, steps, seeds = (32, 20, 10, 1) if setting.quick else (WIDTH, ROWS, STEPS, SEEDS)
    lines = spectra()
    trained: dict[int, list[Trained]] = {}
    for done, degree in enumerate(TRAINED, 1):
        trained[degree] = [
            train(degree, width, rows, steps, setting.random_state + seed) for seed in range(seeds)
        ]
        setting.progress.step(done, len(TRAINED), f"degree {degree}")
    return judged(lines, trained)


def judged(lines: list[Line], trained: dict[int, list[Trained]]) -> Outcome:
    """The verdict by the rule."""
    products = [line for line in lines if line.degree]
    top = [line.shares[3] for line in products]  # of frequency 8
    larger = all(a < b for a, b in pairwise(top))
    slower = all(line.decay >= products[0].decay + 0.2 for line in products[1:])
    steps = {
        degree: {k: float(np.mean([run.steps[k] for run in runs])) for k in FREQUENCIES}
        for degree, runs in trained.items()
    }
    highest = FREQUENCIES[-1]
    sooner = all(steps[d][highest] < steps[1][highest] for d in steps if d > 1)
    verdict = Verdict.NOT_REPRODUCED
    if larger and sooner:
        verdict = Verdict.REPRODUCED if slower else Verdict.PARTLY
    reason = (
        f"the share of frequency 8 in the tangent kernel is {_listed(top, '.4f')} for degrees "
        f"1 to {DEGREES[-1]}; shares of high frequencies fall as k^{_listed(_decays(products))}; "
        f"frequency {highest} is half learnt after "
        f"{_listed([steps[d][highest] for d in steps], '.0f')} steps"
    )
    gap = max(run.gap for runs in trained.values() for run in runs)
    tables = [
        Table(
            "Share of each frequency in the tangent kernel on the circle",
            ("network", *(f"k = {k}" for k in SHOWN), f"falls as k^..., {FITTED[0]}-{FITTED[1]}"),
            [(x.name, *(f"{s:.5f}" for s in x.shares), f"{x.decay:.2f}") for x in lines],
        ),
        Table(
            "Steps until half of a frequency is learnt",
            ("degree", *(f"k = {k}" for k in FREQUENCIES)),
            [(f"{d}", *(_steps(steps[d][k]) for k in FREQUENCIES)) for d in steps],
        ),
    ]
    return Outcome(verdict, reason, reason, tables, [*NOTES, _gap_note(gap)])


def _decays(lines: list[Line]) -> list[float]:
    return [line.decay for line in lines]


def _listed(values: list[float], form: str = ".2f") -> str:
    return ", ".join(format(value, form) for value in values)


def _steps(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else f"over {STEPS}"


def _gap_note(gap: float) -> str:
    return (
        "Tangent kernels of the networks that are trained differ from the formula by at most "
        f"{gap:.0%} (Frobenius norm)."
    )


NOTES = [
    "A Pi-Net is taken as products of ReLU units, one factor a degree, so that it can represent "
    "all frequencies; the paper's degree-2 analysis has this form. Its images are not tried.",
    "Rates of descent are one over the largest eigenvalue of each network's own kernel, so that "
    "no network gains by its scale. Deeper networks without products have larger shares of high "
    "frequencies than products of as many factors, which the claim does not say.",
]

REPLICATION = Replication(
    name="pi_nets",
    paper=Paper(
        "Choraria, Dadi, Chrysos, Mairal, and Cevher",
        2022,
        "The Spectral Bias of Polynomial Neural Networks",
        "ICLR",
    ),
    claim="Multiplicative interactions (Pi-Nets) make the eigenvalues of the tangent kernel fall "
    "more slowly with the frequency, so that networks learn high frequencies faster.",
    rule="reproduced when the share of frequency 8 grows with every degree, frequency 8 is learnt "
    "in fewer steps by every product than by one hidden layer, and the exponent of the decay is "
    "larger by 0.2 at least; partly without the last",
    needs=(),
    run=run,
)
