"""`LabelCodeNeighbors`: many labels a row, by the mean of neighbours' label codes."""

from __future__ import annotations

import copy
from typing import Any, Literal, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags

from likewise._arguments import check_k, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Sparse
from likewise.learn._checks import (
    Float64Array,
    check_labels,
    check_learnt,
    check_rows,
)
from likewise.learn._searching import fitted_index, leave_one_out, nearest
from likewise.learn.deep_label_codes import DeepCodes
from likewise.learn.label_codes import LabelCodes, LinearCodes, decoded_votes
from likewise.learn.label_votes import (
    as_indicator,
    best_threshold,
    label_votes,
    most_likely,
    vote_weights,
)

#: Rows that are left out to choose the threshold, at most; and with very many labels.
JUDGED, FEWEST = 4_096, 256
#: Scores in memory at a time.
AT_ONCE = 1 << 22


class LabelCodeNeighbors(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Labels decoded from the weighted mean of the neighbours' label codes, mixed with their votes.

    ``(1 - mix) decode(sum_j w_j code_j) + mix sum_j w_j y_j`` over the k nearest rows, with the
    weights of `vote_weights`. Codes know which labels go together; votes know rare ones. One
    neighbour more has the frequencies of the labels: ``score = (k (...) + frequency) / (k + 1)``.

    Args:
        index: an index of `likewise.index`, which is copied and filled: one of vectors (None is
            `Exact` by euclidean distance), or `Sparse`, for which X is a sparse matrix of terms.
        k: how many neighbours, cut to the rows there are.
        codes: "linear" (`LinearCodes`), "deep" (`DeepCodes`, with torch), either with arguments
            of its own, or None: votes alone.
        mix: the share of the votes, in [0, 1]. None is 0.5.
        threshold: which labels are answered: "loo", those with a score of at least the threshold
            that has the best micro F1 when each row is left out of its own neighbours (of 4,096
            rows at most, fewer with very many labels); "count", as many as the neighbours have,
            on average, rounded; or a number in (0, 1].
        recall: of an index of vectors. random_state: the seed of codes and of the rows left out.

    Attributes:
        classes_: (L,) the columns of y; or its classes where y is one label a row. codes_: as
        fitted, or None. held_: (n, size) the codes of the rows. threshold_: a number, or None.
        frequencies_: (L,) the share of rows with each label.

    ``y`` is (n, L) of 0 and 1, dense or sparse, or (n,) one label a row; `predict` answers in
    kind. Rows may lack labels: they vote for none. A label that no row has is never answered. A
    query that finds no row (in a `Sparse` index) has the frequencies for scores.

    Raises:
        InvalidArgument: labels that are no 0 and 1, or none at all; arguments out of their range.
        InvalidType: no such index or codes. MissingExtra: deep codes without torch.

    Cost: a search of all rows to fit; k (size + L) + size L a query.

    Source: F. J. Ribadas-Pena, S. Cao and V. M. Darriba Bilbao, "Improving large-scale k-nearest
    neighbor text categorization with label autoencoders", Mathematics 2022.

    Example:
        >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
        >>> Y = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 1, 1]])
        >>> LabelCodeNeighbors(k=3).fit(X, Y).predict([[0.05], [5.05]]).tolist()
        [[1, 1, 0], [0, 0, 1]]
    """

    @suggest_arguments
    def __init__(
        self,
        index: Any = None,
        k: int = 10,
        *,
        codes: Literal["linear", "deep"] | LabelCodes | None = "linear",
        mix: float | None = None,
        threshold: float | Literal["loo", "count"] = "loo",
        recall: float | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.index = index
        self.k = k
        self.codes = codes
        self.mix = mix
        self.threshold = threshold
        self.recall = recall
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Keep the rows X (n, d) and learn codes of their labels y: (n, L) or (n,)."""
        k, fresh, mix, threshold = check_k(self.k), self._fresh(), self._mix(), self._threshold()
        rows = check_rows(self, X, reset=True, sparse=self._by_terms())
        labels = self._labels(y, rows.shape[0])
        self.frequencies_ = np.asarray(labels.mean(axis=0), dtype=np.float64).ravel()
        if self._by_terms():
            self.index_ = copy.deepcopy(self.index).fit(rows)
        else:
            self.index_ = fitted_index(self.index, rows)
        self.labels_, self.mix_ = labels, mix
        chosen = threshold is None and self.threshold == "loo" and self._kind != "one"
        alone = labels.shape[0] < 2
        weights = sparse.csr_array((1, 1)) if alone else self._left_out(rows, k)
        self.codes_ = None if fresh is None else fresh.fit(labels, weights, self.random_state)
        self.held_: Any = None if self.codes_ is None else self.codes_.encode(labels)
        self.threshold_ = threshold
        if chosen:
            self.threshold_ = self._best(weights)
        return self

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, L) the scores, in [0, 1]; where y is one label a row, they sum to 1."""
        check_learnt(self)
        weights = self._weights(check_rows(self, X, reset=False, sparse=self._by_terms()))
        scores = self._scores(weights)
        if self._kind == "one":
            sums = scores.sum(axis=1, keepdims=True)
            scores = np.where(sums > 0, scores, self.frequencies_)
            scores = scores / scores.sum(axis=1, keepdims=True)
        return scores

    def predict(self, X: Any) -> Any:
        """(m, L) of 0 and 1, sparse where y was; or (m,) the labels of the highest score."""
        if self._one_label():
            # Probabilities that differ by rounding alone are equal: the smaller label.
            return self.classes_[self.predict_proba(X).round(12).argmax(axis=1)]
        rows = check_rows(self, X, reset=False, sparse=self._by_terms())
        weights = self._weights(rows)
        step = max(1, AT_ONCE // self.labels_.shape[1])
        blocks = [
            sparse.csr_array(self._cut(weights[i : i + step]).astype(np.int64))
            for i in range(0, weights.shape[0], step)
        ]
        found = sparse.csr_array(sparse.vstack(blocks))
        return found if self._kind == "sparse" else found.toarray()

    # -- pieces ------------------------------------------------------------------------

    def _one_label(self) -> bool:
        check_learnt(self)
        return self._kind == "one"

    def _scores(self, weights: sparse.csr_array) -> Float64Array:
        nothing = np.zeros(self.labels_.shape[1])
        scores = nothing
        if self.mix_:
            scores = self.mix_ * label_votes(weights, self.labels_, nothing)
        if self.codes_ is not None:
            decoded = decoded_votes(self.codes_, weights, self.held_, nothing)
            scores = scores + (1.0 - self.mix_) * decoded
        if self._kind != "one":
            counts = np.diff(weights.indptr)[:, None]
            scores = (counts * scores + self.frequencies_) / (counts + 1.0)
            scores[:, self.frequencies_ == 0] = 0.0
        return scores

    def _cut(self, weights: sparse.csr_array) -> Any:
        scores = self._scores(weights)
        if self.threshold_ is not None:
            return (scores >= self.threshold_) & (scores > 0)
        lengths = np.asarray(self.labels_.sum(axis=1), dtype=np.float64).reshape(-1, 1)
        wanted = label_votes(weights, lengths, lengths.mean(axis=0))[:, 0]
        return most_likely(scores, np.floor(wanted + 0.5)) & (scores > 0)

    def _best(self, weights: sparse.csr_array) -> float:
        """The threshold by rows left out, of their own neighbours if not of the codes."""
        if weights.shape[0] != self.labels_.shape[0]:
            return 0.5  # one row, which has no neighbours
        rows = np.arange(weights.shape[0])
        # Scores of all labels are sorted at once: of very many labels, fewer rows.
        limit = min(JUDGED, max(FEWEST, 4 * AT_ONCE // self.labels_.shape[1]))
        if len(rows) > limit:
            rng = np.random.default_rng(self.random_state)
            rows = np.sort(rng.choice(rows, limit, replace=False))
        judged, scores = self.labels_[rows].toarray(), self._scores(weights[rows])
        return best_threshold(scores, judged) if judged.any() else 0.5

    def _weights(self, rows: Any) -> sparse.csr_array:
        """Of the neighbours of queries."""
        k, count = check_k(self.k), self.labels_.shape[0]
        if self._by_terms():
            found = self.index_.search(rows, k=k)
            return vote_weights(found.flat_ids, found.flat_distances, found.offsets, count)
        return _from_lists(nearest(self.index_, rows, k, recall=self.recall), count)

    def _left_out(self, rows: Any, k: int) -> sparse.csr_array:
        """Of the neighbours of the rows themselves."""
        count = rows.shape[0]
        if not self._by_terms():
            return _from_lists(leave_one_out(self.index_, k, recall=self.recall), count)
        found = self.index_.search(rows, k=k + 1)
        owner = np.repeat(np.arange(count), found.counts)
        keep = found.flat_ids != owner
        # A row that many copies keep out of its own list lacks nothing: the last one goes.
        place = np.arange(len(owner)) - found.offsets[owner]
        own = np.bincount(owner[~keep], minlength=count)
        keep &= place < k + own[owner]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner[keep], minlength=count))])
        return vote_weights(found.flat_ids[keep], found.flat_distances[keep], offsets, count)

    # -- checks ------------------------------------------------------------------------

    def _by_terms(self) -> bool:
        return isinstance(self.index, Sparse)

    def _labels(self, y: Any, count: int) -> sparse.csr_array:
        try:
            given: Any = y if sparse.issparse(y) or y is None else np.asarray(y)
        except ValueError:
            raise InvalidType(
                "y must be a matrix of 0 and 1, a column a label; lists of labels become one by "
                "scikit-learn's MultiLabelBinarizer"
            ) from None
        if sparse.issparse(y) or (y is not None and given.ndim == 2 and given.shape[1] != 1):
            table = as_indicator(given, count)
            self._kind = "sparse" if sparse.issparse(y) else "dense"
            self.classes_ = np.arange(table.shape[1])
            return table
        self.classes_, places = check_labels(y, count)
        self._kind = "one"
        ones = (np.ones(count), places, np.arange(count + 1))
        return sparse.csr_array(ones, shape=(count, len(self.classes_)))

    def _fresh(self) -> Any:
        if self.codes is None:
            return None
        if isinstance(self.codes, str):
            kinds = {"linear": LinearCodes, "deep": DeepCodes}
            if self.codes not in kinds:
                raise InvalidArgument(
                    f'codes must be "linear", "deep", codes or None; got {self.codes!r:.60}'
                )
            return kinds[self.codes]()
        if not all(hasattr(self.codes, name) for name in ("fit", "encode", "decode")):
            raise InvalidType(
                f"codes must have fit, encode and decode, such as LinearCodes(size=32); got "
                f"{self.codes!r:.60}"
            )
        return copy.deepcopy(self.codes)

    def _mix(self) -> float:
        if self.mix is None:
            return 1.0 if self.codes is None else 0.5
        mix = check_number("mix", self.mix)
        if not 0 <= mix <= 1:
            raise InvalidArgument(f"mix must be in [0, 1]; got {self.mix!r}")
        if self.codes is None:
            raise InvalidArgument("mix is of codes and votes; with codes=None leave it out")
        return mix

    def _threshold(self) -> float | None:
        if isinstance(self.threshold, str):
            if self.threshold not in ("loo", "count"):
                raise InvalidArgument(
                    f'threshold must be "loo", "count" or a number; got {self.threshold!r:.60}'
                )
            return None
        threshold = check_number("threshold", self.threshold)
        if not 0 < threshold <= 1:
            raise InvalidArgument(f"threshold must be in (0, 1]; got {self.threshold!r}")
        return threshold

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = self._by_terms()
        return tags


def _from_lists(found: Any, rows: int) -> sparse.csr_array:
    """`vote_weights` of lists of one length."""
    n, k = found.ids.shape
    offsets = np.arange(n + 1, dtype=np.int64) * k
    return vote_weights(found.ids.ravel(), found.distances.ravel(), offsets, rows)
