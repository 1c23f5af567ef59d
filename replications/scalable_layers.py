"""Layers as inner products of rows and weights (Sehanobish and others, ICLR 2024)."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.kernels.networks import BundledClassifier, LayerFeatures
from replications._digits import digits, mlp, probabilities, slope, trained
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

ACTIVATIONS = ("sin", "cos", "gaussian")
HIDDEN = 64


def run(setting: Setting) -> Outcome:
    counts = (32, 128) if setting.quick else (64, 256, 1024, 4096)
    draws, rows, seeds, steps = (2, 100, 1, 20) if setting.quick else (20, 1000, 3, 300)
    off = {
        name: [error(name, m, draws, setting.random_state) for m in counts] for name in ACTIVATIONS
    }
    setting.progress.step(1, seeds + 1, "layers")
    lines = []
    for seed in range(setting.random_state, setting.random_state + seeds):
        lines.append(accuracies(rows, 200 if setting.quick else 797, steps, seed))
        setting.progress.step(len(lines) + 1, seeds + 1, f"seed {seed}")
    return judged(
        counts, off, {name: float(np.mean([x[name] for x in lines])) for name in lines[0]}
    )


def error(activation: str, m: int, draws: int, seed: int) -> float:
    """Root mean squared error of a layer, rows and weights of length 1."""
    rng = np.random.default_rng([seed, 3])
    X = digits(50, 0, seed).X.astype(np.float64)
    X -= X.mean(axis=0)
    W = rng.standard_normal((10, 64))
    X, W = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, W))
    b = rng.uniform(-1, 1, 10)
    squares = []
    for draw in range(draws):
        layer = LayerFeatures(64, activation, m, random_state=1000 * seed + draw)
        squares.append((layer.of_rows(X) @ layer.of_weights(W, b) - layer.exact(X, W, b)) ** 2)
    return float(np.sqrt(np.mean(squares)))


def accuracies(rows: int, test: int, steps: int, seed: int) -> dict[str, float]:
    """Of a network with one hidden layer, and of bundles, by their numbers of parameters."""
    data = digits(rows, test, seed)
    found: dict[str, float] = {}
    for hidden in (HIDDEN, HIDDEN // 5):
        module = trained(mlp((64, hidden, 10), seed), data.X, data.y, steps)
        right = (probabilities(module, data.Q).argmax(axis=1) == data.asked).mean()
        found[f"network, {hidden} hidden, {parameters(hidden):,} parameters"] = float(right)
    for depth in (1, 2):
        for part in (1, 5):
            m = parameters(HIDDEN) // (10 * part)
            bundle = BundledClassifier("sin", depth, m, scale=1.0, ridge=1e-4, random_state=seed)
            name = f"bundle, {depth} hidden, {10 * m:,} parameters"
            found[name] = float(bundle.fit(data.X, data.y).score(data.Q, data.asked))
    return found


def parameters(hidden: int) -> int:
    """Of a network with one hidden layer."""
    return 64 * hidden + hidden + 10 * hidden + 10


def judged(counts: Any, off: dict[str, list[float]], right: dict[str, float]) -> Outcome:
    """The verdict by the rule."""
    falls = {name: slope(counts, errors) for name, errors in off.items()}
    network = next(iter(right.values()))
    fifth = max(
        a
        for n, a in right.items()
        if n.startswith("bundle") and n.endswith(f" {10 * (parameters(HIDDEN) // 50):,} parameters")
    )
    near = all(-0.65 <= s <= -0.35 for s in falls.values())
    as_good = fifth >= network - 0.02
    verdict = [Verdict.NOT_REPRODUCED, Verdict.PARTLY, Verdict.REPRODUCED][near + as_good]
    said = ", ".join(f"{name} {s:.2f}" for name, s in falls.items())
    reason = (
        f"errors of a layer fall with the number of features to the powers {said}; a network of "
        f"{parameters(HIDDEN):,} parameters is right for {network:.2%}, the best bundle of a fifth "
        f"of them for {fifth:.2%}"
    )
    return Outcome(
        verdict,
        reason,
        reason,
        [
            Table(
                "Root mean squared error of a layer, rows and weights of length 1",
                ("features", *off),
                [(f"{m:,}", *(f"{e[i]:.4f}" for e in off.values())) for i, m in enumerate(counts)],
            ),
            Table(
                "Held-out digits",
                ("model", "accuracy"),
                [(n, f"{a:.2%}") for n, a in right.items()],
            ),
        ],
        [
            "Bundles are fitted in closed form by ridge regression; their random features are "
            "drawn from a seed and not counted as parameters, as in the paper. The paper has "
            "adapters and layers of transformers; here are digits.",
        ],
    )


REPLICATION = Replication(
    name="scalable_layers",
    paper=Paper("Sehanobish and others", 2024, "Scalable Neural Network Kernels", "ICLR"),
    claim="A layer is an inner product of random features of rows and of weights, whose error "
    "falls with the root of their number; bundled layers have up to 5 times fewer trainable "
    "parameters at competitive accuracy.",
    rule="reproduced when the error falls with the number of features to a power between -0.65 and "
    "-0.35 for sin, cos and the Gaussian, and a bundle with a fifth of a network's parameters is "
    "at most 2 points below it; partly when one of the two holds; else not; means over three seeds",
    needs=(),
    run=run,
)
