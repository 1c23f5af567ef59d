"""Multi-layer random features: the error of frozen layers against their width (Takhanov)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise.kernels import NNGP
from likewise.kernels.parameters import Float64Array
from likewise.kernels.wide import MultiLayerFeatures
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

DIM, SECTIONS, RIDGE = 6, 20, 1e-8


@dataclass(frozen=True, slots=True)
class Line:
    """Root mean square errors at one width, relative to the target's own spread."""

    width: int
    sections: float
    fitted: float
    orthogonal: float


def run(setting: Setting) -> Outcome:
    widths = (16, 32) if setting.quick else (16, 32, 64, 128, 256, 512, 1024)
    rows, repeats = (200, 1) if setting.quick else (3000, 6)
    rng = np.random.default_rng([setting.random_state, 267])
    X, Q, centres = (sphere(n, rng) for n in (rows, 500, SECTIONS))
    weights = rng.standard_normal(SECTIONS)
    y, truth = (kernel(A, centres) @ weights for A in (X, Q))
    spread = float(truth.std())
    exact = kernel(X, X)
    few = slice(0, 400)
    inner = exact[few, few] + RIDGE * np.eye(len(exact[few]))
    floor = kernel(Q, X[few]) @ np.linalg.solve(inner, y[few]) - truth
    lines = []
    for width in widths:
        errors = np.array(
            [
                measured(width, seed, (X, y), (Q, truth), (centres, weights))
                for seed in range(setting.random_state, setting.random_state + repeats)
            ]
        )
        lines.append(Line(width, *(np.sqrt(np.mean(errors, axis=0)) / spread)))
        setting.progress.step(len(lines), len(widths), f"width {width}")
    return judged(lines, float(np.sqrt(np.mean(floor**2)) / spread))


def sphere(n: int, rng: np.random.Generator) -> Float64Array:
    rows = rng.standard_normal((n, DIM))
    return np.asarray(rows * np.sqrt(DIM) / np.linalg.norm(rows, axis=1, keepdims=True))


def kernel(X: Float64Array, Y: Float64Array) -> Float64Array:
    """The limit of two hidden layers."""
    return np.asarray(NNGP(2, bias_variance=0.1)(X, Y), np.float64)


def measured(
    width: int,
    seed: int,
    train: tuple[Float64Array, Float64Array],
    test: tuple[Float64Array, Float64Array],
    target: tuple[Float64Array, Float64Array],
) -> list[float]:
    """Mean square errors: the target's own sections, and what ridge finds, plain and orthogonal."""
    found = []
    for orthogonal in (False, True):
        layers = MultiLayerFeatures(
            (width, width), bias_variance=0.1, orthogonal=orthogonal, random_state=seed
        ).fit(train[0])
        phi, psi = layers.transform(train[0]), layers.transform(test[0])
        if not orthogonal:
            sections = psi @ (layers.transform(target[0]).T @ target[1])
            found.append(float(np.mean((sections - test[1]) ** 2)))
        inner = phi.T @ phi + RIDGE * len(phi) * np.eye(phi.shape[1])
        answers = psi @ np.linalg.solve(inner, phi.T @ train[1])
        found.append(float(np.mean((answers - test[1]) ** 2)))
    return found


def slope(lines: list[Line], what: str) -> float:
    """Of the logarithm of an error against that of the width."""
    widths = np.log([line.width for line in lines])
    return float(np.polyfit(widths, np.log([getattr(line, what) for line in lines]), 1)[0])


def judged(lines: list[Line], floor: float) -> Outcome:
    """The verdict by the rule."""
    names = ("sections", "fitted", "orthogonal")
    slopes = {what: slope(lines, what) for what in names}
    bound = abs(slopes["sections"] + 0.5) < 0.1
    kept = slopes["fitted"] < -0.45 and all(line.fitted <= line.sections for line in lines)
    verdict = Verdict.REPRODUCED if bound and kept else Verdict.NOT_REPRODUCED
    if verdict is not Verdict.REPRODUCED and (bound or kept):
        verdict = Verdict.PARTLY
    reason = (
        f"with the target's own coefficients the error falls as width to the power "
        f"{slopes['sections']:.2f}; fitted, {slopes['fitted']:.2f}, with orthogonal layers "
        f"{slopes['orthogonal']:.2f}, to {lines[-1].fitted:.1e} of the target's spread at width "
        f"{lines[-1].width} (the exact kernel on 400 rows: {floor:.1e})"
    )
    rows = [(str(line.width), *(f"{getattr(line, what):.2e}" for what in names)) for line in lines]
    header = ("width of both layers", "own coefficients", "fitted", "fitted, orthogonal layers")
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("Root mean square error over the target's spread", header, rows)],
        [
            f"A sum of {SECTIONS} sections of the ReLU NNGP kernel of two hidden layers, on the "
            f"sphere in {DIM} dimensions. The theorem bounds the best last layer; its proof takes "
            "the target's own coefficients, which have the bound's exponent.",
        ],
    )


REPLICATION = Replication(
    name="multi_layer_features",
    paper=Paper(
        "Takhanov",
        2024,
        "Multi-layer random features and the approximation power of neural networks",
        "UAI",
    ),
    claim="A function in the space of the NNGP kernel is approximated by a network whose last "
    "layer alone is trained, with an error that falls as its norm over the root of the width.",
    rule="reproduced when the error with the target's own coefficients has an exponent within 0.1 "
    "of -1/2 and the fitted one is never above it and falls at least as fast as -0.45; partly with "
    "one of both; else not",
    needs=(),
    run=run,
)
