"""The network of `CosineAdapter`: from a query vector to the parameters of a rising curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from likewise.vectors import Float32Array

#: The forms of the curve, and how many parameters each has.
FORMS = {"linear": 2, "power": 3}
ITERATIONS = 200
#: How far the bend may go: exp of this, either way.
MOST_BEND = 2.0

FloatArray = npt.NDArray[np.float64]


class Pairs(NamedTuple):
    """Queries (m, dim) of unit length, and pairs: whose, how near, and whether relevant."""

    queries: Float32Array
    of: npt.NDArray[np.int64]
    cosines: FloatArray
    relevant: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.of)

    def chosen(self, mask: npt.NDArray[np.bool_]) -> Pairs:
        """Only the pairs of the mask."""
        return Pairs(self.queries, self.of[mask], self.cosines[mask], self.relevant[mask])


@dataclass(frozen=True, slots=True)
class Network:
    """Weights, in one flat array for the optimiser, and the scale they work in.

    ``raw = tanh(√dim q W + a) V + c`` (hidden, then one column a parameter), and of its columns
    ``slope = softplus(raw₀) / spread``, ``middle = centre + spread raw₁``, and of the power
    ``bend = exp(MOST_BEND tanh(raw₂))``. Only W and V are penalised: without them, one curve
    (c) is left for all queries.
    """

    flat: FloatArray
    dim: int
    hidden: int
    form: str
    centre: float
    spread: float

    @classmethod
    def constant(cls, dim: int, slope: float, middle: float) -> Self:
        """The same linear curve for every query."""
        network = cls(np.zeros(dim + 1 + 2 + 2), dim, 1, "linear", middle, 1.0)
        network.parts()[3][0] = slope + np.log(-np.expm1(-slope))  # softplus gives it back
        return network

    def parts(self, flat: FloatArray | None = None) -> tuple[FloatArray, ...]:
        """W, a, V, c as views of the flat array."""
        flat = self.flat if flat is None else flat
        outputs = FORMS[self.form]
        ends = np.cumsum([self.dim * self.hidden, self.hidden, self.hidden * outputs])
        first, second, third, fourth = np.split(flat, ends)
        return (
            first.reshape(self.dim, self.hidden),
            second,
            third.reshape(self.hidden, outputs),
            fourth,
        )

    def probability(
        self, queries: Float32Array, of: npt.NDArray[np.int64], cosines: FloatArray
    ) -> FloatArray:
        """(pairs,) of unit queries."""
        found: FloatArray = _sigmoid(self._forward(self.flat, queries, of, cosines)[0])
        return found

    def _forward(
        self,
        flat: FloatArray,
        queries: Float32Array,
        of: npt.NDArray[np.int64],
        cosines: FloatArray,
    ) -> tuple[FloatArray, ...]:
        """The logits (pairs,), and what the gradient needs."""
        first, shift, second, last = self.parts(flat)
        inputs = queries * np.sqrt(self.dim)
        middle = np.tanh(inputs @ first + shift)
        raw = (middle @ second + last)[of]
        slope = np.logaddexp(0.0, raw[:, 0])
        curved, bent = self._curved(raw, cosines)
        place = (curved - self.centre) / self.spread
        return slope * (place - raw[:, 1]), inputs, middle, raw, slope, place, bent

    def _curved(self, raw: FloatArray, cosines: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The cosines as the slope meets them, and their derivative by raw₂."""
        if self.form == "linear":
            return cosines, np.zeros(0)
        near = np.maximum(cosines, 1e-9)
        turn = np.tanh(raw[:, 2])
        bend = np.exp(MOST_BEND * turn)
        curved = near**bend
        return curved, curved * np.log(near) * bend * MOST_BEND * (1 - turn**2)

    def loss(self, flat: FloatArray, pairs: Pairs, penalty: float) -> tuple[float, FloatArray]:
        """Mean cross-entropy with the penalty, and its gradient by the flat weights."""
        free = np.isinf(penalty)
        if free:
            flat = self._without_query(flat)
        logits, inputs, middle, raw, slope, place, bent = self._forward(
            flat, pairs.queries, pairs.of, pairs.cosines
        )
        signs = np.where(pairs.relevant, 1.0, -1.0)
        value = float(np.logaddexp(0.0, -signs * logits).mean())
        error = (_sigmoid(logits) - pairs.relevant) / len(pairs)
        by_raw = np.empty_like(raw)
        by_raw[:, 0] = error * (place - raw[:, 1]) * _sigmoid(raw[:, 0])
        by_raw[:, 1] = -error * slope
        if self.form == "power":
            by_raw[:, 2] = error * slope * bent / self.spread
        by_query = np.stack(
            [
                np.bincount(pairs.of, weights=column, minlength=len(pairs.queries))
                for column in by_raw.T
            ],
            axis=1,
        )
        gradient = np.zeros_like(flat)
        first, shift, second, last = self.parts(gradient)
        last += by_query.sum(axis=0)
        if free:
            return value, gradient
        weights_in, _, weights_out, _ = self.parts(flat)
        second += middle.T @ by_query + penalty * weights_out
        by_middle = (by_query @ weights_out.T) * (1 - middle**2)
        first += inputs.T @ by_middle + penalty * weights_in
        shift += by_middle.sum(axis=0)
        squares = float((weights_in**2).sum() + (weights_out**2).sum())
        return value + 0.5 * penalty * squares, gradient

    def _without_query(self, flat: FloatArray) -> FloatArray:
        alone = np.zeros_like(flat)
        self.parts(alone)[3][:] = self.parts(flat)[3]
        return alone

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "weights": self.flat.tolist(),
            "dim": self.dim,
            "hidden": self.hidden,
            "form": self.form,
            "centre": self.centre,
            "spread": self.spread,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Back from `to_dict`."""
        rest = {name: value for name, value in state.items() if name != "weights"}
        return cls(np.array(state["weights"], dtype=np.float64), **rest)


def initial(dim: int, hidden: int, form: str, pairs: Pairs, seed: int) -> Network:
    """Weights to begin with: one rising curve, and small ones for what queries change."""
    centre = float(pairs.cosines.mean())
    spread = float(pairs.cosines.std()) or 1.0
    flat = np.zeros(dim * hidden + hidden + (hidden + 1) * FORMS[form])
    network = Network(flat, dim, hidden, form, centre, spread)
    first, _, second, last = network.parts()
    rng = np.random.default_rng(seed)
    first[:] = rng.normal(scale=dim**-0.5, size=first.shape)
    second[:] = rng.normal(scale=0.1 * hidden**-0.5, size=second.shape)
    last[0] = 0.5  # a slope of about one a standard deviation
    return network


def trained(begin: Network, pairs: Pairs, penalty: float) -> Network:
    """The network that L-BFGS arrives at from ``begin``."""
    from scipy.optimize import minimize

    found = minimize(
        begin.loss,
        begin.flat,
        args=(pairs, penalty),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": ITERATIONS},
    )
    flat = np.asarray(found.x)
    if np.isinf(penalty):
        flat = begin._without_query(flat)
    return Network(flat, begin.dim, begin.hidden, begin.form, begin.centre, begin.spread)


def _sigmoid(x: FloatArray) -> FloatArray:
    found: FloatArray = 0.5 + 0.5 * np.tanh(0.5 * x)  # scipy's takes longer to import than to run
    return found
