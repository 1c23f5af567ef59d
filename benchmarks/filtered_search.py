"""Search with filters, end to end, beside other stores: same rows, same filters, same k."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.data import FIRST_YEAR, YEARS, Data, true_neighbours
from benchmarks.peers import STORES, Store, installed
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import WARM, interleaved, median
from replications.protocol import Table

K = 10
RECALL = 0.95
#: The share of rows that pass; 1 is no filter. Half the rows are English.
SHARES = (1.0, 0.5, 0.1, 0.01)
ASKED_TO_TUNE = 50


@dataclass(frozen=True, slots=True)
class Answered:
    """One store and one filter."""

    store: str
    share: float
    effort: Any
    recall: float
    seconds: float


def run(setting: Setting) -> Outcome:
    """Fill every store, give each the least effort that finds 95 %, then ask in turn."""
    rows, queries = (3_000, 10) if setting.quick else (100_000, 100)
    path, data = setting.workspace.collection(rows, setting.random_state)
    stores = {"Likewise": STORES["Likewise"](path)}
    for name in installed(STORES) if setting.peers else ():
        if name != "Likewise":
            stores[name] = STORES[name](
                setting.workspace.peer_store(name, data, setting.random_state)
            )
    answered: list[Answered] = []
    for number, share in enumerate(SHARES):
        answered += _ask(stores, data, share, queries)
        setting.progress.step(number + 1, len(SHARES), f"share {share:g}")
    for store in stores.values():
        store.close()
    return Outcome(
        _figures(answered),
        [_table(answered)],
        (
            f"{rows:,} rows; filters are `year >= Y and lang = 'en'` (none at share 1), the same "
            f"for all queries of a cell; k = {K}; hits come with their metadata. year and lang "
            "are indexed in ours and in LanceDB; Chroma indexes all metadata.",
            f"We ask for recall {RECALL}. Each peer has, cell by cell, the least effort of its "
            f"list that finds {RECALL:.0%} for {ASKED_TO_TUNE} other queries, or its greatest. "
            "Recall is against the exact answer. Medians in turn, one query a call.",
        ),
    )


def first_year(share: float) -> int | None:
    """From which year rows must be, with English for half of them, for ``share`` to pass."""
    return None if share == 1 else FIRST_YEAR + round(YEARS * (1 - 2 * share))


def _ask(stores: dict[str, Store], data: Data, share: float, queries: int) -> list[Answered]:
    year = first_year(share)
    mask = None if year is None else data.mask(year, "en")
    asked = queries + WARM
    truth = true_neighbours(data, asked + ASKED_TO_TUNE, K, mask)
    efforts = {name: _tuned(store, data, truth, asked, year) for name, store in stores.items()}
    found = {name: np.zeros(asked) for name in stores}

    def work(name: str) -> Callable[[int], None]:
        def ask(i: int) -> None:
            found[name][i] = _share_found(stores[name], data, truth, i, year)

        return ask

    seconds = interleaved({name: work(name) for name in stores}, queries)
    return [
        Answered(name, share, efforts[name], float(found[name][:queries].mean()), median(taken))
        for name, taken in seconds.items()
    ]


def _share_found(
    store: Store, data: Data, truth: list[set[str]], i: int, year: int | None
) -> float:
    found = store.search(data.queries[i], K, year, "en")
    return len(truth[i].intersection(found)) / len(truth[i])


def _tuned(store: Store, data: Data, truth: list[set[str]], first: int, year: int | None) -> Any:
    """The least effort that reaches the recall on queries that are not timed; set on return."""
    for effort in store.efforts:
        store.set_effort(effort)
        shares = [_share_found(store, data, truth, i, year) for i in range(first, len(truth))]
        if np.mean(shares) >= RECALL:
            return effort
    return store.efforts[-1]


def _figures(answered: list[Answered]) -> list[Figure]:
    ours = {a.share: a for a in answered if a.store == "Likewise"}
    return [
        Figure(
            f"search, {'no filter' if a.share == 1 else f'{a.share:.0%} pass'}",
            1e3 * ours[a.share].seconds,
            "ms",
            a.store,
            1e3 * a.seconds,
            note=f"recall {ours[a.share].recall:.3f}, theirs {a.recall:.3f}",
        )
        for a in answered
        if a.store != "Likewise"
    ]


def _table(answered: list[Answered]) -> Table:
    rows = [
        (a.store, f"{a.share:g}", str(a.effort or ""), f"{a.recall:.3f}", f"{1e3 * a.seconds:.2f}")
        for a in answered
    ]
    return Table("Every cell", ("store", "share", "effort", "recall", "ms"), rows)


BENCHMARK = Benchmark("filtered_search", "How fast is a search with a filter?", run)
