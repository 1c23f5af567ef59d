"""`evaluate`: how good answers are, by what people have judged relevant."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise._arguments import check_count, check_k, suggest_arguments, unknown_argument
from likewise.errors import InvalidArgument, InvalidType, MissingExtra
from likewise.results import Results
from likewise.store.collection import Collection
from likewise.store.comparing import Comparison, compare
from likewise.store.judgements import Judgements, read_qrels, read_queries
from likewise.store.measures import Measure, compute, read_metrics
from likewise.store.runs import Run, read_run

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("ndcg@10", "recall@100")
#: How many hits are asked for where a metric looks at the whole answer, as is the custom of TREC.
WHOLE_ANSWER = 1000
#: Queries searched for in one call.
BATCH = 128


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What `evaluate` found.

    Attributes:
        means: {metric: mean over the queries judged}.
        per_query: {metric: {query: value}}.
        run: what was found, to be saved or evaluated again.
        unjudged: queries that were asked and left out, since no row is judged relevant to them.
        unanswered: judged queries without a hit; each counts as 0.
        recall: the mean share of the true neighbours that the searches promise; None for a run.
        seconds: a query, of the searches; None for a run.

    Example:
        >>> report = evaluate(Run({"q": {"a": 0.9, "b": 0.4}}), qrels={"q": {"b": 1}},
        ...                   metrics="mrr")
        >>> report.means
        {'mrr': 0.5}
    """

    means: dict[str, float]
    per_query: dict[str, dict[str, float]]
    run: Run
    unjudged: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    recall: float | None = None
    seconds: float | None = None
    _queries: tuple[str, ...] = field(default=(), repr=False)

    @suggest_arguments
    def compare(self, other: EvaluationReport, *, random_state: int = 0) -> list[Comparison]:
        """This report and another of the same queries, metric by metric, with a paired test.

        Args:
            other: evaluated with the same judgements.
            random_state: of the randomisation test and the bootstrap.

        Returns:
            A `Comparison` for each metric that both have. The p values are of one metric each:
            who looks at many must expect some to be small by chance.

        Raises:
            InvalidArgument: other queries, or no metric in common.
            InvalidType: ``other`` is no report.

        Cost: 20,000 draws of the queries a metric; 0.1 s for 300.

        Example:
            >>> qrels = {"q1": {"a": 1}, "q2": {"b": 1}}
            >>> good = evaluate(Run({"q1": {"a": 1.0}, "q2": {"b": 1.0}}), qrels=qrels)
            >>> poor = evaluate(Run({"q1": {"a": 1.0}, "q2": {"x": 1.0}}), qrels=qrels)
            >>> found = good.compare(poor)[0]
            >>> found.metric, found.difference, found.p_value
            ('ndcg@10', 0.5, 1.0)
        """
        if not isinstance(other, EvaluationReport):
            raise InvalidType(f"compare() takes another report; got {type(other).__name__}")
        seed = check_count("random_state", random_state, minimum=0)
        if set(self._queries) != set(other._queries):
            differing = sorted(set(self._queries) ^ set(other._queries))
            raise InvalidArgument(
                f"the reports are of different queries; {len(differing)} are in one alone, such "
                f"as {differing[0]!r}; evaluate both with the same judgements"
            )
        common = [name for name in self.per_query if name in other.per_query]
        if not common:
            raise InvalidArgument(
                f"the reports share no metric: {', '.join(self.per_query)} here, "
                f"{', '.join(other.per_query)} there"
            )
        return [compare(name, self._values(name), other._values(name), seed) for name in common]

    def _values(self, name: str) -> Any:
        values = self.per_query[name]
        return np.array([values[query] for query in sorted(self._queries)])

    def to_dict(self) -> dict[str, Any]:
        """The means and what concerns all queries, as plain values for JSON.

        Example:
            >>> evaluate(Run({"q": {"a": 1.0}}), qrels={"q": {"a": 1}}).to_dict()["means"]
            {'ndcg@10': 1.0, 'recall@100': 1.0}
        """
        return {
            "means": dict(self.means),
            "queries": len(self._queries),
            "unjudged": list(self.unjudged),
            "unanswered": list(self.unanswered),
            "recall": self.recall,
            "seconds": self.seconds,
        }

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame of values: a row a query, a column a metric (extra ``pandas``).

        Raises:
            MissingExtra: pandas is not installed.

        Example:
            >>> report = evaluate(Run({"q": {"a": 1.0}}), qrels={"q": {"a": 1}})
            >>> report.to_pandas().loc["q", "ndcg@10"].item()
            1.0
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra(
                "to_pandas() needs pandas: pip install 'likewise[pandas]'"
            ) from error
        return pd.DataFrame(self.per_query).rename_axis("query")

    def __str__(self) -> str:
        values = ", ".join(f"{name} {value:.4f}" for name, value in self.means.items())
        return f"{values} (mean of {len(self._queries)} queries)"


