"""Networks of growing width beside the kernels of infinite width (Jacot et al.; Lee et al.).

Random networks: how far their covariances and tangent kernels are from NNGP and NTK. Trained
networks: how far the tangent kernel moves, and how far predictions are from those of the NTK.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from likewise.kernels import NNGP, NTK, Activation, resolve_activation
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Array = npt.NDArray[np.float64]

ROWS, DIM, HIDDEN = 12, 10, 3
BIAS = 0.1
#: By activation: those of random networks, and of trained ones.
RANDOM, TRAINED = ("relu", "erf", "gelu"), ("relu", "erf")
WIDTHS, NETWORKS = (64, 128, 256, 512, 1024), 6
TRAIN_WIDTHS, TRAIN_NETWORKS, TRAIN_HIDDEN, STEPS = (64, 128, 256, 512), 6, 2, 600
#: Slopes of logarithms that count as width^(-1/2).
SLOPES = (-0.65, -0.35)
#: How many times the expected error is allowed at the largest width.
ALLOWED = 2.0


@dataclass(slots=True)
class Network:
    """A finite network with the parameters of the kernels: W / sqrt(fan-in) times sqrt(w)."""

    activation: Activation
    weights: list[Array]
    biases: list[Array]

    @classmethod
    def drawn(
        cls, activation: Activation, hidden: int, width: int, rng: np.random.Generator
    ) -> Network:
        """``hidden`` layers of ``width`` units and one output, all parameters standard normal."""
        sizes = [DIM, *[width] * hidden, 1]
        return cls(
            activation,
            [rng.standard_normal((m, n)) for m, n in pairwise(sizes)],
            [rng.standard_normal(n) for n in sizes[1:]],
        )

    def layers(self, X: Array) -> tuple[list[Array], list[Array]]:
        """What goes into each layer, and what comes out of it before the activation."""
        inputs, outputs = [X], []
        for W, b in zip(self.weights, self.biases, strict=True):
            scale = np.sqrt(self.activation.weight_variance / len(W))
            outputs.append(scale * inputs[-1] @ W + np.sqrt(BIAS) * b)
            inputs.append(self.activation.function(outputs[-1]))
        return inputs[:-1], outputs

    def backward(self, outputs: list[Array]) -> list[Array]:
        """The derivative of the last output by the outputs of each layer, a row each."""
        back = [np.ones_like(outputs[-1])]
        for W, u in zip(self.weights[:0:-1], outputs[-2::-1], strict=True):
            scale = np.sqrt(self.activation.weight_variance / len(W))
            back.append(scale * (back[-1] @ W.T) * self.activation.derivative(u))
        return back[::-1]

    def tangent(self, X: Array) -> Array:
        """Inner products of the gradients by all parameters."""
        inputs, outputs = self.layers(X)
        total = np.zeros((len(X), len(X)))
        for h, back in zip(inputs, self.backward(outputs), strict=True):
            total += (self.activation.weight_variance * h @ h.T / h.shape[1] + BIAS) * (
                back @ back.T
            )
        return total

    def covariance(self, X: Array) -> Array:
        """Of the outputs, given all weights but the last."""
        h = self.layers(X)[0][-1]
        found: Array = self.activation.weight_variance * h @ h.T / h.shape[1] + BIAS
        return found

    def step(self, X: Array, slope: Array, rate: float) -> None:
        """Gradient descent where the loss has the derivatives ``slope`` by the outputs."""
        inputs, outputs = self.layers(X)
        back = self.backward(outputs)
        for W, b, h, g in zip(self.weights, self.biases, inputs, back, strict=True):
            scale = np.sqrt(self.activation.weight_variance / len(W))
            W -= rate * scale * h.T @ (g * slope)
            b -= rate * np.sqrt(BIAS) * (g * slope).sum(axis=0)


def run(setting: Setting) -> Outcome:
    widths = (32, 128) if setting.quick else WIDTHS
    train_widths = (32, 64) if setting.quick else TRAIN_WIDTHS
    rng = np.random.default_rng(setting.random_state)
    X = rng.standard_normal((ROWS, DIM))
    rows, slopes, ends, done = [], [], [], 0
    total = len(RANDOM) + len(TRAINED)
    for name in RANDOM[:1] if setting.quick else RANDOM:
        errors = random_errors(resolve_activation(name), X, widths, rng)
        for what, found in errors.items():
            rows.append([name, what, *[f"{e:.4f}" for e in found], f"{_slope(widths, found):.2f}"])
            slopes.append(_slope(widths, found))
            ends.append(found[-1])
        setting.progress.step(done := done + 1, total, f"random networks of {name}")
    trained, train_slopes = [], []
    for name in TRAINED[:1] if setting.quick else TRAINED:
        steps = 5 if setting.quick else STEPS
        errors = trained_errors(resolve_activation(name), X, train_widths, steps, rng)
        for what, found in errors.items():
            slope = _slope(train_widths, found)
            trained.append([name, what, *[f"{e:.4f}" for e in found], f"{slope:.2f}"])
            train_slopes.append(slope)
        setting.progress.step(done := done + 1, total, f"trained networks of {name}")
    tables = [
        Table("Random networks: relative Frobenius error", _header(widths), rows),
        Table("Trained networks", _header(train_widths), trained),
    ]
    return _judged(slopes, ends, widths[-1], train_slopes, tables)


def random_errors(
    activation: Activation, X: Array, widths: tuple[int, ...], rng: np.random.Generator
) -> dict[str, list[float]]:
    """Relative errors of single networks, root mean square over networks."""
    given = {"activation": activation, "bias_variance": BIAS}
    exact = {"covariance": NNGP(HIDDEN, **given)(X), "tangent kernel": NTK(HIDDEN, **given)(X)}
    errors: dict[str, list[float]] = {what: [] for what in exact}
    for width in widths:
        squares: dict[str, list[float]] = {what: [] for what in exact}
        for _ in range(NETWORKS):
            network = Network.drawn(activation, HIDDEN, width, rng)
            found = {"covariance": network.covariance(X), "tangent kernel": network.tangent(X)}
            for what, K in exact.items():
                squares[what].append(float(((found[what] - K) ** 2).sum() / (K**2).sum()))
        for what, values in squares.items():
            errors[what].append(float(np.sqrt(np.mean(values))))
    return errors


def trained_errors(
    activation: Activation,
    X: Array,
    widths: tuple[int, ...],
    steps: int,
    rng: np.random.Generator,
) -> dict[str, list[float]]:
    """How far training moves the kernel, and how far predictions are from the NTK's."""
    train, test = X[: ROWS // 2], X[ROWS // 2 :]
    y = np.sin(2 * train[:, :1]) + train[:, 1:2]
    kernel = NTK(TRAIN_HIDDEN, activation, bias_variance=BIAS)
    K, across = kernel(train), kernel(test, train)
    rate = 1 / np.linalg.eigvalsh(K)[-1]
    # Gradient descent as it goes in function space: the part of y learnt after so many steps.
    values, vectors = np.linalg.eigh(K)
    learnt = (vectors * (1 - (1 - rate * values) ** steps) / values) @ vectors.T
    drift, apart = [], []
    for width in widths:
        drifts, squares = [], []
        for _ in range(TRAIN_NETWORKS):
            network = Network.drawn(activation, TRAIN_HIDDEN, width, rng)
            before = network.tangent(train)
            start, start_test = (network.layers(part)[1][-1] for part in (train, test))
            expected = start_test + across @ learnt @ (y - start)
            for _ in range(steps):
                network.step(train, network.layers(train)[1][-1] - y, rate)
            drifts.append(np.linalg.norm(network.tangent(train) - before) / np.linalg.norm(before))
            found = network.layers(test)[1][-1]
            squares.append(float(((found - expected) ** 2).mean() / (expected**2).mean()))
        drift.append(float(np.mean(drifts)))
        apart.append(float(np.sqrt(np.mean(squares))))
    return {"drift of the tangent kernel": drift, "predictions from the NTK's": apart}


def expected(width: int) -> float:
    """The relative error of a ReLU network, to first order in depth / width."""
    return float(np.sqrt(np.expm1(5 * HIDDEN / width)))


def _slope(widths: tuple[int, ...], errors: list[float]) -> float:
    return float(np.polyfit(np.log(widths), np.log(errors), 1)[0])


def _header(widths: tuple[int, ...]) -> tuple[str, ...]:
    return ("activation", "what", *[f"width {w:,}" for w in widths], "slope")


def _judged(
    slopes: list[float], ends: list[float], largest: int, trained: list[float], tables: list[Table]
) -> Outcome:
    right = all(SLOPES[0] <= slope <= SLOPES[1] for slope in slopes)
    near = max(ends) <= ALLOWED * expected(largest)
    falls = all(slope < SLOPES[1] for slope in trained)
    verdict = Verdict.NOT_REPRODUCED
    if right and near and falls:
        verdict = Verdict.REPRODUCED
    elif right:
        verdict = Verdict.PARTLY
    span = f"{min(slopes):.2f} to {max(slopes):.2f}"
    after = f"{min(trained):.2f} to {max(trained):.2f}"
    return Outcome(
        verdict,
        f"errors of random networks fall with slopes {span}; what training adds with {after}",
        f"slopes {span}, largest error at width {largest:,} {max(ends):.3f}, expected "
        f"{expected(largest):.3f}",
        tables,
        [
            f"{ROWS} rows of {DIM} normal numbers; random networks with {HIDDEN} hidden layers, "
            f"{NETWORKS} a width; trained ones with {TRAIN_HIDDEN}, {TRAIN_NETWORKS} a width, "
            f"{STEPS} steps of gradient descent on {ROWS // 2} rows.",
            "Predictions are compared with gradient descent in function space from the same "
            "start, so that neither the start nor unfinished training counts as error.",
        ],
    )


REPLICATION = Replication(
    name="infinite_width",
    paper=Paper(
        "A. Jacot, F. Gabriel, C. Hongler",
        2018,
        "Neural Tangent Kernel: Convergence and Generalization in Neural Networks",
        "NeurIPS",
    ),
    claim="As layers widen, the tangent kernel of a random network becomes deterministic (NTK), as "
    "its covariance does (NNGP); it stays constant in training, so that the network predicts as "
    "kernel gradient descent. No rate is proved; width^(-1/2) is what is expected.",
    rule="Reproduced if all errors of random networks fall with width by slopes of "
    f"{SLOPES[0]} to {SLOPES[1]}, are at most {ALLOWED:g} times sqrt(exp(5 depth / width) - 1) at "
    "the largest width (B. Hanin and M. Nica, 2020, of ReLU), and drift and errors of predictions "
    f"fall by slopes below {SLOPES[1]}. Partly if only the slopes of random networks hold.",
    needs=(),
    run=run,
)
