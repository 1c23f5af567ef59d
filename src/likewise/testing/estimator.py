"""`EstimatorConformance`: what every learner must do as a scikit-learn estimator.

A new learner's test inherits the class and supplies itself (pytest collects the rest)::

    class TestMine(EstimatorConformance):
        def make(self, **options): return Mine(**options)
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import InvalidArgument, InvalidType, LikewiseError, UnknownArgument
from likewise.testing._comparing import check


class EstimatorConformance(ABC):
    """Inherit it, supply `make`, and where they differ the other attributes.

    Attributes:
        answers: the methods whose answers are compared, those of them that there are.
        takes_jobs: whether it has ``n_jobs``.
    """

    answers: tuple[str, ...] = (
        "predict",
        "predict_proba",
        "decision_function",
        "score_samples",
        "transform",
    )
    takes_jobs = False

    @abstractmethod
    def make(self, **options: Any) -> Any:
        """The learner with these arguments, each time a new one that is the same."""

    def data(self) -> tuple[Any, Any]:
        """(60, 4) rows and (60,) targets: two clouds and their labels."""
        rng = np.random.default_rng(0)
        y = np.arange(60) % 2
        return rng.normal(size=(60, 4)) + 2.0 * y[:, None], y

    def _answers(self, learner: Any, X: Any) -> dict[str, Any]:
        given = {name: getattr(learner, name)(X) for name in self.answers if hasattr(learner, name)}
        check(bool(given), f"{type(learner).__name__} answers none of {', '.join(self.answers)}")
        return given

    def _same(self, one: Any, two: Any, X: Any) -> None:
        answers = self._answers(two, X)
        for name, value in self._answers(one, X).items():
            np.testing.assert_array_equal(value, answers[name], err_msg=name)

    def test_check_estimator(self) -> None:
        check_estimator(self.make(), on_skip=None)

    def test_same_bytes_again_copied_and_pickled(self) -> None:
        X, y = self.data()
        learner = self.make().fit(X, y)
        self._same(learner, clone(learner).fit(X, y), X)
        self._same(learner, pickle.loads(pickle.dumps(learner)), X)
        if self.takes_jobs:
            self._same(learner, self.make(n_jobs=2).fit(X, y), X)

    def test_a_wrong_argument_is_named(self) -> None:
        with pytest.raises(UnknownArgument, match="has no argument 'neighbourz'"):
            self.make(neighbourz=3)

    def test_bad_rows_are_refused(self) -> None:
        X, y = self.data()
        for bad in (np.nan, np.inf):
            spoilt = X.copy()
            spoilt[7, 1] = bad
            with pytest.raises(InvalidArgument):
                self.make().fit(spoilt, y)
            learner = self.make().fit(X, y)
            for name in self.answers:
                if hasattr(learner, name):
                    with pytest.raises(InvalidArgument):
                        getattr(learner, name)(spoilt)

    def test_errors_are_ours(self) -> None:
        X, y = self.data()
        with pytest.raises((InvalidArgument, InvalidType)):
            self.make().fit(X[:, 0], y)
        learner = self.make()
        for name in self.answers:
            if hasattr(learner, name):
                with pytest.raises(LikewiseError):
                    getattr(learner, name)(X)
