"""What becomes of variances and correlations in a network of many layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels.wide._activation import Activation
from likewise.kernels.wide.activations import resolve_activation

#: Layers to follow; what has not settled then is said to be where it is.
LAYERS = 20_000
#: Settled when a layer changes it by less, relative to it for variances.
SETTLED = 1e-13
#: A variance that falls to so much of what it was falls to 0.
VANISHED = 1e-9
#: A variance that stands for those that grow without end.
LARGE = 1e8
#: Correlations that go to 1 as a power of depth are taken for 1 within so much.
ALIKE = 1e-5
#: chi within so much of 1 is the edge; Hermite series and iterations are no better.
EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class DepthLimit:
    """Where layers take variances and correlations.

    Attributes:
        variance: that layers lead to, infinity where they grow without end.
        chi: ``weight_variance E[s'(u)^2]`` there: by what a layer multiplies small differences
            of two rows, and gradients.
        correlation: of two different rows, that layers lead to.
        phase: ``"order"``, chi < 1: all rows become alike, gradients vanish. ``"chaos"``,
            chi > 1: like rows become unlike, gradients explode. ``"edge"``, chi = 1, where deep
            networks can be trained. Where variances grow without end, chi and ``correlation``
            are those of very large ones, and rows may become alike though gradients explode.
        layers: over so many layers the distance from ``correlation`` falls to 1/e of what it was;
            infinity at the edge, where it falls as a power of depth.
    """

    variance: float
    chi: float
    correlation: float
    phase: str
    layers: float


@suggest_arguments
def depth_limit(
    activation: str | Activation | Callable[..., Any],
    *,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
    variance: float = 1.0,
    correlation: float = 0.5,
) -> DepthLimit:
    """The fixed point of the layers of `NNGP`, and on which side of chaos the network is.

    Iterates ``q <- weight_variance E[s(u)^2] + bias_variance`` and, at the q that is reached,
    ``c <- (weight_variance E[s(u) s(v)] + bias_variance) / q`` with u, v of correlation c.

    Args:
        activation, weight_variance, bias_variance: as in `NNGP`.
        variance, correlation: of the rows in the first layer; of ReLU without biases, every
            variance is a fixed point.

    Raises:
        InvalidArgument: an activation that jumps, so that chi is infinite.

    Source: B. Poole et al., "Exponential expressivity in deep neural networks through transient
    chaos", NeurIPS 2016; S. Schoenholz et al., "Deep information propagation", ICLR 2017.

    Cost: some thousand evaluations of the dual of one pair.

    Example:
        >>> depth_limit("relu").phase, depth_limit("relu").chi
        ('edge', 1.0)
        >>> depth_limit("erf", weight_variance=0.5, bias_variance=0.1).phase
        'order'
        >>> chaos = depth_limit("erf", weight_variance=5.0, bias_variance=0.1)
        >>> chaos.phase, chaos.correlation < 0.5
        ('chaos', True)
    """
    found = resolve_activation(activation)
    w = found.weight_variance if weight_variance is None else weight_variance
    if check_number("weight_variance", w) <= 0 or check_number("bias_variance", bias_variance) < 0:
        raise InvalidArgument(
            f"expected weight_variance > 0 and bias_variance >= 0; got {w!r} and {bias_variance!r}"
        )
    if check_number("variance", variance) <= 0 or abs(check_number("correlation", correlation)) > 1:
        raise InvalidArgument(
            "expected variance > 0 and a correlation within -1 and 1; got "
            f"{variance!r} and {correlation!r}"
        )
    q = _variance(lambda q: w * found.dual_at(q) + bias_variance, float(variance))
    if not np.isfinite(q):
        return _growing(found, float(w), float(bias_variance), float(correlation))
    chi = float(w * found.derivative_dual_at(max(q, VANISHED * float(variance))))
    phase = "edge" if abs(chi - 1) <= EDGE else "order" if chi < 1 else "chaos"
    if q == 0:  # nothing is left of the rows but a correlation that nobody sees
        return DepthLimit(0.0, chi, float("nan"), phase, _layers(chi))

    def step(c: float) -> Any:
        return (w * found.dual(q, q, c * q) + bias_variance) / q

    if phase != "chaos":
        return DepthLimit(q, chi, 1.0, phase, np.inf if phase == "edge" else _layers(chi))
    c = _settle(step, float(correlation))
    return DepthLimit(q, chi, c, phase, _layers(w * found.derivative_dual(q, q, c * q)))


def _growing(found: Activation, w: float, b: float, correlation: float) -> DepthLimit:
    """The limit where variances have none: of ReLU with too large weights, for example."""
    # 1 + q is q here: what closed forms divide by may be 0, and their angles are then right.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        chi = float(w * found.derivative_dual_at(LARGE))
        after = float(w * found.dual_at(LARGE) + b)
        if not (np.isfinite(chi) and np.isfinite(after)):  # faster than any power, as of exp
            return DepthLimit(np.inf, np.inf, float("nan"), "chaos", 0.0)
        c = _settle(lambda c: (w * found.dual(LARGE, LARGE, c * LARGE) + b) / after, correlation)
        alike = c > 1 - ALIKE
        slope = chi if alike else float(w * found.derivative_dual(LARGE, LARGE, c * LARGE))
    phase = "edge" if abs(chi - 1) <= EDGE else "order" if chi < 1 else "chaos"
    slope *= LARGE / after  # of the correlation, which is relative to the variance of each layer
    layers = np.inf if abs(slope - 1) <= EDGE else _layers(slope)
    return DepthLimit(np.inf, chi, 1.0 if alike else c, phase, layers)


def _variance(step: Callable[[float], Any], value: float) -> float:
    least = VANISHED * value
    for _ in range(LAYERS):
        with np.errstate(over="ignore", invalid="ignore"):
            new = float(step(value))
        if not np.isfinite(new) or new > 1e100:
            return np.inf
        if new < least:
            return 0.0
        if abs(new - value) <= SETTLED * new:
            return new
        value = new
    return value


def _settle(step: Callable[[float], Any], value: float) -> float:
    for _ in range(LAYERS):
        new = float(step(value))
        if abs(new - value) <= SETTLED:
            return new
        value = new
    return value


def _layers(slope: Any) -> float:
    """Over how many layers what each multiplies by ``slope`` falls to 1/e."""
    size = abs(float(slope))
    if size >= 1:
        return np.inf
    return float(-1 / np.log(size)) if size > 0 else 0.0
