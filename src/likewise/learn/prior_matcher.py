"""`PriorMatcher`: weights of classes learnt from unlabelled rows, kept for rows that come later."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._checks import Float64Array, check_learnt, check_rows
from likewise.learn._probabilities import check_probabilities
from likewise.learn.prior_matching import (
    check_prior,
    estimate_prior,
    log_weights,
    logarithms,
    reweighted,
)


class PriorMatcher(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Weights of the classes learnt from unlabelled rows, and kept for rows that come later.

    Args:
        prior: (classes,) the shares the classes should have; "uniform"; or "estimate": by
            `estimate_prior`, the shares that make the rows most likely.
        train_prior: of "estimate": the shares where the classifier was trained; None is the same
            for all.
        input: "probabilities", or "scores": any numbers, such as cosines of a text and the names
            of the classes, of which ``softmax(score / temperature)`` is taken first.
        temperature: of "scores".
        classes: (classes,) labels in the order of the columns, for `predict`; None is 0, 1, ...

    Attributes:
        log_weights_: (classes,) the logarithms of the weights. prior_: (classes,) the shares that
        were aimed at. classes_: the labels.

    Raises:
        InvalidArgument, NotConverged: see `match_prior` and `estimate_prior`.

    Cost: that of `match_prior` to fit, one product to transform.

    Source: see `match_prior`.

    Example:
        >>> cosines = np.array([[0.5, 0.2], [0.4, 0.3], [0.5, 0.1], [0.4, 0.2]])
        >>> matcher = PriorMatcher(input="scores", temperature=0.1, classes=["a", "b"])
        >>> matcher.fit(cosines).predict([[0.45, 0.3], [0.6, 0.1]]).tolist()
        ['b', 'a']
    """

    @suggest_arguments
    def __init__(
        self,
        prior: Any = "uniform",
        *,
        train_prior: Any = None,
        input: Literal["probabilities", "scores"] = "probabilities",
        temperature: float = 1.0,
        classes: Any = None,
    ) -> None:
        self.prior = prior
        self.train_prior = train_prior
        self.input = input
        self.temperature = temperature
        self.classes = classes

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the weights from (n, classes) probabilities or scores; ``y`` is not looked at."""
        logs = self._logs(X, reset=True)
        estimated = isinstance(self.prior, str) and self.prior == "estimate"
        if isinstance(self.prior, str) and self.prior not in ("uniform", "estimate"):
            raise InvalidArgument(
                f'prior must be "uniform", "estimate" or shares; got {self.prior!r:.60}'
            )
        if self.train_prior is not None and not estimated:
            raise InvalidArgument('train_prior is of prior="estimate"; leave it out')
        self.classes_ = self._labels(logs.shape[1])
        if estimated:
            self.prior_ = estimate_prior(np.exp(logs), self.train_prior)
            before = check_prior(self.train_prior, logs.shape[1], "train_prior")
            self.log_weights_ = logarithms(self.prior_ / before)
        else:
            wanted = None if isinstance(self.prior, str) else self.prior
            self.prior_ = check_prior(wanted, logs.shape[1])
            self.log_weights_ = log_weights(logs, self.prior_)
        return self

    def transform(self, X: Any) -> Float64Array:
        """(n, classes) the probabilities with the weights that were learnt."""
        check_learnt(self)
        return reweighted(self._logs(X, reset=False), self.log_weights_)

    def predict(self, X: Any) -> Any:
        """(n,) the most probable labels; equal ones go to the smaller label."""
        matched = self.transform(X)
        order = np.argsort(self.classes_, kind="stable")
        return self.classes_[order[np.argmax(matched[:, order], axis=1)]]

    def _labels(self, count: int) -> Any:
        if self.classes is None:
            return np.arange(count)
        labels = np.asarray(self.classes)
        if labels.shape != (count,) or len(np.unique(labels)) != count:
            raise InvalidArgument(
                f"classes must be {count} different labels, one a column; got {self.classes!r:.80}"
            )
        return labels

    def _logs(self, X: Any, *, reset: bool) -> Float64Array:
        if self.input not in ("probabilities", "scores"):
            raise InvalidArgument(
                f'input must be "probabilities" or "scores"; got {self.input!r:.60}'
            )
        temperature = check_number("temperature", self.temperature)
        if temperature <= 0:
            raise InvalidArgument(f"temperature must be positive; got {self.temperature!r}")
        rows = check_rows(self, X, reset=reset)
        if self.input == "scores":
            raised = rows / temperature
            return np.asarray(raised - logsumexp(raised, axis=1, keepdims=True))
        if temperature != 1.0:
            raise InvalidArgument('temperature is of input="scores"; leave it out')
        return logarithms(check_probabilities(rows, "X"))

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = self.input == "probabilities"
        return tags
