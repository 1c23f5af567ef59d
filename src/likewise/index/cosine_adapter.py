"""`CosineAdapter`: how probably a row is relevant, by its cosine and by what was asked.

The same cosine means much for one query and little for another. A small network of the query's
vector gives the two or three numbers of a rising curve from cosine to probability, so that one
threshold serves all queries and the order of the rows stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, NotFitted
from likewise.index._adapter_network import FORMS, Network, Pairs, initial, trained
from likewise.index._precision_recall import PrecisionRecall
from likewise.metrics import resolve
from likewise.vectors import Float32Array, as_dense, unit_rows

#: What is tried for ``penalty=None``; an infinite one leaves a curve that no query changes.
PENALTIES = (0.001, 0.003, 0.01, 0.03, np.inf)
FOLDS = 4
#: Queries below which there is nothing to hold out.
FEWEST_QUERIES = 8

FloatArray = npt.NDArray[np.float64]


class CosineAdapter:
    """Calibrated probability of relevance from cosine and query (Rossi and others, CIKM 2024).

    For a query vector q and a cosine s, with a sigmoid σ and ``slope > 0``::

        linear:  p = σ(slope(q) (s - middle(q)))
        power:   p = σ(slope(q) (max(s, 0) ** bend(q) - middle(q))),   bend > 0

    where slope, middle and bend come from a network with one hidden layer of tanh. It is trained
    to the least cross-entropy over pairs by L-BFGS. The penalty on its weights is chosen by the
    cross-entropy of queries held out; where queries say nothing, the choice falls on one curve
    for all of them.

    Args:
        form: ``"linear"`` or ``"power"``.
        hidden: units of the hidden layer.
        penalty: times half the squared weights, added to the mean cross-entropy; None chooses.
        random_state: of the first weights and of the queries held out.

    Attributes:
        threshold: what `keeps` compares with; after `fit` the one of the best F1 on held-out
            queries. It may be set.
        curve: `PrecisionRecall` of every threshold on held-out queries.
        chosen: the penalty used.

    Raises:
        InvalidArgument, InvalidType: an argument out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> queries = rng.normal(size=(40, 4))
        >>> of, cosines = np.repeat(np.arange(40), 10), rng.uniform(0, 1, 400)
        >>> adapter = CosineAdapter().fit(queries, of, cosines, cosines > 0.6)
        >>> probabilities = adapter.probability(queries[:1], [[0.2, 0.9]])
        >>> (probabilities > adapter.threshold).tolist()
        [[False, True]]
    """

    name = "cosine_adapter"

    @suggest_arguments
    def __init__(
        self,
        form: str = "linear",
        *,
        hidden: int = 16,
        penalty: float | None = None,
        random_state: int = 0,
    ) -> None:
        if form not in FORMS:
            raise InvalidArgument(f"form must be one of {', '.join(FORMS)}; got {form!r}")
        self.form = form
        self.hidden = check_count("hidden", hidden)
        if penalty is not None and penalty != np.inf:
            penalty = check_number("penalty", penalty)
            if penalty < 0:
                raise InvalidArgument(f"penalty must be at least 0; got {penalty}")
        self.penalty = penalty
        self.random_state = check_count("random_state", random_state, minimum=0)
        self.chosen: float | None = None
        self.curve: PrecisionRecall | None = None
        self._network: Network | None = None
        self._threshold = 0.5

    @suggest_arguments
    def fit(self, queries: Any, of: Any, cosines: Any, relevant: Any) -> Self:
        """Train on pairs of a query and a row.

        The probabilities are those of pairs drawn like these: take the rows that searches find
        (relevant ones and others), not rows drawn at random.

        Args:
            queries: (m, dim) query vectors of any length.
            of: (pairs,) which query each pair is of.
            cosines: (pairs,) in [-1, 1].
            relevant: (pairs,) booleans, or 0 and 1.

        Raises:
            InvalidArgument, InvalidType, InvalidVector: arrays that do not fit together or hold
                what they must not; fewer than 8 queries with pairs; pairs all of one kind.

        Cost: with 800 queries of 384 numbers and 50 pairs each about 30 seconds on one core;
            21 trainings, or 5 with a penalty given.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> queries, cosines = rng.normal(size=(10, 3)), rng.uniform(0, 1, 50)
            >>> of = np.repeat(np.arange(10), 5)
            >>> CosineAdapter(penalty=1).fit(queries, of, cosines, cosines > 0.5).dim
            3
        """
        from threadpoolctl import threadpool_limits

        vectors = unit_rows(as_dense(queries, metric=resolve("cosine"), what="queries"))
        pairs = _read_pairs(vectors, of, cosines, relevant)
        rng = np.random.default_rng(self.random_state)
        fold = rng.permutation(len(vectors)) % FOLDS
        seed = int(rng.integers(2**31))
        tried = PENALTIES if self.penalty is None else (self.penalty,)
        begin = initial(vectors.shape[1], self.hidden, self.form, pairs, seed)
        with threadpool_limits(limits=1, user_api="blas"):  # more round sums otherwise
            held_out = {penalty: _out_of_fold(begin, pairs, fold, penalty) for penalty in tried}
            self.chosen = min(held_out, key=lambda penalty: _entropy(held_out[penalty], pairs))
            self._network = trained(begin, pairs, self.chosen)
        self.curve = PrecisionRecall.measured(held_out[self.chosen], pairs.relevant)
        self.threshold = self.curve.best_f1()
        return self

    @property
    def threshold(self) -> float:
        """A row is kept whose probability is at least this."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        number = check_number("threshold", value)
        if not 0 <= number <= 1:
            raise InvalidArgument(f"threshold is a probability in [0, 1]; got {number}")
        self._threshold = number

    @property
    def dim(self) -> int:
        """Numbers in a query vector."""
        return self._fitted().dim

    def probability(self, queries: Any, cosines: Any) -> FloatArray:
        """How probably rows with these cosines are relevant.

        Args:
            queries: (m, dim) vectors, or one of them.
            cosines: (m, k), or (k,) of one query.

        Returns:
            Of the shape of ``cosines``, in [0, 1]; rising with the cosine.

        Raises:
            NotFitted, DimensionMismatch, InvalidVector, InvalidArgument: what is wrong is named.

        Cost: two products with the network's weights a query, and a sigmoid a cosine.

        Example:
            >>> adapter = CosineAdapter.global_curve(slope=20, middle=0.5, dim=3)
            >>> adapter.probability([1, 0, 0], [0.4, 0.5, 0.6]).round(2).tolist()
            [0.12, 0.5, 0.88]
        """
        network = self._fitted()
        vectors = as_dense(queries, dim=network.dim, metric=resolve("cosine"), what="queries")
        given = _numbers("cosines", cosines)
        shaped = given[None, :] if given.ndim == 1 and len(vectors) == 1 else given
        if shaped.ndim != 2 or len(shaped) != len(vectors):
            raise DimensionMismatch(
                f"cosines must be a row a query: {len(vectors)} queries came with an array of "
                f"shape {given.shape}"
            )
        _refuse_no_cosine(given)
        of = np.repeat(np.arange(len(vectors)), shaped.shape[1])
        return network.probability(unit_rows(vectors), of, shaped.reshape(-1)).reshape(given.shape)

    def keeps(self, queries: Any, cosines: Any) -> npt.NDArray[np.bool_]:
        """Which rows are probable enough: ``probability(...) >= threshold``; as `probability`.

        Example:
            >>> adapter = CosineAdapter.global_curve(slope=20, middle=0.5, dim=3)
            >>> adapter.keeps([1, 0, 0], [0.4, 0.6]).tolist()
            [False, True]
        """
        kept: npt.NDArray[np.bool_] = self.probability(queries, cosines) >= self.threshold
        return kept

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values that JSON can carry; `from_dict` reads them.

        Raises:
            NotFitted: there is nothing to keep yet.

        Example:
            >>> state = CosineAdapter.global_curve(slope=20.0, middle=0.5, dim=3).to_dict()
            >>> CosineAdapter.from_dict(state).probability([1, 0, 0], [0.5])
            array([0.5])
        """
        network = self._fitted()
        return {
            "kind": self.name,
            "form": self.form,
            "hidden": self.hidden,
            "penalty": _plain(self.penalty),
            "chosen": _plain(self.chosen),
            "random_state": self.random_state,
            "threshold": self.threshold,
            "curve": None if self.curve is None else self.curve.to_dict(),
            "network": network.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Back from `to_dict`.

        Raises:
            InvalidArgument: not such a state.

        Example:
            >>> state = CosineAdapter.global_curve(slope=20, middle=0.5, dim=3).to_dict()
            >>> CosineAdapter.from_dict(state)
            CosineAdapter('linear', dim=3, threshold=0.500)
        """
        if not isinstance(state, Mapping) or state.get("kind") != cls.name:
            raise InvalidArgument("from_dict() takes what CosineAdapter.to_dict() gave")
        adapter = cls(
            state["form"],
            hidden=state["hidden"],
            penalty=_unplain(state["penalty"]),
            random_state=state["random_state"],
        )
        adapter.chosen = _unplain(state["chosen"])
        adapter._network = Network.from_dict(state["network"])
        adapter.threshold = state["threshold"]
        if state["curve"] is not None:
            adapter.curve = PrecisionRecall.from_dict(state["curve"])
        return adapter

    @classmethod
    def global_curve(cls, *, slope: float, middle: float, dim: int) -> Self:
        """One curve for every query, known beforehand: ``σ(slope (s - middle))``.

        Raises:
            InvalidArgument, InvalidType: a slope that does not rise, or no numbers.

        Example:
            >>> CosineAdapter.global_curve(slope=20, middle=0.5, dim=3).keeps([1, 0, 0], [0.4, 0.6])
            array([False,  True])
        """
        rise, centre = check_number("slope", slope), check_number("middle", middle)
        if rise <= 0:
            raise InvalidArgument(f"slope must be above 0, or near rows would lose; got {slope}")
        adapter = cls(penalty=np.inf, hidden=1)
        adapter._network = Network.constant(check_count("dim", dim), rise, centre)
        adapter.chosen = np.inf
        return adapter

    def _fitted(self) -> Network:
        if self._network is None:
            raise NotFitted("CosineAdapter knows nothing yet; call fit(...) first")
        return self._network

    def __repr__(self) -> str:
        if self._network is None:
            return f"CosineAdapter({self.form!r}, not fitted)"
        return f"CosineAdapter({self.form!r}, dim={self.dim}, threshold={self.threshold:.3f})"