def evaluate(
    source: Collection | Run | str | Path,
    queries: Mapping[Any, Any] | str | Path | None = None,
    qrels: Any = None,
    *,
    metrics: str | Iterable[str] = METRICS,
    k: int | None = None,
    **search: Any,
) -> EvaluationReport:
    """How good the answers to ``queries`` are, by the judgements ``qrels``.

    Every query that some row is judged relevant to counts the same; one that finds nothing counts
    as 0 (trec_eval with ``-c``). The metrics are those of NIST's trec_eval, by ir-measures (extra
    ``evaluate``): ``ndcg`` (gain is the grade, discount log2(rank + 1)), ``recall``,
    ``precision``, ``map``, ``mrr``, ``success``, ``rprec``, ``bpref``; relevant is a grade above 0.

    Args:
        source: a collection to search; or a `Run`, or the path of a run file of TREC, which needs
            no queries.
        queries: {query: text, vector, or anything else that `Collection.search` takes}, or a
            file of texts or vectors: JSON Lines, or an id, a tab and a text a line.
        qrels: {query: {id: grade}}, a DataFrame or a file; see `read_qrels`. Ids are compared
            as strings.
        metrics: names such as ``"ndcg@10"``, ``"recall@100"``, ``"map"``.
        k: hits a query; None is as many as the deepest metric looks at, or 1000 where one
            looks at the whole answer.
        search: any other argument of `Collection.search`: ``where``, ``using``, ``exact``, …

    Returns:
        `EvaluationReport`: means, values by query, and the run itself.

    Raises:
        MissingExtra: ir-measures is not installed.
        InvalidArgument, InvalidType, InvalidFile: an unknown metric, a ``k`` that is less than a
            metric looks at, no query that is judged, or judgements that cannot be read.
        UnknownArgument: no argument of a search.

    Cost: a search a query, and about 50 microseconds for the metrics.

    Example:
        >>> import likewise as lw
        >>> col = lw.create("c.likewise", dim=2)
        >>> _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
        >>> queries = {"q1": [0.1, 1], "q2": [0.2, 1]}
        >>> report = lw.evaluate(col, queries, {"q1": {"up": 1}, "q2": {"right": 1}}, metrics="mrr")
        >>> report.means, report.per_query["mrr"]
        ({'mrr': 0.75}, {'q1': 1.0, 'q2': 0.5})
    """
    _check_names(search)
    measures = read_metrics(metrics)
    judged = read_qrels(qrels)
    if isinstance(source, Collection):
        depth = _depth(measures, k)
        asked = read_queries(queries)
        wanted = [query for query in asked if any(g > 0 for g in judged.get(query, {}).values())]
        if not wanted:
            raise InvalidArgument(
                f"none of the {len(asked)} queries has a relevant row in qrels, which judge "
                f"{len(judged)} queries such as {next(iter(judged))!r}; are the ids the same?"
            )
        run, recall, seconds = _search(source, {q: asked[q] for q in wanted}, depth, search)
        unjudged = tuple(query for query in asked if query not in set(wanted))
        return _report(run, measures, judged, wanted, unjudged, recall, seconds)
    return _of_run(source, queries, measures, judged, k, search)


