"""Every engine at every effort, on one core, in turn: recall, and queries a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.curves import Point
from benchmarks.peers.engines import Engine, label
from benchmarks.timing import interleaved, median
from benchmarks.vectors import K, VectorSet

BATCH, SINGLES, ROUNDS = 1_000, 500, 5
#: An engine searches no harder once it has found so much this many times running.
ENOUGH, RUNNING = 0.998, 2
#: What finds less is of no use to anybody, and not timed.
FEWEST = 0.6
#: An effort that another of the same engine beats by so much in both is not timed again.
BEATEN = 1.3

Key = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """One effort, tried once: what it finds, and roughly how fast."""

    effort: Any
    recall: float
    rate: float


def sweep(
    engines: Mapping[str, Engine], data: VectorSet, *, rounds: int = ROUNDS, singles: bool = True
) -> list[Point]:
    """Time each engine at those of its efforts that are worth it.

    Batches of `BATCH` queries (all, where there are fewer), a fresh one each round; and, unless
    ``singles`` is False (then their rate is 0), `SINGLES` queries one a call. Engines take turns
    effort by effort, and figures are medians over the rounds. Recall is over all queries.
    """
    trials = {
        (name, t.effort): t for name, e in engines.items() for t in worthwhile(tried(e, data))
    }
    # Neighbours in time are engines at like efforts, so that what disturbs one disturbs all.
    keys = sorted(trials, key=lambda key: trials[key].recall)
    batches = [data.queries[i : i + BATCH] for i in range(0, len(data.queries), BATCH)]
    batches = [batch for batch in batches if len(batch) == len(batches[0])]
    alone = list(data.queries[:SINGLES])

    def many(key: Key) -> Callable[[int], object]:
        def ask(i: int) -> object:
            engines[key[0]].set_effort(key[1])
            return engines[key[0]].search(batches[i % len(batches)], K)

        return ask

    def one(key: Key) -> Callable[[int], object]:
        def ask(_: int) -> None:
            engines[key[0]].set_effort(key[1])
            search = engines[key[0]].search_one
            for query in alone:
                search(query, K)

        return ask

    batched = interleaved({key: many(key) for key in keys}, rounds, warm=1)
    singly = interleaved({key: one(key) for key in keys}, rounds, warm=1) if singles else {}
    return [
        Point(
            key[0],
            label(key[1]),
            trial.recall,
            len(batches[0]) / median(batched[key]),
            len(alone) / median(singly[key]) if singles else 0.0,
        )
        for key, trial in trials.items()
    ]


def tried(engine: Engine, data: VectorSet) -> list[Trial]:
    """Its efforts, each tried once over all queries: harder ones until it finds enough."""
    trials: list[Trial] = []
    engine.set_effort(engine.efforts[0])
    engine.search(data.queries[:BATCH], K)  # whatever is done at a first search, is done
    for effort in engine.efforts:
        engine.set_effort(effort)
        started = perf_counter()
        found = engine.search(data.queries, K)
        rate = len(data.queries) / (perf_counter() - started)
        trials.append(Trial(effort, recall_of(found, data.truth), rate))
        if len(trials) >= RUNNING and all(t.recall >= ENOUGH for t in trials[-RUNNING:]):
            break
    return trials


def worthwhile(trials: Sequence[Trial]) -> list[Trial]:
    """Those of one engine that find something, and are not plainly beaten by another."""
    useful = [trial for trial in trials if trial.recall >= FEWEST]
    return [t for t in useful if not any(_beats(other, t) for other in useful)]


def _beats(one: Trial, other: Trial) -> bool:
    return one.recall >= other.recall and one.rate > BEATEN * other.rate


def recall_of(found: npt.NDArray[Any], truth: npt.NDArray[np.int64]) -> float:
    """The share of the true neighbours that were found, over all queries."""
    found = np.asarray(found).astype(np.int64)  # unsigned in some engines
    hits = (found[:, :, None] == truth[:, None, :]).any(axis=1)
    return float(hits.mean())
