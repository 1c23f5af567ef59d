"""How far finite networks are from their limit: by depth over width (Roberts, Yaida, Hanin)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise.kernels import FiniteWidth, resolve_activation
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

#: (depth, width); some have the same ratio.
SHAPES = ((1, 64), (2, 64), (4, 64), (8, 64), (4, 32), (4, 128), (4, 256), (8, 128))
ROW = np.array([[1.0, -1.0, 1.0, 1.0]])
#: The activations, with the weight variance that keeps (relu) or slowly shrinks (erf) signals.
CRITICAL = {"relu": 2.0, "erf": np.pi / 4}


@dataclass(frozen=True, slots=True)
class Line:
    """One shape: excess kurtosis of outputs, relative variance of the tangent kernel."""

    activation: str
    depth: int
    width: int
    kurtosis: float
    kurtosis_first: float
    tangent: float
    tangent_first: float | None
    exponential: float | None


def run(setting: Setting) -> Outcome:
    draws, shapes = (300, SHAPES[:6]) if setting.quick else (10_000, SHAPES)
    lines = []
    for activation in CRITICAL:
        for depth, width in shapes:
            lines.append(measured(activation, depth, width, draws, setting.random_state))
            total = len(CRITICAL) * len(shapes)
            setting.progress.step(len(lines), total, f"{activation}, {depth} x {width}")
    return judged(lines)


def measured(activation: str, depth: int, width: int, draws: int, seed: int) -> Line:
    relu = activation == "relu"
    network = FiniteWidth(
        (width,) * depth, resolve_activation(activation), weight_variance=CRITICAL[activation]
    )
    k = network.sample_kernels(ROW, draws, random_state=seed)[:, 0, 0]
    t = network.sample_kernels(ROW, draws, tangent=True, random_state=seed + 1)[:, 0, 0]
    return Line(
        activation,
        depth,
        width,
        float(3 * k.var() / k.mean() ** 2),
        network.excess_kurtosis(ROW),
        float(t.var() / t.mean() ** 2),
        network.tangent_variance() if relu else None,
        float(np.expm1(5 * depth / width)) if relu else None,
    )


def slopes(lines: list[Line], what: str) -> tuple[float, float]:
    """Against depth at width 64, and against width at depth 4, in logarithms."""
    deep = [line for line in lines if line.width == 64]
    wide = [line for line in lines if line.depth == 4]
    found = []
    for part, by in ((deep, "depth"), (wide, "width")):
        x, y = (np.log([getattr(line, name) for line in part]) for name in (by, what))
        found.append(float(np.polyfit(x, y, 1)[0]))
    return found[0], found[1]


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    said, good, near = [], [], []
    for activation in CRITICAL:
        part = [line for line in lines if line.activation == activation]
        for what in ("kurtosis", "tangent"):
            by_depth, by_width = slopes(part, what)
            said.append(f"{activation}, {what}: {by_depth:.2f} and {by_width:.2f}")
            good.append(abs(by_depth - 1) < 0.25 and abs(by_width + 1) < 0.25)
        for line in part:
            if line.depth / line.width <= 1 / 16:
                near.append(abs(line.kurtosis / line.kurtosis_first - 1))
                if line.tangent_first is not None:
                    near.append(abs(line.tangent / line.tangent_first - 1))
    kurtoses = [g for g, s in zip(good, said, strict=True) if "kurtosis" in s]
    first = max(near) < 0.2
    verdict = Verdict.REPRODUCED if all(good) and first else Verdict.PARTLY
    if not all(kurtoses):
        verdict = Verdict.NOT_REPRODUCED
    over = [line.exponential / line.tangent for line in lines if line.exponential is not None]
    reason = (
        f"exponents of depth and of width: {'; '.join(said)}; where depth / width is at most "
        f"1/16, first order is off by at most {max(near):.0%}; exp(5 depth / width) - 1 is "
        f"{min(over):.2f} to {max(over):.2f} times the variance of ReLU's tangent kernel"
    )
    rows = [
        (
            line.activation,
            str(line.depth),
            str(line.width),
            f"{line.kurtosis:.3f}",
            f"{line.kurtosis_first:.3f}",
            f"{line.tangent:.4f}",
            "" if line.tangent_first is None else f"{line.tangent_first:.4f}",
            "" if line.exponential is None else f"{line.exponential:.4f}",
        )
        for line in lines
    ]
    header = ("activation", "depth", "width", "excess kurtosis", "first order",
              "tangent kernel, variance / mean^2", "first order", "exp(5 L / n) - 1")  # fmt: skip
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("Random networks of one input", header, rows)],
        [
            "exp(5 sum 1 / n) is what Hanin and Nica (2020) prove up to constants; the first order "
            "of the tangent kernel's variance, near 11 L / (3 n) for ReLU, is our own derivation "
            "(`FiniteWidth.tangent_variance`).",
            "erf has the weight variance pi / 4, at which its signals shrink as 1 / depth only.",
        ],
    )


REPLICATION = Replication(
    name="depth_to_width",
    paper=Paper(
        "Roberts, Yaida and Hanin",
        2022,
        "The Principles of Deep Learning Theory",
        "Cambridge University Press",
    ),
    claim="At criticality the excess kurtosis of outputs and the variance of the tangent kernel "
    "grow as depth / width, which decides how far a network is from infinite width.",
    rule="reproduced when, for ReLU and erf, both have exponents within 0.25 of 1 in depth and of "
    "-1 in width, and first-order formulas are within 20 % where depth / width is at most 1/16; "
    "not when those of the kurtosis fail; else partly",
    needs=(),
    run=run,
)