def _check_names(search: Mapping[str, Any]) -> None:
    """Refuse what neither `evaluate` nor a search takes, under the name that was called."""
    known = {
        name
        for function in (evaluate, Collection.search)
        for name in inspect.signature(function).parameters
        if name not in ("self", "query", "search", "source")
    }
    for name in search:
        if name not in known:
            raise unknown_argument("evaluate", name, known)


def _of_run(
    source: Any,
    queries: Any,
    measures: list[Measure],
    judged: Judgements,
    k: Any,
    search: Mapping[str, Any],
) -> EvaluationReport:
    run = read_run(source) if isinstance(source, (str, Path)) else source
    if not isinstance(run, Run):
        raise InvalidType(
            "evaluate() takes a Collection, a Run or the path of a run file; "
            f"got {type(source).__name__}"
        )
    given = [*search, *(["queries"] if queries is not None else []), *(["k"] if k else [])]
    if given:
        raise InvalidArgument(
            f"a run has its answers already, so evaluate() does not take {', '.join(given)} with it"
        )
    wanted = [query for query, rows in judged.items() if any(g > 0 for g in rows.values())]
    if not set(wanted) & set(run):
        raise InvalidArgument(
            f"none of the {len(run)} queries of the run has a relevant row in qrels, which judge "
            f"{len(judged)} queries such as {next(iter(judged))!r}; are the ids the same?"
        )
    unjudged = tuple(query for query in run if query not in set(wanted))
    return _report(run, measures, judged, wanted, unjudged, None, None)


def _report(
    run: Run,
    measures: list[Measure],
    judged: Judgements,
    wanted: Sequence[str],
    unjudged: tuple[str, ...],
    recall: float | None,
    seconds: float | None,
) -> EvaluationReport:
    order = {query: list(run[query]) for query in wanted if query in run}
    values = compute(measures, {query: judged[query] for query in wanted}, order)
    means = {name: float(np.mean(list(rows.values()))) for name, rows in values.items()}
    unanswered = tuple(query for query in wanted if not order.get(query))
    return EvaluationReport(
        means, values, run, unjudged, unanswered, recall, seconds, tuple(wanted)
    )


def _depth(measures: list[Measure], k: Any) -> int:
    """How many hits to ask for."""
    if k is None:
        return max(measure.depth or WHOLE_ANSWER for measure in measures)
    depth = check_k(k)
    for measure in measures:
        if measure.depth is not None and measure.depth > depth:
            raise InvalidArgument(
                f"metric {measure.name!r} looks at {measure.depth} hits and k={depth} gives fewer; "
                "raise k, or leave it out"
            )
    return depth


def _search(
    collection: Collection, queries: Mapping[str, Any], k: int, search: Mapping[str, Any]
) -> tuple[Run, float, float]:
    """The run, the mean recall promised, and the seconds a query."""
    started = perf_counter()
    answers: dict[str, Results] = {}
    texts = [query for query, asked in queries.items() if isinstance(asked, str)]
    for start in range(0, len(texts), BATCH):
        some = texts[start : start + BATCH]
        found = collection.search([queries[query] for query in some], k, **search)
        answers.update(zip(some, found, strict=True))
    for query, asked in queries.items():
        if query not in answers:
            answers[query] = collection.search(asked, k, **search)
            if not isinstance(answers[query], Results):
                raise InvalidArgument(
                    f"query {query!r} is a batch; give each query an id of its own"
                )
    seconds = (perf_counter() - started) / len(queries)
    run = Run({query: _scores(query, answers[query]) for query in queries}, collection.name)
    recall = float(np.mean([answer.info.recall for answer in answers.values()]))
    return run, recall, seconds


def _scores(query: str, answer: Results) -> dict[str, float]:
    found = {str(hit.id): hit.score for hit in answer}
    if len(found) != len(answer):
        raise InvalidArgument(
            f"query {query!r} found two ids that are the same as strings, which judgements and "
            "run files cannot tell apart; rename one of the rows"
        )
    return found
