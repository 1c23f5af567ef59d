"""What wide convolutional networks learn: targets of few patches fast (Cagnetta and others)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise.kernels import NTK, HierarchicalNNGP, HierarchicalNTK
from likewise.kernels.parameters import Float64Array
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

#: Eight inputs: four patches of two, in a tree of three layers.
INPUTS, PATCH, LAYERS = 8, 2, 3
#: Each target draws its own values; the median over them is what is fitted.
TARGETS = 24
JITTER = 1e-10


@dataclass(frozen=True, slots=True)
class Curve:
    """Median errors of targets of one kind, by the number of rows."""

    layer: int
    tree: list[float]
    full: list[float]


def run(setting: Setting) -> Outcome:
    sizes = (32, 64) if setting.quick else (64, 128, 256, 512, 1024, 2048)
    tests = 64 if setting.quick else 500
    rng = np.random.default_rng([setting.random_state, 17])
    X = rng.standard_normal((sizes[-1] + tests, INPUTS))
    patches = X.reshape(len(X), -1, PATCH)
    X = (patches / np.linalg.norm(patches, axis=2, keepdims=True)).reshape(X.shape)
    tree = HierarchicalNTK(PATCH, (2,) * (LAYERS - 1))(X)
    full = NTK(LAYERS)(X)
    setting.progress.step(1, LAYERS + 1, "kernels of the students")
    curves = []
    for layer in range(1, LAYERS + 1):
        Y = drawn(X, layer, rng)
        errors = [[error(K, Y, n, tests) for n in sizes] for K in (tree, full)]
        curves.append(Curve(layer, *errors))
        setting.progress.step(layer + 1, LAYERS + 1, f"targets of layer {layer}")
    return judged(curves, sizes)


def drawn(X: Float64Array, layer: int, rng: np.random.Generator) -> Float64Array:
    """Targets of the first patch of patches of ``layer``: draws of the process of its network."""
    part = X[:, : PATCH * 2 ** (layer - 1)]
    K = HierarchicalNNGP(PATCH, (2,) * (layer - 1))(part)
    values, vectors = np.linalg.eigh(K)
    draws = vectors @ (
        np.sqrt(np.maximum(values, 0))[:, None] * rng.standard_normal((len(X), TARGETS))
    )
    return draws - draws.mean(axis=0)


def error(K: Float64Array, Y: Float64Array, n: int, tests: int) -> float:
    """The median over targets of the mean square error of ridgeless regression on n rows."""
    inner = K[:n, :n] + JITTER * np.trace(K[:n, :n]) / n * np.eye(n)
    answers = K[-tests:, :n] @ np.linalg.solve(inner, Y[:n])
    return float(np.median(np.mean((answers - Y[-tests:]) ** 2, axis=0)))


def slope(sizes: tuple[int, ...], errors: list[float]) -> float:
    """The exponent by which errors fall, of the last four sizes."""
    return -float(np.polyfit(np.log(sizes[-4:]), np.log(errors[-4:]), 1)[0])


def judged(curves: list[Curve], sizes: tuple[int, ...]) -> Outcome:
    """The verdict by the rule."""
    predicted = [3 / 2 ** (curve.layer - 1) for curve in curves]
    tree = [slope(sizes, curve.tree) for curve in curves]
    full = [slope(sizes, curve.full) for curve in curves]
    ordered = tree[0] > tree[1] > tree[2]
    adapts = tree[0] - tree[2] > 2 * (full[0] - full[2])
    close = all(abs(got / said - 1) < 0.4 for got, said in zip(tree, predicted, strict=True))
    verdict = Verdict.PARTLY if ordered and adapts else Verdict.NOT_REPRODUCED
    if verdict is Verdict.PARTLY and close:
        verdict = Verdict.REPRODUCED
    reason = (
        "the error of the convolutional kernel falls as n to the power "
        + ", ".join(f"-{s:.2f}" for s in tree)
        + " for targets of layers 1, 2, 3 (predicted "
        + ", ".join(f"-{p:g}" for p in predicted)
        + "), that of the fully connected one "
        + ", ".join(f"-{s:.2f}" for s in full)
    )
    rows = [
        (f"{name}, layer {curve.layer}", *(f"{e:.2e}" for e in errors), f"{-s:.2f}")
        for curve, one, two in zip(curves, tree, full, strict=True)
        for name, errors, s in (("tree", curve.tree, one), ("full", curve.full, two))
    ]
    title = "Mean square errors by rows, and the exponent of the last four"
    return Outcome(
        verdict,
        reason,
        reason,
        [Table(title, ("kernel, target", *(f"{n:,}" for n in sizes), "exponent"), rows)],
        [
            "The prediction is 3 / dim, dim = 1, 2, 4 the dimension of the patches that a target "
            "looks at: a process of smoothness 3/2 learnt without ridge by a tangent kernel.",
            f"{INPUTS} inputs and {sizes[-1]:,} rows at most; the paper has more of both.",
        ],
    )


REPLICATION = Replication(
    name="hierarchical_cnn",
    paper=Paper(
        "Cagnetta, Favero and Wyart",
        2023,
        "What Can Be Learnt With Wide Convolutional Neural Networks?",
        "ICML",
    ),
    claim="The error of deep convolutional kernels falls with an exponent set by the dimension of "
    "the patches that the target depends on, not by that of the input.",
    rule="reproduced when exponents fall from layer to layer, by more than twice what a fully "
    "connected kernel's do, and each is within 40 % of 3 / dim; partly without the last; else not",
    needs=(),
    run=run,
)
