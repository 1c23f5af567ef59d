"""Metrics of retrieval by name, computed by ir-measures, which calls NIST's trec_eval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from likewise._arguments import check_count
from likewise.errors import InvalidArgument, InvalidType, MissingExtra
from likewise.store.judgements import Judgements

#: Our names, and those of ir-measures.
MEASURES = {
    "ndcg": "nDCG",
    "recall": "R",
    "precision": "P",
    "map": "AP",
    "mrr": "RR",
    "success": "Success",
    "rprec": "Rprec",
    "bpref": "Bpref",
}
#: Of these, those that look at the whole answer and take no ``@``.
WHOLE = ("rprec", "bpref")
#: And those that must have one.
CUT = ("recall", "precision", "success")


class Measure(NamedTuple):
    """One metric: its name as it was given, and how deep it looks (None is the whole answer)."""

    name: str
    kind: str
    depth: int | None


def read_metrics(metrics: Any) -> list[Measure]:
    """The metrics named, each ``"ndcg"`` or ``"ndcg@10"`` and the like.

    Raises:
        InvalidArgument, InvalidType: an unknown name, a depth that is none, or nothing at all.
    """
    named = [metrics] if isinstance(metrics, str) else metrics
    if not isinstance(named, Iterable):
        raise InvalidType(f"metrics must be names such as 'ndcg@10'; got {metrics!r:.60}")
    found = [_read(name) for name in dict.fromkeys(named)]
    if not found:
        raise InvalidArgument("metrics is empty; name one at least, such as 'ndcg@10'")
    return found


def _read(name: Any) -> Measure:
    if not isinstance(name, str):
        raise InvalidType(f"metrics must be names such as 'ndcg@10'; got {name!r:.60}")
    kind, at, depth = name.lower().partition("@")
    if kind not in MEASURES:
        raise InvalidArgument(
            f"no metric {name!r}; there are {', '.join(MEASURES)}, with a depth as in 'ndcg@10'"
        )
    if bool(at) and (kind in WHOLE or not (depth.isascii() and depth.isdigit())):
        wanted = "takes no depth" if kind in WHOLE else "takes a depth, as in 'ndcg@10'"
        raise InvalidArgument(f"metric {name!r}: {kind} {wanted}; got {depth!r}")
    if not at and kind in CUT:
        raise InvalidArgument(f"metric {name!r} needs a depth, as in '{kind}@10'")
    return Measure(name, kind, check_count(f"the depth of {name!r}", int(depth)) if at else None)


def compute(
    measures: list[Measure], judgements: Judgements, order: Mapping[str, list[str]]
) -> dict[str, dict[str, float]]:
    """{metric: {query: value}} of answers, ids from the best on; a missing answer counts as 0.

    Ranks are handed over, not scores: trec_eval would put equal scores into an order of its own.

    Raises:
        MissingExtra: ir-measures is not installed.
    """
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtra(
            "evaluate() needs ir-measures: pip install 'likewise[evaluate]'"
        ) from error
    ranked = {
        query: {id_: -float(rank) for rank, id_ in enumerate(order.get(query, ()))}
        for query in judgements
    }
    names = {
        measure.name: ir_measures.parse_measure(
            MEASURES[measure.kind] + (f"@{measure.depth}" if measure.depth else "")
        )
        for measure in measures
    }
    values: dict[Any, dict[str, float]] = {theirs: {} for theirs in names.values()}
    for found in ir_measures.iter_calc(list(values), judgements, ranked):
        values[found.measure][found.query_id] = float(found.value)
    return {
        name: {query: values[theirs].get(query, 0.0) for query in judgements}
        for name, theirs in names.items()
    }
