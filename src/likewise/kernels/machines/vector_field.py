"""`VectorFieldRegressor`: vectors tangent to a manifold that is known by points alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from likewise._arguments import check_count, check_k, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.index import Index
from likewise.kernels.machines._bundle import make_bundle
from likewise.kernels.machines._linear import Float64Array
from likewise.kernels.machines._local import fitted_index
from likewise.kernels.machines._machine import NO_TARGETS, _NotFitted, check_finite_targets
from likewise.kernels.machines._marginal import climb
from likewise.kernels.machines._spectral import Moments, Spectrum, log_evidence, posterior


class VectorFieldRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A Gaussian process of tangent vectors, on a manifold that is seen as a cloud of points.

    Each point has a frame of its tangent space, from the principal axes of its neighbours;
    frames of neighbours are matched by the orthogonal matrix ``O_ij`` nearest to ``T_i^T T_j``.
    With the eigenpairs of the connection Laplacian, ``(L v)_i = sum_j (v_i - O_ij v_j)`` over
    the neighbours j, the field is ``sum_k c_k u_k`` with independent ``c_k ~ N(0, S(lambda_k))``.
    The answer does not depend on the frames. The more points show the manifold, with vectors or
    without (``nodes``), the better.

    Args:
        kernel: how S falls. "matern": ``(2 nu / length^2 + lambda)^-(nu + dim / 2)``; "heat":
            ``exp(-lambda length^2 / 2)``.
        length: in the units of the points; None starts from their root mean squared distance
            to their mean. variance: of one number of a vector, on average over the points; None
            starts from the mean square of the vectors. noise: the variance of what is added to
            an observed number; positive.
        nu: smoothness, of "matern".
        field: "tangent": vectors in the coordinates of the points; what stands off the tangent
            space is dropped. "scalar": each column of y is a number on the manifold, by the
            plain graph Laplacian.
        dim: of the manifold; None is how many axes explain 80 % of the local variance.
        k: neighbours of a point in the graph, from either side.
        n_eigenpairs: at most; there are no more than points times dim.
        index: of `likewise.index`, by euclidean distance, that finds the neighbours; None is
            `Exact`.
        optimizer: "lbfgs" climbs the evidence by length, variance and noise; None keeps them.
        n_restarts: starts at random beside the given one.
        random_state: an int makes the same bytes.

    Attributes:
        dim_: of the manifold. length_, variance_, noise_: those used. learning_: a `Learning`, or
        None. eigenvalues_: (r,), in 1 / length^2: those of the manifold's Laplacian where points
        are spread evenly. bundle_: points, frames and eigenvectors.
        log_marginal_likelihood_: of the observed vectors, in their frames.

    Raises:
        DimensionMismatch: vectors of another width than the points.
        InvalidArgument: arguments or targets that cannot be; a single point.

    Cost: a search for each point, a sparse factorisation of n dim rows with n_eigenpairs solves,
    and r^3 a step of learning; memory 8 n dim r bytes.

    Source: R. Peach, M. Vinao-Carl, N. Grossman, M. David, E. Mallas, D. Sharp, P. Malhotra,
    P. Vandergheynst and A. Gosztolai, "Implicit Gaussian process representation of vector fields
    over arbitrary latent manifolds", ICLR 2024. There the exponent is nu, here nu + dim / 2.

    Example:
        >>> turn = np.linspace(0, 2 * np.pi, 100, endpoint=False)
        >>> circle = np.column_stack([np.cos(turn), np.sin(turn)])
        >>> along = np.column_stack([-np.sin(turn), np.cos(turn)])
        >>> model = VectorFieldRegressor(n_eigenpairs=20)
        >>> model = model.fit(circle[::10], along[::10], nodes=circle)
        >>> model.dim_, bool(np.allclose(model.predict([[0.0, 1.0]]), [[-1, 0]], atol=0.1))
        (1, True)
    """

    @suggest_arguments
    def __init__(
        self,
        kernel: Literal["matern", "heat"] = "matern",
        *,
        length: float | None = None,
        variance: float | None = None,
        noise: float = 0.01,
        nu: float = 1.5,
        field: Literal["tangent", "scalar"] = "tangent",
        dim: int | None = None,
        k: int = 10,
        n_eigenpairs: int = 100,
        index: Index | None = None,
        optimizer: Literal["lbfgs"] | None = "lbfgs",
        n_restarts: int = 0,
        random_state: int | None = 0,
    ) -> None:
        self.kernel = kernel
        self.length = length
        self.variance = variance
        self.noise = noise
        self.nu = nu
        self.field = field
        self.dim = dim
        self.k = k
        self.n_eigenpairs = n_eigenpairs
        self.index = index
        self.optimizer = optimizer
        self.n_restarts = n_restarts
        self.random_state = random_state

    def fit(self, X: Any, y: Any, nodes: Any = None) -> Self:
        """Learn the field from the vectors ``y`` at the points ``X``.

        Args:
            X: (n, numbers) points. y: (n, numbers) vectors, in the same coordinates; with
                ``field="scalar"`` (n,) or (n, outputs).
            nodes: (m, numbers) more points of the manifold, where nothing was observed. Points
                that stand in X as well count once.
        """
        self._check_options()
        points = self._check_points(X, reset=True)
        Y = self._check_field(y, points)
        both = points if nodes is None else np.vstack([points, self._check_points(nodes)])
        cloud, place = np.unique(both, axis=0, return_inverse=True)
        place = place.ravel()[: len(points)]
        if len(cloud) < 2:
            raise InvalidArgument(
                f"X: n_samples = {len(points)}, {len(cloud)} distinct; a graph needs two at least"
            )
        self.bundle_ = bundle = make_bundle(
            cloud,
            fitted_index(self.index, cloud),
            self.k,
            dim=self.dim,
            tangent=self.field == "tangent",
            n_eigenpairs=self.n_eigenpairs,
            seed=self.random_state,
        )
        self.dim_, self.eigenvalues_ = bundle.dim, bundle.values
        if bundle.frames is not None:
            Y = np.einsum("nai,na->ni", bundle.frames[place], Y)
        Phi = bundle.vectors[place].reshape(-1, len(bundle.values))
        self._learn(Moments.of(Phi, Y.reshape(len(Phi), -1)), cloud)
        return self

    def _learn(self, moments: Moments, cloud: Float64Array) -> None:
        bundle = self.bundle_
        spectrum = Spectrum(
            self.kernel,
            bundle.values,
            self.nu,
            bundle.dim,
            bundle.vectors.shape[0] * bundle.vectors.shape[1],
        )
        spread = float(np.sqrt(np.mean(((cloud - cloud.mean(axis=0)) ** 2).sum(axis=1))))
        size = moments.square / (moments.numbers * moments.outputs) or 1.0
        given = np.array([self.length or spread, self.variance or size, self.noise])
        self.learning_ = None
        if self.optimizer is not None:
            limits = np.array([[1e-3 * spread, 1e3 * spread], [1e-6 * size, 1e6 * size]])
            limits = np.vstack([limits, [1e-10 * size, 1e3 * size]])
            best, self.learning_ = climb(
                lambda x: log_evidence(moments, spectrum, *(float(v) for v in np.exp(x))),
                np.log(given),
                np.log(limits),
                self.n_restarts,
                self.random_state,
            )
            self.learning_ = self.learning_._replace(rows=moments.numbers)
            given = np.exp(best)
        self.length_, self.variance_, self.noise_ = (float(v) for v in given)
        variances, _ = spectrum.variances(self.length_, self.variance_)
        self.weights_ = posterior(moments, variances, self.noise_)
        self.log_marginal_likelihood_ = log_evidence(
            moments, spectrum, self.length_, self.variance_, self.noise_
        )[0]

    @suggest_arguments
    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The field at points of the manifold.

        At a point of the cloud it is the posterior mean. Elsewhere the nearest ``k`` points
        give theirs, carried over to the frame of the new one, with weights that are
        continuous and single out a point that is hit; see `interpolation` in ``_bundle.py``.

        Returns:
            (m, numbers) vectors, or as ``y`` came with ``field="scalar"``. With ``return_std``
            also standard deviations, without noise: (m, numbers), or (m,) with "scalar".
        """
        try:
            check_is_fitted(self, "weights_")
        except NotFittedError:
            raise _NotFitted(f"{type(self).__name__} has learnt nothing; call fit(X, y)") from None
        features, frames = self.bundle_.at(self._check_points(X))
        if frames is not None:
            features = np.einsum("mia,mar->mir", frames, features)
        mean = features @ self.weights_.mean
        # As many rows as a vector has numbers and one output, or one row and several outputs.
        mean = mean[:, :, 0] if frames is not None else mean[:, 0]
        mean = mean[:, 0] if self._single else mean
        if not return_std:
            return mean
        variance = np.einsum("mir,mir->mi", features @ self.weights_.covariance, features)
        std = np.sqrt(np.maximum(variance, 0.0))
        return mean, (std if frames is not None else std[:, 0])

    def __getstate__(self) -> dict[str, Any]:
        """Without the fitted index, which is made again from the points."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "bundle_" in state:
            state["bundle_"] = replace(state["bundle_"], index=None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "bundle_" in state:
            index = fitted_index(self.index, self.bundle_.nodes)
            self.bundle_ = replace(self.bundle_, index=index)

    # -- checks ---------------------------------------------------------------------

    def _check_options(self) -> None:
        choices = {
            "kernel": ("matern", "heat"),
            "field": ("tangent", "scalar"),
            "optimizer": ("lbfgs", None),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise InvalidArgument(
                    f"{name} must be one of {', '.join(map(repr, known))}; "
                    f"got {getattr(self, name)!r:.60}"
                )
        for name in ("length", "variance", "noise", "nu"):
            value = getattr(self, name)
            if value is None and name in ("length", "variance"):
                continue
            if check_number(name, value) <= 0:
                raise InvalidArgument(f"{name} must be positive; got {value!r}")
        check_k(self.k)
        check_count("n_eigenpairs", self.n_eigenpairs)
        check_count("n_restarts", self.n_restarts, minimum=0)
        for name in ("dim", "random_state"):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value, minimum=1 if name == "dim" else 0)

    def _check_points(self, X: Any, *, reset: bool = False) -> Float64Array:
        try:
            rows: Float64Array = validate_data(self, X, reset=reset, dtype=np.float64)
        except TypeError as error:
            raise InvalidType(str(error)) from None
        except ValueError as error:
            raise InvalidVector(str(error)) from None
        widest = rows.shape[1]
        if self.dim is not None and self.dim > widest:
            raise InvalidArgument(f"dim = {self.dim} is more than the {widest} numbers of a point")
        return rows

    def _check_field(self, y: Any, points: Float64Array) -> Float64Array:
        if y is None:
            raise InvalidArgument(NO_TARGETS)
        try:
            Y: Float64Array = check_array(
                y, ensure_2d=False, dtype=np.float64, ensure_all_finite=False, input_name="y"
            )
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"y: {error}") from None
        if len(Y) != len(points):
            raise InvalidArgument(f"y has {len(Y)} values, X has {len(points)} rows")
        check_finite_targets(Y)
        if self.field == "tangent" and Y.shape != points.shape:
            raise DimensionMismatch(
                f"y: expected vectors in the coordinates of the points, {points.shape}; got "
                f'{Y.shape}; for numbers on the manifold use field="scalar"'
            )
        self._single = Y.ndim == 1
        return Y[:, None] if self._single else Y