def _out_of_fold(
    begin: Network, pairs: Pairs, fold: npt.NDArray[np.int64], penalty: float
) -> FloatArray:
    """The probability of each pair by a network that was trained without its query."""
    found = np.empty(len(pairs))
    for held in range(FOLDS):
        inside = fold[pairs.of] == held
        others = pairs.chosen(~inside)
        network = trained(begin, others, penalty)
        found[inside] = network.probability(pairs.queries, pairs.of[inside], pairs.cosines[inside])
    return found


def _entropy(probability: FloatArray, pairs: Pairs) -> float:
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-np.log(np.where(pairs.relevant, clipped, 1 - clipped)).mean())


def _read_pairs(vectors: Float32Array, of: Any, cosines: Any, relevant: Any) -> Pairs:
    query = np.asarray(of)
    if query.ndim != 1 or query.dtype.kind not in "iu":
        raise InvalidType(f"of must be (pairs,) integers; got {query.dtype}, shape {query.shape}")
    values, kinds = _numbers("cosines", cosines), np.asarray(relevant)
    if values.shape != query.shape or kinds.shape != query.shape:
        raise DimensionMismatch(
            f"of, cosines and relevant must be of one length; got {query.shape}, "
            f"{values.shape} and {kinds.shape}"
        )
    if not np.isin(kinds, (0, 1)).all():
        raise InvalidArgument("relevant must be True or False (or 1 and 0) for every pair")
    if len(query) and not (query.min() >= 0 and query.max() < len(vectors)):
        raise InvalidArgument(
            f"of names query {int(query.max() if query.min() >= 0 else query.min())}; there are "
            f"{len(vectors)}, counted from 0"
        )
    _refuse_no_cosine(values)
    kinds = kinds.astype(np.bool_)
    if len(np.unique(query)) < FEWEST_QUERIES:
        raise InvalidArgument(
            f"fit() needs pairs of at least {FEWEST_QUERIES} queries, to hold some out; "
            f"got {len(np.unique(query))}"
        )
    if kinds.all() or not kinds.any():
        raise InvalidArgument(
            f"all {len(kinds)} pairs are {'' if kinds.all() else 'not '}relevant; give both kinds, "
            "as searches find them"
        )
    return Pairs(vectors, query.astype(np.int64), values, kinds)


def _numbers(what: str, values: Any) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"{what} must be numbers; got {values!r:.60}") from None


def _refuse_no_cosine(values: FloatArray) -> None:
    wrong = ~(np.abs(values) <= 1 + 1e-6)
    if wrong.any():
        raise InvalidArgument(
            f"a cosine is in [-1, 1]; got {float(values[wrong].flat[0])} at position "
            f"{int(np.flatnonzero(wrong)[0])}"
        )


def _plain(penalty: float | None) -> float | str | None:
    return "infinite" if penalty == np.inf else penalty  # JSON has no infinity


def _unplain(penalty: Any) -> float | None:
    return np.inf if penalty == "infinite" else penalty
