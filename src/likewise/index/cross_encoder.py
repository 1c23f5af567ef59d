"""`CrossEncoder`: the nearest items by a costly black-box score, from few of its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Self

import numpy as np

from likewise._arguments import check_count, check_k, check_number, suggest_arguments
from likewise._arrays import open_arrays, save_arrays
from likewise.errors import InvalidArgument, InvalidFile, InvalidType, NotFitted
from likewise.index._cur import Choosing, IdArray
from likewise.index._protocol import Progress
from likewise.index._scorer import FloatArray, ScoreFunction, Scorer, check_score_fn
from likewise.index._selection import select
from likewise.index._slots import Slots
from likewise.results import Neighbours, Row, SearchInfo
from likewise.vectors import Float32Array

#: Anchor queries that are asked again, each without its own row, to measure recall.
MEASURED = 16
FILE_FORMAT = 1


class CallPlan(NamedTuple):
    """What `CrossEncoder.fit` will take: calls of the scorer, counted in pairs, and bytes.

    Example:
        >>> CrossEncoder.plan(items=10_000, anchor_queries=500)
        CallPlan(calls=5000000, bytes=20000000)
    """

    calls: int
    bytes: int


class CrossEncoder:
    """The k items of highest score, by ANNCUR and its adaptive rounds (Yadav and others).

    `fit` scores every item for some anchor queries. A search scores a few anchor items for its
    query, tells all other scores from these by CUR (see `likewise.index._cur`), scores the most
    promising with what is left of the budget, and answers by true scores alone. With ``rounds=1``
    the anchors are drawn by chance (ANNCUR, EMNLP 2022); with more, each round takes the most
    promising items as anchors of the next (ADACUR, 2023).

    Args:
        score_fn: ``score_fn(query, items)`` gives a number for each of the list ``items``; higher
            is nearer. Queries and items may be anything. Raw logits do better than what a sigmoid
            has flattened.
        budget: items scored a query, anchors and all.
        anchors: of these, how many the others are told from; None is half.
        rounds: in which the anchors are chosen.
        shrinkage: keeps the least squares stable, see `likewise.index._cur.approximate`; 0 is the
            plain pseudo-inverse of the paper.
        random_state: of the anchors drawn by chance.

    Raises:
        InvalidArgument, InvalidType: an argument out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> items, asked = rng.normal(size=(500, 8)), rng.normal(size=(40, 8))
        >>> def score(query, some):  # stands for a model that takes a second a pair
        ...     return np.tanh(np.array(some) @ query)
        >>> index = CrossEncoder(score, budget=60).fit(items, asked)
        >>> found = index.search(rng.normal(size=(1, 8)), k=5)
        >>> found.info.scanned, found.ids.shape
        (60, (1, 5))
    """

    name = "cross_encoder"

    @suggest_arguments
    def __init__(
        self,
        score_fn: ScoreFunction,
        *,
        budget: int = 100,
        anchors: int | None = None,
        rounds: int = 5,
        shrinkage: float = 1e-5,
        random_state: int = 0,
    ) -> None:
        self._score_fn = check_score_fn(score_fn)
        self.budget = check_count("budget", budget, minimum=2)
        self.anchors = max(1, budget // 2) if anchors is None else check_count("anchors", anchors)
        if self.anchors > self.budget:
            raise InvalidArgument(
                f"anchors={anchors} are scored out of the budget of {self.budget}; give fewer"
            )
        self.rounds = check_count("rounds", rounds)
        if self.rounds > self.anchors:
            raise InvalidArgument(
                f"rounds={rounds} need an anchor each; there are {self.anchors} anchors"
            )
        self.shrinkage = check_number("shrinkage", shrinkage)
        if self.shrinkage < 0:
            raise InvalidArgument(f"shrinkage must be at least 0; got {shrinkage}")
        self.random_state = check_count("random_state", random_state, minimum=0)
        self._items: Sequence[Any] = ()
        self._known: Float32Array | None = None
        self._order: IdArray = np.empty(0, dtype=np.int64)
        self._recalls: dict[int, float] = {}

    @staticmethod
    def plan(items: int, anchor_queries: int) -> CallPlan:
        """What `fit` takes for so many items and anchor queries; nothing is computed."""
        pairs = check_count("items", items, minimum=0) * check_count(
            "anchor_queries", anchor_queries, minimum=0
        )
        return CallPlan(pairs, 4 * pairs)

    @suggest_arguments
    def fit(
        self,
        items: Iterable[Any],
        anchor_queries: Iterable[Any] | None = None,
        *,
        scores: Any = None,
        progress: Progress | None = None,
    ) -> Self:
        """Score every item for every anchor query, or take these ``scores`` where they are known.

        Args:
            items: anything that ``score_fn`` takes; they are kept, and known by position.
            anchor_queries: like those that will be asked; a few hundred.
            scores: (anchor queries, items) of them, instead of ``anchor_queries``.
            progress: called with (anchor queries done, in all).

        Raises:
            ScoringFailed: see `search`. The index is as it was.
            InvalidArgument, InvalidType: both or neither given, fewer than 2 anchor queries, or
                scores of another shape, or not finite.

        Cost: `plan`: items times anchor queries, each scored once.

        Example:
            >>> def score(query, items):
            ...     return [-abs(query - item) for item in items]
            >>> CrossEncoder(score, budget=4, rounds=2).fit(range(100), [10, 50, 90])
            CrossEncoder(budget=4, anchors=2, rounds=2, 100 items, 3 anchor queries)
        """
        held = list(_sequence("items", items))
        if (anchor_queries is None) == (scores is None):
            raise InvalidArgument("fit() needs anchor_queries= or scores=, and not both")
        if scores is None:
            asked = list(_sequence("anchor_queries", anchor_queries))
            known = np.empty((len(asked), len(held)), dtype=np.float32)
            scorer, everything = Scorer(self._score_fn, held), np.arange(len(held))
            for number, query in enumerate(asked):
                if held:
                    known[number] = scorer(query, everything, f"anchor query {number}")
                if progress is not None:
                    progress(number + 1, len(asked))
        else:
            known = _read_scores(scores, len(held))
        if len(known) < 2:
            raise InvalidArgument(
                f"fit() needs 2 anchor queries at least, and does well with hundreds; "
                f"got {len(known)}"
            )
        if not np.isfinite(known).all():
            raise InvalidArgument("scores must be finite 32-bit numbers; some are not")
        self._take(held, known)
        return self

    def _take(self, items: Sequence[Any], known: Float32Array) -> None:
        self._items, self._known, self._recalls = items, known, {}
        self._order = np.random.default_rng(self.random_state).permutation(len(items))

    @suggest_arguments
    def search(
        self, queries: Iterable[Any], k: int = 10, *, where: Any = None, candidates: Any = None
    ) -> Neighbours:
        """The items of highest score, as far as the budget finds them.

        Args:
            queries: a list (or array) of queries, each as ``score_fn`` takes it.
            k: how many; at most the budget.
            where: items to consider: a mask (items,), positions, or a range of them.
            candidates: the items to begin with, instead of some by chance: the positions that
                another index found, best first: a list a query, or its `Neighbours`.

        Returns:
            `Neighbours`: ids are positions, distance is minus the score; equal ones by position.
            ``info.scanned`` counts the scores spent. ``info.recall`` is what the same budget
            finds for anchor queries left out of the known scores, or 1.0 where all items that
            match were scored; it costs no calls. It is measured without ``candidates``.

        Raises:
            ScoringFailed: ``score_fn`` raised, gave another number of scores, or one that is not
                finite. The message names query and item; ``error.spent`` is how many scores were
                spent, and ``error.item`` the item, if it is known: where many items were
                scored together, they are tried one by one, beyond the budget, until one fails.
            InvalidArgument: a ``k`` beyond the budget, candidates that do not fit.
            NotFitted, InvalidFilter, InvalidType: as for every index.

        Cost: ``budget`` scores a query; besides, a product of (1, anchor queries) with (anchor
            queries, items) and a least-squares solution of the anchors a round.

        Source: N. Yadav, N. Monath, R. Angell, M. Zaheer, A. McCallum, "Efficient nearest neighbor
        search for cross-encoder models using matrix factorization", EMNLP 2022; N. Yadav,
        N. Monath, M. Zaheer, A. McCallum, "Adaptive retrieval and scalable indexing for k-NN
        search with cross-encoders", 2023 and 2024.

        Example:
            >>> def score(query, items):
            ...     return [-abs(query - item) for item in items]
            >>> index = CrossEncoder(score, budget=20).fit(range(100), range(5, 100, 10))
            >>> found = index.search([32, 71], k=1)
            >>> found.ids.tolist(), found.distances.tolist(), found.info.scanned
            ([[32], [71]], [[0.0], [0.0]], 40)
        """
        started = perf_counter()
        known = self._fitted()
        depth = check_k(k)
        asked = list(_sequence("queries", queries))
        selection = select(where, Slots(len(self._items)))
        matching = selection.slots().astype(np.int64)
        if depth > self.budget and len(matching) > self.budget:
            raise InvalidArgument(
                f"k={depth} asks for more than the budget of {self.budget} scores a query; "
                "raise the budget"
            )
        begin = _read_candidates(candidates, len(asked), len(self._items))
        scorer = Scorer(self._score_fn, self._items)
        choosing = Choosing(self.budget, self.anchors, self.rounds, self.shrinkage)
        rows = []
        for number, query in enumerate(asked):

            def score(
                positions: IdArray, query: Any = query, what: str = f"query {number}"
            ) -> FloatArray:
                return scorer(query, positions, what) if len(positions) else np.empty(0)

            found, scores = choosing.spend(known, score, matching, self._order, begin[number])
            rows.append(_best(found, scores, depth))
        exact = len(matching) <= self.budget
        info = SearchInfo(
            "exact" if exact else "cur",
            1.0 if exact or not asked else self._recall(depth, choosing),
            scorer.spent,
            perf_counter() - started,
            len(matching),
            "the budget scores every item"
            if exact
            else f"{self.anchors} anchors in {self.rounds} rounds tell where to look",
        )
        return Neighbours.from_rows(rows, info)

    def _recall(self, k: int, choosing: Choosing) -> float:
        """What the budget finds for anchor queries, each told from the others alone."""
        if k not in self._recalls:
            known = self._fitted()
            drawn = np.random.default_rng(self.random_state).permutation(len(known))
            shares = []
            for row in drawn[: min(MEASURED, len(known))].tolist():
                truth = known[row].astype(np.float64)
                _, scores = choosing.spend(
                    np.delete(known, row, axis=0),
                    truth.__getitem__,
                    np.arange(known.shape[1]),
                    self._order,
                    np.empty(0, dtype=np.int64),
                )
                least = np.partition(truth, len(truth) - k)[len(truth) - k]
                shares.append(min(1.0, int(np.count_nonzero(scores >= least)) / k))
            self._recalls[k] = float(np.mean(shares))
        return self._recalls[k]

    @suggest_arguments
    def save(self, path: str | Path) -> None:
        """Write the known scores, which were costly, and the options; not items and function.

        Raises:
            NotFitted, OSError: there is nothing to write, or it cannot be written.

        Example:
            >>> scores = np.random.default_rng(0).normal(size=(3, 4))
            >>> def score(query, items):
            ...     return [query * item for item in items]
            >>> CrossEncoder(score, budget=3, rounds=1).fit(range(4), scores=scores).save("x.index")
            >>> CrossEncoder.load("x.index", score, range(4))
            CrossEncoder(budget=3, anchors=1, rounds=1, 4 items, 3 anchor queries)
        """
        save_arrays(
            Path(path),
            {"known": self._fitted()},
            {
                "index": self.name,
                "format": FILE_FORMAT,
                "options": self._options(),
            },
        )

    @classmethod
    def load(cls, path: str | Path, score_fn: ScoreFunction, items: Iterable[Any]) -> Self:
        """Back from `save`, with the function and the items of then, in the same order.

        Raises:
            InvalidFile, DamagedFile: no such file, or cut short.
            InvalidArgument: another number of items.

        Example:
            >>> def score(query, items):
            ...     return [-abs(query - item) for item in items]
            >>> CrossEncoder(score, budget=4, rounds=1).fit(range(9), [1, 2]).save("near.index")
            >>> len(CrossEncoder.load("near.index", score, range(9)))
            9
        """
        file = open_arrays(Path(path))
        kind = file.attributes.get("index"), file.attributes.get("format")
        if kind != (cls.name, FILE_FORMAT):
            raise InvalidFile(
                f"{path}: expected an index {cls.name!r} of format {FILE_FORMAT}; got {kind}"
            )
        options: Mapping[str, Any] = file.attributes["options"]
        return cls(score_fn, **options).fit(items, scores=file.arrays["known"])

    def _options(self) -> dict[str, Any]:
        names = ("budget", "anchors", "rounds", "shrinkage", "random_state")
        return {name: getattr(self, name) for name in names}

    def _fitted(self) -> Float32Array:
        if self._known is None:
            raise NotFitted("CrossEncoder holds nothing yet; call fit(items, anchor_queries) first")
        return self._known

    def __len__(self) -> int:
        """Items there are."""
        return len(self._items)

    def __repr__(self) -> str:
        queries = 0 if self._known is None else len(self._known)
        return (
            f"CrossEncoder(budget={self.budget}, anchors={self.anchors}, rounds={self.rounds}, "
            f"{len(self)} items, {queries} anchor queries)"
        )


def _best(found: IdArray, scores: FloatArray, k: int) -> Row:
    order = np.lexsort((found, -scores))[:k]
    return Row(found[order].astype(np.int64), 0.0 - scores[order])  # no -0.0


def _sequence(name: str, values: Any) -> Iterable[Any]:
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise InvalidType(
            f"{name} must be a list or an array of them; got {values!r:.60} "
            f"of type {type(values).__name__}"
        )
    return values


def _read_scores(scores: Any, items: int) -> Float32Array:
    try:
        known = np.ascontiguousarray(scores, dtype=np.float32)
    except (TypeError, ValueError):
        raise InvalidType("scores must be an array of numbers (anchor queries, items)") from None
    if known.ndim != 2 or known.shape[1] != items:
        raise InvalidArgument(
            f"scores must be (anchor queries, {items} items); got the shape {known.shape}"
        )
    return known


def _read_candidates(candidates: Any, queries: int, items: int) -> list[IdArray]:
    if candidates is None:
        return [np.empty(0, dtype=np.int64)] * queries
    if isinstance(candidates, Neighbours):
        candidates = [row.ids for row in candidates]
    found = [np.asarray(row) for row in _sequence("candidates", candidates)]
    if len(found) != queries:
        raise InvalidArgument(
            f"candidates must be a list a query; got {len(found)} for {queries} queries"
        )
    for number, row in enumerate(found):
        if row.ndim != 1 or (row.size and row.dtype.kind not in "iu"):
            raise InvalidType(f"candidates of query {number} must be positions of items")
        if row.size and not (row.min() >= 0 and row.max() < items):
            raise InvalidArgument(
                f"candidates of query {number}: there are {items} items, at positions from 0 on"
            )
    return [row.astype(np.int64) for row in found]
