"""`FiniteWidth`: what networks of finite width add to the kernels of infinite ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument, InvalidVector
from likewise.kernels._rows import as_rows
from likewise.kernels.parameters import Float64Array
from likewise.kernels.wide._bent import LeakyReLU
from likewise.kernels.wide._fourth_moments import fourth_moments
from likewise.kernels.wide._random_layers import sample_layers
from likewise.kernels.wide._widths import check_network
from likewise.kernels.wide.activations import Activation, resolve_activation

#: Steps of differences, relative to the variances.
FIRST, SECOND = 1e-5, 1e-3
#: Nearer to 1 or -1 than this, the correlation of two rows leaves no room for differences.
ROOM = 0.01


class FirstOrder(NamedTuple):
    """Moments of the random kernel of the output, to first order in 1 / width.

    For one row they are of k(x, x); for two, of ``k(x, x), k(x, y), k(y, y)`` in that order.

    Attributes:
        limit: of infinite width. mean: with its shift. covariance: of the entries.
    """

    limit: Float64Array
    mean: Float64Array
    covariance: Float64Array


class FiniteWidth:
    """Fully connected random networks of given widths: their corrections, and samples of them.

    Given its last hidden layer, the output of a random network is a Gaussian process with a
    random kernel k. At infinite width k is the NNGP kernel; at width n it varies by about
    ``sqrt(depth / n)``, and the output is a mixture of Gaussians: ``E[f^4] = 3 E[k^2]``.

    With G the covariances before an activation s, S(G) their map to the next layer, n units,
    ``V`` the covariance of G and ``m`` the shift of its mean, a layer gives, to first order,

        V'_(ab)(cd) = w^2 (E[s_a s_b s_c s_d] - E[s_a s_b] E[s_c s_d]) / n + (dS V dS^T)_(ab)(cd),
        m'_(ab) = (dS m)_(ab) + 1/2 sum V d^2 S_(ab).

    The first layer is exactly Gaussian. For ReLU this is a variance of 5 k^2 / n a layer.

    Args:
        widths: units of each hidden layer.
        activation: a name or an `Activation`, smooth but for a kink at 0.
        weight_variance: w; None keeps variances of 1: ``1 / E[s(z)^2]``, which is 2 for ReLU.
        bias_variance: of biases.

    Source: S. Yaida, "Non-Gaussian processes and neural networks at finite widths", MSML 2020;
    D. Roberts, S. Yaida and B. Hanin, "The Principles of Deep Learning Theory", 2022.

    Example:
        >>> network = FiniteWidth((64, 64, 64))
        >>> round(float(network.excess_kurtosis([0.6, 0.8])), 6)  # 15 layers / width
        0.703125
    """

    @suggest_arguments
    def __init__(
        self,
        widths: Sequence[int],
        activation: str | Activation | Callable[..., Any] = "relu",
        *,
        weight_variance: float | None = None,
        bias_variance: float = 0.0,
    ) -> None:
        self.widths = check_network(widths, weight_variance, bias_variance)
        self.activation = resolve_activation(activation)
        usual = self.activation.weight_variance
        self.weight_variance = float(usual if weight_variance is None else weight_variance)
        self.bias_variance = float(bias_variance)

    # -- to first order -------------------------------------------------------------

    def moments(self, X: Any) -> FirstOrder:
        """Mean and covariance of the random kernel of one or two rows.

        Args:
            X: (1, dim) or (2, dim).

        Raises:
            InvalidVector: more rows, or two of nearly the same or the opposite direction.

        Cost: some 10^5 values of the activation a layer.
        """
        rows = as_rows(X, "X").astype(np.float64)
        if len(rows) not in (1, 2):
            raise InvalidVector(
                f"X: first-order moments are of one row or two; got {len(rows)}; for more use "
                "sample_kernels"
            )
        G = rows @ rows.T / rows.shape[1] * self.weight_variance + self.bias_variance
        entries = G[np.triu_indices(len(rows))]
        if len(rows) == 2:
            self._check_apart(entries)
        count = len(entries)
        shift, V = np.zeros(count), np.zeros((count, count))
        for width in self.widths:
            jacobian, hessian = self._derivatives(entries)
            shift = jacobian @ shift + 0.5 * np.einsum("abc,bc->a", hessian, V)
            V = jacobian @ V @ jacobian.T + self._spread(entries) / width
            entries = self._next(entries)
            if count == 3:
                self._check_apart(entries)
        return FirstOrder(entries, entries + shift, V)

    def excess_kurtosis(self, x: Any) -> float:
        """``E[f(x)^4] / E[f(x)^2]^2 - 3`` of the output, to first order: ``3 V / k^2``.

        Raises:
            InvalidVector: more than one row.
        """
        rows = as_rows(x, "x")
        if len(rows) != 1:
            raise InvalidVector(f"x: the kurtosis is of one row; got {len(rows)}")
        limit, _, covariance = self.moments(rows)
        return float(3 * covariance[0, 0] / limit[0] ** 2)

    def tangent_variance(self) -> float:
        """``Var(T) / E[T]^2`` of the tangent kernel T(x, x) of (leaky) ReLU, to first order.

        T adds up L + 1 layers of weights, whose parts have equal means. With kappa the kurtosis
        factor ``E[s^4] / (3 E[s^2]^2)`` (2 for ReLU), hidden layer j of n_j units gives a pair of
        parts ``(3 kappa - 1) / n_j`` where both lie on one side of it, and ``(kappa - 1) / n_j``
        where it lies between them. For L layers of n units that is near 11 L / (3 n) for ReLU.

        Raises:
            InvalidArgument: another activation, or biases: use ``sample_kernels(tangent=True)``.

        Source: own derivation; the order L / n is that of B. Hanin and M. Nica, "Finite depth and
        width corrections to the neural tangent kernel", ICLR 2020.
        """
        if not isinstance(self.activation, LeakyReLU) or self.bias_variance:
            raise InvalidArgument(
                "tangent_variance is known for ReLU and leaky ReLU without biases; use "
                "sample_kernels(X, n_samples, tangent=True)"
            )
        slope, depth = self.activation.slope, len(self.widths)
        kappa = 2 * (1 + slope**4) / (1 + slope**2) ** 2
        total = 0.0
        for j, width in enumerate(self.widths, start=1):
            between = 2 * j * (depth + 1 - j) / (depth + 1) ** 2
            total += ((3 * kappa - 1) * (1 - between) + (kappa - 1) * between) / width
        return float(total)

    # -- by simulation --------------------------------------------------------------

    @suggest_arguments
    def sample_kernels(
        self, X: Any, n_samples: int, *, tangent: bool = False, random_state: int | None = None
    ) -> Float64Array:
        """Random kernels of networks of these widths, exactly distributed.

        Given a layer, the units of the next are independent Gaussians with its covariance, so
        that only n numbers a unit are drawn, and no weights. Backwards, weights are Gaussians
        given what they made of the layer below.

        Args:
            X: n rows. n_samples: M. tangent: empirical neural tangent kernels instead.
            random_state: an int makes the same draws.

        Returns:
            (M, n, n).

        Cost: M sum_l (n^2 width_l + n^3); memory is that of the answer and 50 MB.
        """
        rows = as_rows(X, "X").astype(np.float64)
        wanted = check_count("n_samples", n_samples)
        if random_state is not None:
            check_count("random_state", random_state, minimum=0)
        rng = np.random.default_rng(random_state)
        out = np.empty((wanted, len(rows), len(rows)))
        step = max(1, 2**20 // (max(self.widths) * max(1, len(rows)) * len(self.widths)))
        for start in range(0, wanted, step):
            part = slice(start, min(start + step, wanted))
            out[part] = sample_layers(self, rows, part.stop - start, rng, tangent=tangent)
        return out

    # -- the map of one layer -------------------------------------------------------

    def _next(self, entries: Float64Array) -> Float64Array:
        """S: covariances before the next activation."""
        activation = self.activation
        if len(entries) == 1:
            after = np.asarray(activation.dual_at(entries), np.float64)
        else:
            q, c, r = entries
            after = np.array([activation.dual_at(q), activation.dual(q, r, c),
                              activation.dual_at(r)], np.float64)  # fmt: skip
        return self.weight_variance * after + self.bias_variance

    def _derivatives(self, entries: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Of S, the first (a, b) and the second (a, b, c), by central differences."""
        count = len(entries)
        eye = np.eye(count) * np.sqrt(entries[0] * entries[-1])
        jacobian, hessian = np.empty((count, count)), np.empty((count, count, count))
        middle = self._next(entries)
        for b in range(count):
            step = FIRST * eye[b]
            slope = self._next(entries + step) - self._next(entries - step)
            jacobian[:, b] = slope / (2 * step[b])
            for c in range(b + 1):
                one, two = SECOND * eye[b], SECOND * eye[c]
                bent = (
                    self._next(entries + one + two)
                    - self._next(entries + one - two)
                    - self._next(entries - one + two)
                    + self._next(entries - one - two)
                ) / 4
                if b == c:
                    bent = self._next(entries + one) - 2 * middle + self._next(entries - one)
                hessian[:, b, c] = hessian[:, c, b] = bent / (one[b] * two[c])
        return jacobian, hessian

    def _spread(self, entries: Float64Array) -> Float64Array:
        """``w^2 Cov(s_a s_b, s_c s_d)`` of one unit."""
        q, r = entries[0], entries[-1]
        c = entries[1] if len(entries) == 3 else q
        m = fourth_moments(self.activation.function, q, r, c)
        means = (self._next(entries) - self.bias_variance) / self.weight_variance
        fourth = m[:1, None] if len(entries) == 1 else np.array([m[0:3], m[1:4], m[2:5]])
        spread: Float64Array = self.weight_variance**2 * (fourth - np.outer(means, means))
        return spread

    def _check_apart(self, entries: Float64Array) -> None:
        correlation = entries[1] / np.sqrt(entries[0] * entries[2])
        if 1 - abs(correlation) < ROOM:
            raise InvalidVector(
                f"X: the two rows have a correlation of {correlation:.6g} in a layer, too near to "
                "1 for first-order moments of both; take one row, or sample_kernels"
            )
