"""`MultiLayerFeatures`: the hidden layers of a random network, frozen, as features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidType
from likewise.kernels._rows import FloatArray
from likewise.kernels.wide._widths import check_network
from likewise.kernels.wide.activations import Activation, resolve_activation


class MultiLayerFeatures(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Frozen random layers, whose inner products tend to `NNGP` of the same depth.

    ``h_0 = x``, ``h_l = f(sqrt(w / width_{l-1}) W_l h_{l-1} + sqrt(b) v_l)`` with standard normal
    W and v, and ``phi(x) = (sqrt(w / width_L) h_L, sqrt(b))``, so that phi(x).phi(y) tends to the
    kernel, as the root of the narrowest width. What is fitted on phi is the last layer alone: any
    linear machine. A target of norm R in the kernel's space is within R / sqrt(width) of one.

    A transformer of scikit-learn: ``make_pipeline(MultiLayerFeatures((512, 512)), Ridge(1e-3))``.

    Args:
        widths: units of each hidden layer.
        activation: a name or an `Activation`.
        orthogonal: rows of a W at right angles, in blocks of as many as there are inputs. Each is
            normal as before, and they cover directions more evenly.
        weight_variance: w; None keeps variances of 1: ``1 / E[f(z)^2]``, which is 2 for ReLU.
        bias_variance: b, which adds the constant feature where it is not 0.
        random_state: an int makes the same layers.

    Attributes:
        weights_: of each layer (width below, width). biases_: (width,) each.

    Raises:
        InvalidArgument, InvalidType: by `fit`, of impossible arguments.

    Cost: n sum_l width_{l-1} width_l multiplications; ``orthogonal`` draws cost a QR a block.

    Source: R. Takhanov, "Multi-layer random features and the approximation power of neural
    networks", UAI 2024; orthogonal rows: F. Yu and others, "Orthogonal random features",
    NIPS 2016.

    Example:
        >>> X = np.random.default_rng(0).standard_normal((5, 3))
        >>> phi = MultiLayerFeatures((256, 256), random_state=0).fit_transform(X)
        >>> phi.shape
        (5, 256)
    """

    @suggest_arguments
    def __init__(
        self,
        widths: Sequence[int] = (512,),
        activation: str | Activation | Callable[..., Any] = "relu",
        *,
        orthogonal: bool = False,
        weight_variance: float | None = None,
        bias_variance: float = 0.0,
        random_state: int | None = None,
    ) -> None:
        self.widths = widths
        self.activation = activation
        self.orthogonal = orthogonal
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the layers for as many inputs as X has columns; y is not looked at."""
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        widths = check_network(self.widths, self.weight_variance, self.bias_variance)
        if not isinstance(self.orthogonal, (bool, np.bool_)):
            raise InvalidType(f"orthogonal must be True or False; got {self.orthogonal!r}")
        usual = resolve_activation(self.activation).weight_variance
        if self.random_state is not None:
            check_count("random_state", self.random_state, minimum=0)
        rng = np.random.default_rng(self.random_state)
        draw = orthogonal_normal if self.orthogonal else _normal
        below = [X.shape[1], *widths[:-1]]
        self.weights_ = [draw(rng, *shape) for shape in zip(below, widths, strict=True)]
        self.biases_ = [rng.standard_normal(width) for width in widths]
        self._variance = float(usual if self.weight_variance is None else self.weight_variance)
        self._n_features_out = widths[-1] + bool(self.bias_variance)
        return self

    def transform(self, X: Any) -> FloatArray:
        """phi of n rows, (n, widths[-1]), one more with a bias; float32 for float32 rows."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        activation, h = resolve_activation(self.activation), X
        for weights, biases in zip(self.weights_, self.biases_, strict=True):
            z = h @ (weights * (self._variance / len(weights)) ** 0.5).astype(X.dtype)
            z += (biases * self.bias_variance**0.5).astype(X.dtype)
            h = np.asarray(activation.function(z), dtype=X.dtype)
        out = h * X.dtype.type((self._variance / h.shape[1]) ** 0.5)
        if self.bias_variance:
            constant = np.full((len(out), 1), self.bias_variance**0.5, dtype=X.dtype)
            out = np.concatenate([out, constant], axis=1)
        return np.asarray(out)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _normal(rng: np.random.Generator, below: int, width: int) -> FloatArray:
    return rng.standard_normal((below, width))


def orthogonal_normal(rng: np.random.Generator, below: int, width: int) -> FloatArray:
    """(below, width) whose columns are each standard normal, and orthogonal in blocks."""
    blocks = []
    for start in range(0, width, below):
        count = min(below, width - start)
        Q, R = np.linalg.qr(rng.standard_normal((below, count)))
        Q *= np.sign(np.diag(R))  # without it QR favours some directions
        blocks.append(Q * np.sqrt(rng.chisquare(below, count)))
    return np.concatenate(blocks, axis=1)
