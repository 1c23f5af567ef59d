"""What `Collection.search` adds to the index: the transaction, the filter, the ten hits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import likewise as lw
from benchmarks.data import Data
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import difference, interleaved, median, spread
from likewise.index import Index

K = 10
SEEN = "year >= 1960 and lang = 'en'"
TARGET, TARGET_NEW = 0.3, 2.0  # milliseconds


def run(setting: Setting) -> Outcome:
    """Search through the collection and through its index in turn, with the same queries."""
    rows, repetitions = (3_000, 20) if setting.quick else (100_000, 300)
    path, data = setting.workspace.collection(rows, setting.random_state)
    with lw.open(path) as collection:
        index = index_of(collection)
        figures = [
            _figure(collection, index, data, repetitions, "no filter", _nothing, TARGET),
            _figure(collection, index, data, repetitions, "filter seen before", _seen, TARGET),
            _figure(collection, index, data, repetitions, "new filter", _new, TARGET_NEW),
            _figure(
                collection, index, data, repetitions, "new filter, narrow", _narrow, TARGET_NEW
            ),
        ]
    return Outcome(
        figures,
        notes=(
            f"{rows:,} generated rows of {data.vectors.shape[1]} numbers, all in one segment; "
            f"one query at a time, {K} hits with metadata.",
            "The overhead is the median, over the queries, of the time through the collection "
            "less the time of its own index for the same query and the same rows to consider "
            "(for the index, a ready mask).",
            f"The filter seen before is {SEEN!r}; new ones have another price each "
            "(two of three rows pass, and one in fifty), and price is an indexed field.",
        ),
    )


def index_of(collection: lw.Collection) -> Index:
    """The index that a search of this collection goes through; it has a single segment."""
    with collection._viewing() as (_, view):  # there is no public way to the index alone
        (segment,) = view.segments
        return segment.indexes[view.settings.default_field]


Filter = Callable[[Data, int], tuple[str | None, Any]]


def _nothing(data: Data, i: int) -> tuple[str | None, Any]:
    return None, None


def _seen(data: Data, i: int) -> tuple[str | None, Any]:
    return SEEN, data.mask(1960, "en")


def _new(data: Data, i: int) -> tuple[str | None, Any]:
    price = 0.333 + i * 1e-6
    return f"price >= {price!r}", data.prices >= price


def _narrow(data: Data, i: int) -> tuple[str | None, Any]:
    price = 0.98 + i * 1e-6
    return f"price >= {price!r}", data.prices >= price


def _figure(
    collection: lw.Collection,
    index: Index,
    data: Data,
    repetitions: int,
    what: str,
    of: Filter,
    target: float,
) -> Figure:
    filters = [of(data, i) for i in range(len(data.queries))]
    strategies = set()

    def whole(i: int) -> None:
        found = collection.search(data.queries[i], K, where=filters[i][0])
        strategies.add(found.info.strategy)

    def alone(i: int) -> None:
        index.search(data.queries[i], K, where=filters[i][1])

    seconds = interleaved({"collection": whole, "index": alone}, repetitions, before=alone)
    added = 1e3 * (seconds["collection"] - seconds["index"])
    return Figure(
        f"search, {what}: added to the index",
        1e3 * difference(seconds["collection"], seconds["index"]),
        "ms",
        target=target,
        note=f"index alone {1e3 * median(seconds['index']):.2f} ms ({', '.join(sorted(strategies))}"
        f"), {spread(np.asarray(added))}",
    )


BENCHMARK = Benchmark("search_overhead", "What does a collection add to its index?", run)
