"""What `Collection.search` adds to the index: the transaction, the filter, the ten hits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import likewise as lw
from benchmarks.data import Data
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import WARM, difference, interleaved, median, quietest, spread
from likewise.index import Index

K, ROUNDS = 10, 3
SEEN = "year >= 1960 and lang = 'en'"
TARGET, TARGET_NEW = 0.3, 2.0  # milliseconds


def run(setting: Setting) -> Outcome:
    """Search through the collection and through its index in turn, with the same queries."""
    rows, queries = (3_000, 10) if setting.quick else (100_000, 150)
    path, data = setting.workspace.collection(rows, setting.random_state)
    with lw.open(path) as collection:
        index = index_of(collection)
        figures = [
            _figure(collection, index, data, queries, "no filter", _nothing, TARGET),
            _figure(collection, index, data, queries, "filter seen before", _seen, TARGET),
            _figure(collection, index, data, queries, "new filter", _new, TARGET_NEW),
            _figure(collection, index, data, queries, "new filter, narrow", _narrow, TARGET_NEW),
        ]
    return Outcome(
        figures,
        notes=(
            f"{rows:,} generated rows of {data.vectors.shape[1]} numbers, all in one segment; "
            f"one query at a time, {K} hits with metadata.",
            "The overhead is the median, over the queries, of the time through the collection "
            "less the time of its own index for the same query and the same rows to consider "
            f"(for the index, a ready mask); each the least of {ROUNDS}, in turn.",
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
    price = 0.333 + i * 1e-5
    return f"price >= {price!r}", data.prices >= price


def _narrow(data: Data, i: int) -> tuple[str | None, Any]:
    price = 0.98 + i * 1e-6
    return f"price >= {price!r}", data.prices >= price


def _figure(
    collection: lw.Collection,
    index: Index,
    data: Data,
    queries: int,
    what: str,
    of: Filter,
    target: float,
) -> Figure:
    times = ROUNDS * queries
    filters = [of(data, i) for i in range(times + WARM)]
    strategies = set()

    def whole(i: int) -> None:
        found = collection.search(data.queries[i % queries], K, where=filters[i][0])
        strategies.add(found.info.strategy)

    def alone(i: int) -> None:
        index.search(data.queries[i % queries], K, where=filters[i][1])

    taken = interleaved({"collection": whole, "index": alone}, times, before=alone)
    through, bare = (quietest(taken[name], ROUNDS) for name in ("collection", "index"))
    return Figure(
        f"search, {what}: added to the index",
        1e3 * difference(through, bare),
        "ms",
        target=target,
        note=f"index alone {1e3 * median(bare):.2f} ms ({', '.join(sorted(strategies))}), "
        f"{spread(through - bare, 1e3)}",
    )


BENCHMARK = Benchmark("search_overhead", "What does a collection add to its index?", run)
